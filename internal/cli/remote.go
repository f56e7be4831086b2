package cli

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// remote makes or changes the folder's git remote.
func (p *program) remote() *cobra.Command {
	var ssh, https bool
	c := &cobra.Command{
		Use: "remote [APP]", Short: "Let this folder's git remote \"lugsail\" lead to an app", Args: p.appArg, ValidArgsFunction: p.completeApp,
		Long: "Makes the git remote \"lugsail\" in this folder lead to an app: by HTTPS with your token,\n" +
			"or with --ssh by SSH with your key (see lugsail keys).\n\n" +
			"Where one leads to the app already, it is shown, and stays as it is until --ssh or --https asks for the other way.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ssh && https {
				return usagef("Either --ssh or --https, not both")
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			a, _, err := p.fetch(cmd.Context())
			if err != nil {
				return err
			}
			if by, address := p.leads(cmd.Context(), c, name); by != "" && !ssh && !https {
				return p.done(map[string]string{"remote": address}, "The git remote %s leads to %s\nDeploy with:  %s\nThe other way:  lugsail remote --ssh, or --https\n", by, address, pushLine(cmd.Context(), by, a.DeployBranch))
			}
			address, err := c.remoteOf(a, ssh)
			if err != nil {
				return err
			}
			if err := p.setRemote(cmd.Context(), address); err != nil {
				return err
			}
			return p.done(map[string]string{"remote": address}, "The git remote %s leads to %s\nDeploy with:  %s\n", remote, address, pushLine(cmd.Context(), remote, a.DeployBranch))
		},
	}
	c.Flags().BoolVar(&ssh, "ssh", false, "by SSH, with a key")
	c.Flags().BoolVar(&https, "https", false, "by HTTPS, with a token (the default)")
	return c
}

// leads finds the folder's git remote that leads to an app already, and where that is; "" when none does.
// For an app that was named, only the one that git push lugsail takes counts, on the server that is meant.
func (p *program) leads(ctx context.Context, c *client, app string) (by, address string) {
	base, name, by := p.remoteApp(ctx)
	if by == "" || name != app || p.app != "" && (base != c.base || by != remote) {
		return "", ""
	}
	out, err := git("remote", "get-url", by).Output(ctx)
	if err != nil {
		return "", ""
	}
	return by, strings.TrimSpace(string(out))
}

func (c *client) remoteOf(a app, ssh bool) (string, error) {
	if !ssh {
		return c.repository(a.GitURL), nil
	}
	if a.SSHURL == "" {
		return "", platform.Errorf(platform.Conflict, "no_ssh", "Git over SSH is off on this server.").WithHint("Push over HTTPS: lugsail remote --https")
	}
	return a.SSHURL, nil
}

func (p *program) setRemote(ctx context.Context, address string) error {
	if command.Find("git") == "" || !works(ctx, "rev-parse", "--is-inside-work-tree") {
		return platform.Errorf(platform.Conflict, "no_repository", "This folder is no git repository.").
			WithHint("Begin one here: git init -b main   The address for a remote elsewhere: %s", address)
	}
	if works(ctx, "remote", "get-url", remote) {
		return git("remote", "set-url", remote, address).Run(ctx)
	}
	return git("remote", "add", remote, address).Run(ctx)
}

// appOverSSH reads an ssh:// address. It names a host and no console, so the server is found among
// those that the person knows.
func (p *program) appOverSSH(address string) (base, name string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ssh" {
		return "", "", false
	}
	name = strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	if platform.ValidateAppName(name) != nil {
		return "", "", false
	}
	for _, base := range p.knownServers() {
		known, err := url.Parse(base)
		if err == nil && (known.Hostname() == u.Hostname() || u.Hostname() == "localhost" && isLocal(known.Hostname())) {
			return base, name, true
		}
	}
	base, err = cleanURL("https://" + u.Hostname())
	return base, name, err == nil
}

// knownServers are those that the person is signed in to, the present one first.
func (p *program) knownServers() []string {
	var all []string
	if u, err := cleanURL(p.env("LUGSAIL_URL")); err == nil {
		all = append(all, u)
	}
	s, err := p.readSaved()
	if err != nil {
		return all
	}
	all = append(all, s.Current)
	for base := range s.Servers {
		all = append(all, base)
	}
	return all
}

// branch shows or sets which branch deploys.
func (p *program) branch() *cobra.Command {
	var reset bool
	c := &cobra.Command{
		Use: "branch [BRANCH]", Short: "Show or set the branch whose pushes deploy", Args: args(0, 1),
		Example: "  lugsail branch production\n  lugsail branch --default",
		RunE: func(cmd *cobra.Command, args []string) error {
			if reset && len(args) > 0 {
				return usagef("Either a branch or --default, not both")
			}
			a, raw, err := p.fetch(cmd.Context())
			if err != nil {
				return err
			}
			if !reset && len(args) == 0 {
				return p.answer(raw, func() { p.printf("%s\n", branchText(a.DeployBranch)) })
			}
			wanted := strings.Join(args, "")
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if raw, err = c.call(cmd.Context(), http.MethodPatch, path(name), map[string]string{"deploy_branch": wanted}, nil); err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("%s\n", branchText(wanted))
				p.printf("Push it:  %s   Is it on the server already?  lugsail deploy\n", pushLine(cmd.Context(), remote, wanted))
			})
		},
	}
	c.Flags().BoolVar(&reset, "default", false, "main again, or master when only that exists")
	return c
}

func branchText(branch string) string {
	if branch == "" {
		return "Pushes to main deploy, or to master when only that exists."
	}
	return "Pushes to " + clean(branch) + " deploy. Other branches are kept, and do not deploy."
}
