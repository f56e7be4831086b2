package node

import (
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// explainInstall turns npm's failure into a sentence with npm's own words.
func explainInstall(err error, tail *buildpack.Tail, verb string) error {
	if buildpack.Killed(err) {
		return err
	}
	words, hint := npmError(tail), "The lines above say more."
	all := strings.Join(tail.Lines(), "\n")
	switch {
	case strings.Contains(all, "can only install packages when your package.json and"), strings.Contains(all, "can only install with an existing package-lock"):
		return buildpack.Failf("npm_lock", "Run: npm install, then commit package-lock.json.", "package.json and package-lock.json do not match.")
	case strings.Contains(all, "not found: make"), strings.Contains(all, "gyp ERR!"), strings.Contains(all, "node-gyp"):
		return buildpack.Failf("npm_native", "Choose a version of it that brings a ready program for Linux, or one written in JavaScript only.",
			"A module must be compiled from C or C++, which builds here cannot do: %s", words)
	case strings.Contains(all, "ERESOLVE"):
		hint = "Two modules want different versions of a third one. Run npm install on your machine, solve it there and commit package-lock.json."
	case strings.Contains(all, "E404"), strings.Contains(all, "ETARGET"):
		hint = "Check the name and the version in package.json."
	case strings.Contains(all, "E401"), strings.Contains(all, "E403"):
		hint = "The module is private: give an .npmrc with access, or make it public."
	case strings.Contains(all, "ENOTFOUND"), strings.Contains(all, "ETIMEDOUT"), strings.Contains(all, "ECONNRESET"), strings.Contains(all, "EAI_AGAIN"):
		hint = "The server could not reach the npm registry. Try again; if it happens again, check the server's network."
	case strings.Contains(all, "ENOSPC"):
		hint = "The server's disk is full."
	}
	return buildpack.Failf("npm_failed", hint, "npm %s failed: %s", verb, words)
}

// explainScript quotes the line of a failed build script that looks most like the reason.
func explainScript(name string, tail *buildpack.Tail) error {
	var last string
	for _, line := range tail.Lines() {
		if strings.HasPrefix(line, "npm error") || strings.HasPrefix(line, "npm ERR!") || strings.HasPrefix(line, "at ") || strings.HasPrefix(line, ">") || strings.HasPrefix(line, "Node.js v") || line == "}" || line == "{" {
			continue
		}
		lower := strings.ToLower(line)
		if strings.Contains(lower, "error") || strings.Contains(lower, "not found") || strings.Contains(lower, "cannot find") {
			return failed(name, line)
		}
		last = line
	}
	if last == "" {
		last = "it said nothing"
	}
	return failed(name, last)
}

func failed(name, line string) error {
	if len(line) > 300 {
		line = line[:300] + "…"
	}
	return buildpack.Failf("npm_script_failed", "The lines above say more. Run it on your machine: npm run "+name, "npm run %s failed: %s", name, line)
}
