package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// remote is the name of the git remote that leads to an app.
const remote = "lugsail"

func git(args ...string) command.Command {
	return command.Command{Name: "git", Args: args, Env: os.Environ()}
}

// configureGit lets git find the token and trust the certificate, for this server
// only. It reports whether it did: without git there is nothing to do.
func (p *program) configureGit(ctx context.Context, s savedServer) (bool, error) {
	if command.Find("git") == "" {
		return false, nil
	}
	if err := p.forgetGit(ctx, s); err != nil {
		return false, err
	}
	self, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("finding this program: %w", err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return false, fmt.Errorf("reading the address: %w", err)
	}
	// An empty helper first keeps other helpers from storing the token somewhere else.
	set := [][2]string{{"credential." + s.URL + ".helper", ""}, {"credential." + s.URL + ".helper", quoted(self) + " git-credential"}}
	if s.CA != "" {
		set = append(set, [2]string{"http." + s.URL + "/.sslCAInfo", s.CA})
	}
	if s.Here || isLocal(u.Hostname()) {
		port := u.Port()
		if port == "" {
			port = "443"
		}
		set = append(set, [2]string{"http." + s.URL + "/.curloptResolve", u.Hostname() + ":" + port + ":127.0.0.1"})
	}
	for _, kv := range set {
		if err := git("config", "--global", "--add", kv[0], kv[1]).Run(ctx); err != nil {
			return false, fmt.Errorf("telling git about the server: %w", err)
		}
	}
	return true, nil
}

// quoted makes the path one word for the shell that git runs helpers with.
func quoted(path string) string {
	if !strings.ContainsAny(path, " '\"\\$&;()<>|*?[]#~`\t\n!") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func (p *program) forgetGit(ctx context.Context, s savedServer) error {
	if command.Find("git") == "" {
		return nil
	}
	for _, key := range []string{"credential." + s.URL + ".helper", "http." + s.URL + "/.sslCAInfo", "http." + s.URL + "/.curloptResolve"} {
		err := git("config", "--global", "--unset-all", key).Run(ctx)
		var exit *command.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Code != 5) { // 5: it was not set
			return fmt.Errorf("telling git about the server: %w", err)
		}
	}
	return nil
}

// gitCredential speaks git's credential protocol: it gives the token for servers that one is signed in to.
func (p *program) gitCredential() *cobra.Command {
	return &cobra.Command{
		Use: "git-credential get|store|erase", Hidden: true, Args: args(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] != "get" {
				return nil // nothing to keep: login and logout do
			}
			asked := map[string]string{}
			in := bufio.NewScanner(p.Stdin)
			for in.Scan() && in.Text() != "" {
				name, value, _ := strings.Cut(in.Text(), "=")
				asked[name] = value
			}
			if err := in.Err(); err != nil {
				return fmt.Errorf("reading git's question: %w", err)
			}
			base, err := cleanURL(asked["protocol"] + "://" + asked["host"])
			if err != nil {
				return nil //nolint:nilerr // not an address of ours: git asks elsewhere
			}
			token, err := p.tokenFor(base)
			if err != nil || token == "" {
				return err
			}
			p.printf("username=lugsail\npassword=%s\n", token)
			return nil
		},
	}
}

func (p *program) tokenFor(base string) (string, error) {
	s, err := p.readSaved()
	if err != nil {
		return "", err
	}
	return s.Servers[base].Token, nil
}

// remoteApp reads the app and its server from the git remotes of the folder; "" when none tells
// them. A remote of another name, such as the origin of a clone, counts when it leads to a server
// that the person knows, and no other one does.
func (p *program) remoteApp(ctx context.Context) (base, name, by string) {
	if command.Find("git") == "" {
		return "", "", ""
	}
	out, err := git("remote", "-v").Output(ctx)
	if err != nil {
		return "", "", ""
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line) // "origin https://… (fetch)"
		if len(words) < 3 || words[2] != "(fetch)" {
			continue
		}
		b, n, ok := p.appOf(words[1])
		switch {
		case !ok:
		case words[0] == remote:
			return b, n, remote
		case !p.knows(b):
		case by == "":
			base, name, by = b, n, words[0]
		case b != base || n != name:
			by = "several"
		}
	}
	if by == "several" {
		return "", "", ""
	}
	return base, name, by
}

