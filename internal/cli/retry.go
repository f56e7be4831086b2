package cli

import (
	"context"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) retry() *cobra.Command {
	var detach bool
	c := &cobra.Command{
		Use: "retry [NUMBER]", Short: "Try a deployment again that failed or was cancelled", Args: args(0, 1),
		Long: "Ask once more for what a deployment wanted that failed or was cancelled, by default the newest one.\n\n" +
			"That is the same image, branch of a repository, older release or change of settings. What was pushed or uploaded is not kept\n" +
			"after a failure, unless the commit is on the deploy branch; then push or upload it again.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var n int
			if len(args) == 1 {
				n, err = number(args[0], "#")
			} else {
				n, err = newestToRetry(cmd.Context(), c, name)
			}
			if err != nil {
				return err
			}
			return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "deployments", n, "retry"), struct{}{}, detach)
		},
	}
	detachFlag(c, &detach)
	return c
}

// newestToRetry finds the newest deployment. One before it is not guessed at: something newer came since.
func newestToRetry(ctx context.Context, c *client, name string) (int, error) {
	var answer struct{ Deployments []deployment }
	if _, err := c.call(ctx, http.MethodGet, path(name, "deployments")+"?limit=1", nil, &answer); err != nil {
		return 0, err
	}
	if len(answer.Deployments) == 0 {
		return 0, platform.Errorf(platform.NotFound, "nothing_to_retry", "%s has no deployments yet.", name).WithHint("The first push makes one: git push lugsail main")
	}
	d := answer.Deployments[0]
	if d.State != string(platform.DeploymentFailed) && d.State != string(platform.DeploymentCancelled) {
		return 0, platform.Errorf(platform.Conflict, "nothing_to_retry", "The newest deployment of %s did not fail: #%d is %s.", name, d.Number, d.State).
			WithHint("An older one is tried again by its number: lugsail retry NUMBER --app %s. `lugsail deployments --state failed --app %s` lists them.", name, name)
	}
	return d.Number, nil
}
