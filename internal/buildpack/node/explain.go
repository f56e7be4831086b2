package node

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// reason is what words in the output of npm or of a script mean.
type reason struct {
	words   []string
	code    string
	message string // "" keeps npm's own
	hint    string
}

const (
	heap    = "heap out of memory"
	foreign = "package-lock.json was written on another system and lacks what a module needs on Linux."
)

// reasons for a failed installation, the more telling ones first.
var reasons = []reason{
	{
		[]string{"can only install packages when your package.json and", "can only install with an existing package-lock"},
		"npm_lock",
		"package.json and package-lock.json do not match.", "Run: npm install, then commit package-lock.json.",
	},
	{
		[]string{`Unsupported URL Type "workspace:"`, `Unsupported URL Type "catalog:"`},
		"npm_protocol", "",
		"Versions such as workspace:* are understood by pnpm and Yarn only, and npm installs here. Write \"*\" instead, and list the folders in package.json under workspaces.",
	},
	{[]string{"ERESOLVE"}, "npm_failed", "", "Two modules want different versions of a third one. Run npm install on your machine, solve it there and commit package-lock.json."},
	{[]string{"E404", "ETARGET"}, "npm_failed", "", "Check the name and the version in package.json."},
	{[]string{"E401", "E403", "ENEEDAUTH"}, "npm_failed", "", "The module is private: give an .npmrc with access, or make it public."},
	{[]string{"EINTEGRITY"}, "npm_failed", "", "package-lock.json does not match what npm has. Delete it, run npm install and commit it again."},
	{
		[]string{"ENOTFOUND", "ETIMEDOUT", "ECONNRESET", "ECONNREFUSED", "EAI_AGAIN"},
		"npm_failed", "",
		"The server could not reach the npm registry. Try again; if it happens again, check the server's network.",
	},
	{[]string{"ENOSPC"}, "disk_full", "", "The server's disk is full: remove apps or files that are not needed."},
}

// explainInstall turns npm's failure into a sentence with npm's own words.
func explainInstall(err error, tail *buildpack.Tail, verb string) error {
	if buildpack.Killed(err) {
		return buildpack.OutOfMemory("npm " + verb + " was ended by the server.")
	}
	all := strings.Join(tail.Lines(), "\n")
	if strings.Contains(all, heap) {
		return buildpack.OutOfMemory("npm " + verb + " ran out of it.")
	}
	if strings.Contains(all, "not found: make") || strings.Contains(all, "gyp ERR!") {
		return explainNative(all)
	}
	words := npmError(tail)
	if script := scriptError(tail); script != "" {
		words = script
	}
	for _, r := range reasons {
		if slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(all, w) }) {
			if r.message != "" {
				return buildpack.Failf(r.code, r.hint, "%s", r.message)
			}
			return buildpack.Failf(r.code, r.hint, "npm %s failed: %s", verb, words)
		}
	}
	return buildpack.Failf("npm_failed", "The lines above say more.", "npm %s failed: %s", verb, words)
}

var (
	modulePath    = regexp.MustCompile(`npm (?:error|ERR!) path .*/node_modules/((?:@[^/\s]+/)?[^/\s]+)`)
	scriptCommand = regexp.MustCompile(`npm (?:error|ERR!) command sh -c (.+)`)
)

// failedModule names the module whose script failed.
func failedModule(all string) string {
	if match := modulePath.FindStringSubmatch(all); match != nil {
		return "The module " + match[1]
	}
	return "A module"
}

func explainNative(all string) error {
	hint := "Choose a version of it that brings a ready program for Linux, or a module that is written in JavaScript only."
	if unreachable.MatchString(all) {
		hint = "Its ready program for Linux could not be fetched: check the server's network and push again. Else choose a module that is written in JavaScript only."
	}
	return buildpack.Failf("npm_native", hint, "%s must be compiled from C or C++, which builds here cannot do.", failedModule(all))
}

