package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) deploy() *cobra.Command {
	var detach, pushed, renew bool
	var from fetched
	var image, imageFile string
	c := &cobra.Command{
		Use: "deploy [FOLDER | ARCHIVE]", Short: "Deploy a folder, an archive, or the newest push again", Args: args(0, 1),
		Long: "Send a folder and deploy it, without git:  lugsail deploy .\n" +
			"What .gitignore and .lugsailignore name is left out, and .git and node_modules always.\n" +
			"A zip, tar, tar.gz or tar.zst archive is sent as it is:  lugsail deploy app.zip\n" +
			"A ready image is deployed by its name:  lugsail deploy --image ghcr.io/you/app:v2\n\n" +
			"Without a folder, the newest commit that was pushed is deployed once more.\n" +
			"New commits deploy by themselves when they are pushed:  git push lugsail main\n\n" +
			"From a public repository:  lugsail deploy --git https://github.com/you/app.git\n" +
			"Its newest commit, later:  lugsail deploy --pull   (by itself: lugsail webhooks on)\n\n" +
			"What a Dockerfile or a blueprint installs stays as it was built, until it is built past all of that,\n" +
			"for today's packages and security updates:  lugsail deploy --renew",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 1 && p.namesApp(args[0]) {
				p.app, args = args[0], nil
				defer func() { err = nothingOfName(p.app, err) }()
			}
			if err := isThere(args); err != nil {
				return err
			}
			fetch, err := from.wanted(cmd, args)
			if err != nil {
				return err
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case renew && (fetch || image != "" || imageFile != "" || len(args) == 1):
				return usagef("--renew builds once more what is deployed, and takes nothing new with it")
			case fetch && (image != "" || imageFile != ""):
				return usagef("Deploy an image, or fetch a repository: not both")
			case fetch:
				return from.deploy(cmd.Context(), p, c, name, detach)
			case image != "" && imageFile == "" && len(args) == 0:
				return p.start(cmd.Context(), c, name, http.MethodPost, path(name, "images"), map[string]string{"image": image}, detach)
			case imageFile != "" && image == "" && len(args) == 0:
				return p.sendFile(cmd.Context(), c, name, "images/file", imageFile, detach)
			case image != "" || imageFile != "":
				return usagef("One at a time: a folder, --image or --image-file")
			case len(args) == 1:
				return p.deployPath(cmd.Context(), c, name, args[0], detach)
			}
			return p.deployAgain(cmd.Context(), c, name, pushed, renew, detach)
		},
	}
	detachFlag(c, &detach)
	from.flags(c)
	c.Flags().BoolVar(&pushed, "pushed", false, "the newest push, also when something else was deployed since")
	c.Flags().BoolVar(&renew, "renew", false, "run all steps of a Dockerfile or blueprint again, for newer packages")
	c.Flags().StringVar(&image, "image", "", "deploy an image of a registry, for example ghcr.io/you/app:v2")
	c.Flags().StringVar(&imageFile, "image-file", "", "deploy an image from a file that docker save wrote")
	return c
}

// namesApp reports whether a word is the name of an app rather than a place on this computer.
func (p *program) namesApp(word string) bool {
	_, err := os.Stat(word)
	return err != nil && p.app == "" && platform.ValidateAppName(word) == nil
}

// whatToDeploy is the hint for who names a place that is not there.
const whatToDeploy = "This folder: lugsail deploy .   Another folder, or an archive: lugsail deploy ../shop, lugsail deploy app.zip"

// isThere checks that what is to be sent exists, before anybody is asked about the app.
func isThere(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) {
		return hinted(whatToDeploy, "There is no file or folder %q", args[0])
	}
	return nil
}

// nothingOfName is about a word that could have been a folder or an app, and is neither.
func nothingOfName(word string, err error) error {
	known := new(platform.Error)
	if !errors.As(err, &known) || known.Code != "app_not_found" {
		return err
	}
	return platform.Errorf(known.Kind, known.Code, "There is no file or folder %q here, and no app of that name.", word).WithHint("%s   %s", whatToDeploy, known.Hint)
}

