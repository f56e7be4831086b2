package cli

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// completion gives what may stand at a place of the command line.
type completion = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// completeTime is how long a person waits for an answer to the Tab key.
const completeTime = 3 * time.Second

func complete(c *cobra.Command, flag string, by completion) {
	flags := c.Flags()
	if flags.Lookup(flag) == nil {
		flags = c.PersistentFlags()
	}
	if flags.Lookup(flag) == nil {
		panic("there is no flag " + flag)
	}
	_ = c.RegisterFlagCompletionFunc(flag, by) // exists, and has none yet
}

// offered asks the server; without an answer nothing is offered, least of all names of files.
func offered(cmd *cobra.Command, ask func(context.Context) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
	defer cancel()
	words, err := ask(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

func (p *program) completeApps(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return offered(cmd, func(ctx context.Context) ([]string, error) {
		c, err := p.client()
		if err != nil {
			return nil, err
		}
		return c.appNames(ctx)
	})
}

// completeApp is for commands whose only argument is the app.
func (p *program) completeApp(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.completeApps(cmd, args, begun)
}

func (p *program) completePlan(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return offered(cmd, func(ctx context.Context) ([]string, error) {
		c, err := p.client()
		if err != nil {
			return nil, err
		}
		var answer struct{ Plans []plan }
		_, err = c.call(ctx, http.MethodGet, "/api/v1/plans", nil, &answer)
		var names []string
		for _, o := range answer.Plans {
			names = append(names, cobra.CompletionWithDesc(o.Name, memory(o.Memory)))
		}
		return names, err
	})
}

func (p *program) completeProcess(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return offered(cmd, func(ctx context.Context) ([]string, error) {
		if len(args) == 1 && p.app == "" {
			p.app = args[0] // logs APP --process
		}
		a, _, err := p.fetch(ctx)
		return slices.Sorted(maps.Keys(a.Scale)), err
	})
}

// completeScale offers "web=", for a number to be typed behind it.
func (p *program) completeScale(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	types, directive := p.completeProcess(cmd, nil, "")
	for i := range types {
		types[i] += "="
	}
	return types, directive | cobra.ShellCompDirectiveNoSpace
}

// completeRelease offers what can be returned to.
func (p *program) completeRelease(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return offered(cmd, func(ctx context.Context) ([]string, error) {
		c, name, err := p.target(ctx)
		if err != nil || len(args) > 0 {
			return nil, err
		}
		var answer struct{ Releases []release }
		_, err = c.call(ctx, http.MethodGet, path(name, "releases"), nil, &answer)
		var numbers []string
		for _, r := range answer.Releases {
			if r.State == "live" && !r.Current {
				numbers = append(numbers, cobra.CompletionWithDesc(fmt.Sprintf("v%d", r.Number), commitText(r.Commit, r.CommitTitle)))
			}
		}
		return numbers, err
	})
}