// appAt reads the address of an app's repository.
func appAt(address string) (base, name string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	name, ok = strings.CutPrefix(strings.TrimSuffix(u.Path, ".git"), "/git/")
	if !ok || platform.ValidateAppName(name) != nil {
		return "", "", false
	}
	base, err = cleanURL(u.Scheme + "://" + u.Host)
	return base, name, err == nil
}

// knows reports whether the person is signed in to that server.
func (p *program) knows(base string) bool {
	if u, err := cleanURL(p.env("LUGSAIL_URL")); err == nil && u == base {
		return true
	}
	s, err := p.readSaved()
	return err == nil && s.Servers[base].Token != ""
}

// target finds the app and the client to speak about it with.
func (p *program) target(ctx context.Context) (*client, string, error) {
	base, name, _ := p.remoteApp(ctx)
	if given := firstOf(p.app, p.env("LUGSAIL_APP")); given != "" {
		base, name = "", given
	}
	if name == "" {
		return nil, "", usagef("Which app? Give --app NAME, or run this in the app's folder, where a git remote tells it")
	}
	if err := platform.ValidateAppName(name); err != nil {
		return nil, "", err
	}
	if base == "" || p.env("LUGSAIL_URL") != "" {
		c, err := p.client()
		return c, name, err
	}
	c, err := p.clientOf(ctx, base, name)
	return c, name, err
}

// clientOf gives the client for the server that a folder's git remote names. Never another
// server's: it may have an app of the same name.
func (p *program) clientOf(ctx context.Context, base, name string) (*client, error) {
	if s, err := p.readSaved(); err == nil && s.Servers[base].Token != "" {
		return newClient(s.Servers[base], p.Version)
	}
	c, err := p.client()
	if err == nil && c.base != base {
		same, askErr := c.answersAs(ctx, base)
		if askErr != nil {
			return nil, askErr
		}
		if !same {
			err = platform.Errorf(platform.Unauthenticated, "not_signed_in", "This folder's app is on %s, and you are not signed in there.", base)
		}
	}
	if platform.IsKind(err, platform.Unauthenticated) {
		return nil, platform.AsError(err).WithHint("Sign in: lugsail login %s. For an app of another server, give --app %s.", base, name)
	}
	return c, err
}

func (p *program) client() (*client, error) {
	server, err := p.server()
	if err != nil {
		return nil, err
	}
	return newClient(server, p.Version)
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func (p *program) env(name string) string { return p.Env(name) }

// addRemote makes the git remote that leads to the app, where the folder is a git work tree and has none.
func (p *program) addRemote(ctx context.Context, address string) (added, worktree bool, err error) {
	if command.Find("git") == "" || !works(ctx, "rev-parse", "--is-inside-work-tree") {
		return false, false, nil
	}
	if works(ctx, "remote", "get-url", remote) {
		return false, true, nil
	}
	return true, true, git("remote", "add", remote, address).Run(ctx)
}

func works(ctx context.Context, args ...string) bool { return git(args...).Run(ctx) == nil }

// pushLine is the command that deploys what is in this folder: its branch is not always the one that
// deploys, and a repository in which nothing is committed has nothing to push.
func pushLine(ctx context.Context, to, deploys string) string {
	branch := firstOf(deploys, "main")
	here, err := git("symbolic-ref", "--short", "HEAD").Output(ctx)
	name := strings.TrimSpace(string(here))
	switch {
	case err != nil || name == branch: // no repository, or a commit without a branch
	case deploys == "" && name == "master":
		branch = name
	case simpleBranch.MatchString(name):
		branch = name + ":" + branch
	}
	push := fmt.Sprintf("git push %s %s", to, branch)
	if err == nil && !works(ctx, "rev-parse", "--verify", "HEAD") {
		push = "git add . && git commit -m \"First version\" && " + push
	}
	return push
}

// simpleBranch can stand in a command without quotes.
var simpleBranch = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