// deployPath sends a folder or an archive.
func (p *program) deployPath(ctx context.Context, c *client, name, at string, detach bool) error {
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return unreadableFile(at, err)
	case info.IsDir():
		return p.sendFolder(ctx, c, name, at, detach)
	}
	return p.sendFile(ctx, c, name, "uploads", at, detach)
}

// deployAgain deploys the newest push once more. When something newer came another way, that is
// hardly what is meant.
func (p *program) deployAgain(ctx context.Context, c *client, name string, pushed, renew, detach bool) error {
	var answer struct{ Deployments []deployment }
	_, _ = c.call(ctx, http.MethodGet, path(name, "deployments"), nil, &answer) // what is wrong, the deployment says, too
	for _, d := range answer.Deployments {
		if pushed || d.Origin == string(platform.OriginGit) || d.Origin == string(platform.OriginRemote) {
			break
		}
		if d.State == "live" && d.Origin != "" {
			return platform.Errorf(platform.Conflict, "not_pushed", "What was deployed last was no push: %s.", clean(d.Cause)).
				WithHint("This folder: lugsail deploy .   The newest push all the same: lugsail deploy --pushed")
		}
	}
	p.mentionUnpushed(ctx)
	body := map[string]bool{}
	if renew {
		body["renew"] = true // an older server knows no other way than its own
	}
	err := p.start(ctx, c, name, http.MethodPost, path(name, "deployments"), body, detach)
	if e := platform.AsError(err); err != nil && e.Code == "nothing_pushed" {
		return e.WithHint("%s   Or send this folder without git: lugsail deploy .", e.Hint)
	}
	return err
}

// mentionUnpushed tells a person who changed something in the folder and expects it to be deployed.
func (p *program) mentionUnpushed(ctx context.Context) {
	if p.app != "" || p.env("LUGSAIL_APP") != "" {
		return // nothing says that this folder is the app's
	}
	_, _, remote := p.remoteApp(ctx)
	if remote == "" {
		return
	}
	changed, err := git("status", "--porcelain", "--untracked-files=no").Output(ctx)
	if err != nil {
		return
	}
	newer, err := git("log", "-1", "--format=%h", "HEAD", "--not", "--remotes="+remote).Output(ctx)
	switch {
	case err == nil && len(newer) > 0:
		p.note("What was pushed last is deployed. This folder has newer commits: git push %s HEAD:main deploys them.\n", remote)
	case len(changed) > 0:
		p.note("What was pushed last is deployed, without the changes in this folder that are not committed yet.\n")
	}
}

func detachFlag(c *cobra.Command, detach *bool) {
	c.Flags().BoolVarP(detach, "detach", "d", false, "do not wait for the deployment to end")
}

// deploymentStates and deploymentKinds are what deployments are told apart by.
var (
	deploymentStates = []string{"waiting", "running", "live", "failed", "cancelled", "replaced"}
	deploymentKinds  = []string{"push", "rollback", "config", "scale", "restart", "trash", "restore", "rewind", "copy"}
)

