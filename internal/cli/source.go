package cli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// fetched is what lugsail deploy was told of a repository elsewhere.
type fetched struct {
	git, branch string
	pull, force bool
}

func (f *fetched) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.git, "git", "", "bind the app to a public repository (https://…), and deploy its newest commit")
	c.Flags().StringVar(&f.branch, "branch", "", "with --git: the branch; otherwise the repository's default")
	c.Flags().BoolVar(&f.pull, "pull", false, "fetch the newest commit of the repository that the app is bound to, and deploy it")
	c.Flags().BoolVar(&f.force, "force", false, "with --git or --pull: also when nothing is new")
}

// wanted reports whether something is to be fetched, and refuses what does not go together.
func (f *fetched) wanted(cmd *cobra.Command, args []string) (bool, error) {
	asked := f.pull || cmd.Flags().Changed("git")
	switch {
	case asked && len(args) > 0:
		return false, usagef("Deploy a folder, or fetch a repository: not both")
	case f.branch != "" && !cmd.Flags().Changed("git"):
		return false, usagef("--branch goes with --git URL. The branch of pushes is a setting of the app")
	case f.force && !asked:
		return false, usagef("--force goes with --git or --pull")
	}
	return asked, nil
}

// deploy binds the app, where that was asked for, and fetches.
func (f *fetched) deploy(ctx context.Context, p *program, c *client, name string, detach bool) error {
	if f.git != "" {
		var answer struct{ Source source }
		if _, err := c.call(ctx, http.MethodPut, path(name, "source"), map[string]string{"url": f.git, "branch": f.branch}, &answer); err != nil {
			return err
		}
		p.progress("%s is bound to %s.\n", name, answer.Source)
	}
	return p.start(ctx, c, name, http.MethodPost, path(name, "source", "pull"), map[string]bool{"force": f.force}, detach)
}

// source is the repository that an app is bound to.
type source struct {
	URL       string `json:"url"`
	Branch    string `json:"branch"`
	CreatedBy string `json:"created_by"`
}

// String names it for people.
func (s source) String() string {
	if s.Branch == "" {
		return "the default branch of " + clean(s.URL)
	}
	return clean(s.Branch) + " of " + clean(s.URL)
}

func (p *program) source() *cobra.Command {
	c := &cobra.Command{
		Use: "source [APP]", Short: "Show the repository that an app is fetched from", Args: p.appArg, ValidArgsFunction: p.completeApp,
		Long: "Show the public repository that an app is bound to.\n\nBind it:    lugsail deploy --git https://github.com/you/app.git\nFetch:      lugsail deploy --pull\n" +
			"By itself:  lugsail webhooks on",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Source *source }
			raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "source"), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if answer.Source == nil {
					p.printf("%s is not bound to a repository; it deploys what is pushed or sent.\n→ Bind it: lugsail deploy --git https://github.com/you/app.git%s\n", name, p.named())
					return
				}
				p.printf("%s is fetched from %s.\n→ Fetch and deploy: lugsail deploy --pull%s\n", name, answer.Source, p.named())
			})
		},
	}
	c.AddCommand(p.sourceRemove())
	return c
}

func (p *program) sourceRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove", Short: "Unbind an app from its repository", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, path(name, "source"), nil, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"unbound": name}, "%s is not bound to a repository any more. What runs goes on running.\n", name)
		},
	}
}

// nothingNew reports whether a deployment ended because there was nothing to do.
func nothingNew(d deployment) bool {
	return d.State == string(platform.DeploymentCancelled) && d.Failure != nil && d.Failure.Code == "nothing_new"
}
