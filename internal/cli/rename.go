package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

func (p *program) rename() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "rename NEW-NAME", Short: "Give an app another name and address", Args: args(1, 1),
		Long: "Give an app another name, and with it another address.\n\n" +
			"The old address and the old git remote lead nowhere from then on: links to it break. Domains, releases, config vars and volumes stay.",
		Example: "  lugsail rename my-store --app my-shop\n  lugsail rename my-store --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if err := p.agreeRename(cmd.Context(), args[0], yes); err != nil {
				return err
			}
			var answer struct{ App app }
			raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "rename"), map[string]string{"name": args[0]}, &answer)
			if err != nil {
				return c.instead(cmd.Context(), args[0], "lugsail rename --app "+name, err)
			}
			moved, err := p.moveRemotes(cmd.Context(), name, answer.App.Name)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("%s is called %s now and answers at %s\n", name, answer.App.Name, answer.App.URL)
				for _, remote := range moved {
					p.printf("The git remote %s of this folder leads to its new address.\n", remote)
				}
				p.printf("Other folders and computers that push to it need:  git remote set-url %s %s\n", remote, c.repository(answer.App.GitURL))
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// agreeRename asks once, since what was linked to the old address breaks; elsewhere --yes must have been given.
func (p *program) agreeRename(ctx context.Context, to string, yes bool) error {
	if yes {
		return nil
	}
	if err := platform.ValidateAppName(to); err != nil {
		return err
	}
	if !p.interactive() {
		return usagef("Give --yes where nobody can be asked: the app's old address stops answering")
	}
	a, _, err := p.fetch(ctx)
	if err != nil {
		return err
	}
	agreed, err := p.confirm(ctx, fmt.Sprintf("%s stops answering at once, and so does its git address; nothing leads from there to the new one.\nDomains, releases, config vars and volumes stay.\nRename %s to %s?", a.URL, a.Name, to))
	if err != nil || !agreed {
		return platform.Errorf(platform.Conflict, "not_confirmed", "Nothing was renamed.").WithHint("To rename it without a question: lugsail rename %s --yes%s", to, p.named()).Because(err)
	}
	return nil
}

// moveRemotes leads the folder's git remotes of an app to its new name.
func (p *program) moveRemotes(ctx context.Context, was, name string) (moved []string, err error) {
	if command.Find("git") == "" {
		return nil, nil
	}
	server, _, _ := p.remoteApp(ctx)
	out, err := git("remote", "-v").Output(ctx)
	if err != nil || server == "" {
		return nil, nil // not a folder of git, or of no app
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[2] != "(fetch)" {
			continue
		}
		if base, n, ok := p.appOf(words[1]); !ok || n != was || base != server {
			continue
		}
		address := strings.TrimSuffix(strings.TrimSuffix(words[1], ".git"), was) + name + ".git"
		if err := git("remote", "set-url", words[0], address).Run(ctx); err != nil {
			return moved, fmt.Errorf("changing the git remote %s: %w", words[0], err)
		}
		moved = append(moved, words[0])
	}
	return moved, nil
}