var unreachable = regexp.MustCompile(`ENOTFOUND|ETIMEDOUT|ECONNRESET|ECONNREFUSED|EAI_AGAIN`)

// scriptError names a script that npm ran while it installed and that failed, "" when there is none.
func scriptError(tail *buildpack.Tail) string {
	all := strings.Join(tail.Lines(), "\n")
	match := scriptCommand.FindStringSubmatch(all)
	if match == nil {
		return ""
	}
	whose := ""
	if module := modulePath.FindStringSubmatch(all); module != nil {
		whose = " of " + module[1]
	}
	_, after, _ := strings.Cut(all, match[0])
	said := strings.Split(after, "\n")
	if !slices.ContainsFunc(said, func(line string) bool {
		return npmSays.MatchString(line) && !details.MatchString(npmSays.ReplaceAllString(line, ""))
	}) {
		said = tail.Lines() // a script of the app itself speaks before npm does
	}
	return "the script " + cut(match[1]) + whose + " failed: " + worst(said)
}

// explainScript quotes the line of a failed build script that looks most like the reason.
func explainScript(name string, tail *buildpack.Tail) error {
	lines := tail.Lines()
	all := strings.Join(lines, "\n")
	switch {
	case strings.Contains(all, heap):
		return buildpack.OutOfMemory("npm run " + name + " ran out of it.")
	case foreignLock.MatchString(all):
		return buildpack.Failf("npm_lock_foreign", "Delete package-lock.json and the folder node_modules, run npm install, then commit package-lock.json.", "npm run %s failed: %s", name, foreign)
	}
	return buildpack.Failf("npm_script_failed", "The lines above say more. Run it on your machine: npm run "+name, "npm run %s failed: %s", name, worst(lines))
}

// foreignLock is what tools say whose program for this system npm has not installed.
var foreignLock = regexp.MustCompile(`npm has a bug related to optional dependencies|Cannot find module '[^']*linux-(x64|arm64)|package "@[a-z]+/linux-(x64|arm64)" could not be found`)

var (
	framing = regexp.MustCompile(`^(npm (error|ERR!)|at |>|throw |Node\.js v|node:|\[?[{}\]^]*$)`)
	npmSays = regexp.MustCompile(`^npm (error|ERR!) ?`)
	telling = regexp.MustCompile(`(?i)error|not found|cannot find|fatal`)
	counts  = regexp.MustCompile(`(?i)\b(0|no) errors?\b`)
)

// worst is the first line that looks like an error, with the next one when it only announces it; else the last.
func worst(lines []string) string {
	var said []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" && !framing.MatchString(line) {
			said = append(said, line)
		}
	}
	if len(said) == 0 { // npm says what a script said as its own words
		for _, line := range lines {
			if text := strings.TrimSpace(npmSays.ReplaceAllString(line, "")); text != "" && !strings.HasPrefix(text, "A complete log of this run") {
				said = append(said, text)
			}
		}
	}
	for i, line := range said {
		switch {
		case !telling.MatchString(line) || counts.MatchString(line):
			continue
		case strings.HasSuffix(line, ":") && i+1 < len(said):
			return cut(line + " " + said[i+1])
		}
		return cut(line)
	}
	if len(said) == 0 {
		return "it said nothing"
	}
	return cut(said[len(said)-1])
}

func cut(line string) string {
	if runes := []rune(line); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return line
}

// npmError finds npm's own words in its output.
func npmError(tail *buildpack.Tail) string {
	lines := tail.Lines()
	for _, line := range lines {
		text := npmSays.ReplaceAllString(line, "")
		if text == line || strings.TrimSpace(text) == "" || details.MatchString(text) {
			continue
		}
		return cut(strings.TrimSpace(text))
	}
	if len(lines) > 0 {
		return cut(lines[len(lines)-1])
	}
	return "it said nothing"
}

var details = regexp.MustCompile(`^\s*(A complete log of this run|code |errno |syscall |path |command )`)