func (p *program) deployments() *cobra.Command {
	var state, kind string
	c := &cobra.Command{
		Use: "deployments [NUMBER]", Short: "List deployments, or show one with its log", Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return p.listDeployments(cmd.Context(), c, name, state, kind)
			}
			n, err := number(args[0], "#")
			if err != nil {
				return err
			}
			if p.json {
				return p.showDeployment(cmd, c, name, n)
			}
			return p.watch(cmd.Context(), c, name, n)
		},
	}
	c.Flags().StringVar(&state, "state", "", "only those that are "+orText(deploymentStates))
	c.Flags().StringVar(&kind, "kind", "", "only those of a kind: "+orText(deploymentKinds))
	complete(c, "state", cobra.FixedCompletions(deploymentStates, cobra.ShellCompDirectiveNoFileComp))
	complete(c, "kind", cobra.FixedCompletions(deploymentKinds, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// orText lists words: "a, b or c".
func orText(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func (p *program) listDeployments(ctx context.Context, c *client, name, state, kind string) error {
	at, query := path(name, "deployments"), url.Values{}
	for _, filter := range []struct {
		name, value string
		all         []string
	}{{"state", state, deploymentStates}, {"kind", kind, deploymentKinds}} {
		if filter.value == "" {
			continue
		}
		if !slices.Contains(filter.all, filter.value) {
			return usagef("There is no %s %q. Choose %s", filter.name, filter.value, orText(filter.all))
		}
		query.Set(filter.name, filter.value)
	}
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	var answer struct{ Deployments []deployment }
	raw, err := c.call(ctx, http.MethodGet, at, nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		if len(answer.Deployments) == 0 && len(query) > 0 {
			p.printf("%s has no such deployments.\n", name)
			return
		}
		p.showDeployments(name, answer.Deployments)
	})
}

func (p *program) showDeployments(name string, all []deployment) {
	if len(all) == 0 {
		p.printf("%s has no deployments yet. The first push makes one: git push lugsail main\n", name)
		return
	}
	rows := [][]string{{"NUMBER", "STATE", "RELEASE", "TOOK", "WHEN", "WHY", "COMMIT"}}
	for _, d := range all {
		made := "-"
		if d.Release > 0 {
			made = fmt.Sprintf("v%d", d.Release)
		}
		rows = append(rows, []string{"#" + strconv.Itoa(d.Number), d.word(), made, d.took(), ago(d.CreatedAt), d.Cause, commitText(d.Commit, d.CommitTitle)})
	}
	p.table(rows)
}

// showDeployment prints one deployment as it is now.
func (p *program) showDeployment(cmd *cobra.Command, c *client, name string, n int) error {
	raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "deployments", n), nil, nil)
	if err != nil {
		return err
	}
	return printJSON(p.Stdout, raw)
}

// number reads "7" as well as "#7" or "v7".
func number(text, prefix string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, prefix))
	if err != nil || n < 1 {
		return 0, usageOf(text, "%q is not a number such as %s7", text, prefix)
	}
	return n, nil
}

func (p *program) cancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel [NUMBER]", Short: "Cancel a deployment that runs or waits", Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var n int
			if len(args) == 1 {
				n, err = number(args[0], "#")
			} else {
				n, err = p.underWay(cmd, c, name)
			}
			if err != nil {
				return err
			}
			raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "deployments", n, "cancel"), struct{}{}, nil)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.printf("Cancelling deployment #%d. What serves now goes on serving.\n", n) })
		},
	}
}

func (p *program) underWay(cmd *cobra.Command, c *client, name string) (int, error) {
	var answer struct{ Deployments []deployment }
	if _, err := c.call(cmd.Context(), http.MethodGet, path(name, "deployments"), nil, &answer); err != nil {
		return 0, err
	}
	for _, d := range answer.Deployments {
		if underWay(d.State) {
			return d.Number, nil
		}
	}
	return 0, platform.Errorf(platform.NotFound, "nothing_to_cancel", "No deployment of %s is under way.", name)
}

func (p *program) releases() *cobra.Command {
	return &cobra.Command{
		Use: "releases [APP]", Short: "List the releases", Args: p.appArg, ValidArgsFunction: p.completeApp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			var answer struct{ Releases []release }
			raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "releases"), nil, &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() {
				if len(answer.Releases) == 0 {
					p.printf("%s has no releases yet. The first push makes v1: git push lugsail main\n", name)
					return
				}
				rows := [][]string{{"RELEASE", "STATE", "WHEN", "BY", "WHY", "COMMIT"}}
				for _, r := range answer.Releases {
					rows = append(rows, []string{fmt.Sprintf("v%d", r.Number), r.stateText(), ago(r.CreatedAt), r.CreatedBy, r.Cause, commitText(r.Commit, r.CommitTitle)})
				}
				p.table(rows)
			})
		},
	}
}

// stateText tells what is live and what was never live; what was live and is not any more is "-".
func (r release) stateText() string {
	switch {
	case r.Current:
		return "live"
	case r.State == "live":
		return "-"
	case underWay(r.State):
		return "under way"
	}
	return r.State
}

func commitText(commit, title string) string {
	const most = 50
	if letters := []rune(title); len(letters) > most {
		title = string(letters[:most-1]) + "…"
	}
	return strings.TrimSpace(short(commit) + " " + title)
}
