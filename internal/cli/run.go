package cli

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lugsail/lugsail/platform"
)

// shell is what runs where no command is given.
var shell = []string{"sh"}

func (p *program) run() *cobra.Command {
	var detach, noTTY bool
	var stop string
	c := &cobra.Command{
		Use: "run [-- COMMAND...]", Short: "Run a command in a fresh container of the app", Args: args(0, -1),
		Long: "Run a command in a fresh container of what serves, with its config vars and the limits of its plan.\n\n" +
			"What it prints comes here, what you type goes there, and its exit code becomes this program's. It ends when you go; --detach lets it go on, for 24 hours at most.\n" +
			"One word with spaces in it is a line for the container's shell: lugsail run \"npm run migrate && npm run seed\". Without a command a shell opens.",
		Example: "  lugsail run -- npm run migrate\n  lugsail run 'echo $PATH'\n  lugsail run < dump.sql -- psql\n  lugsail run --detach -- node import.js",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case stop != "":
				return p.stopRun(cmd, c, name, stop)
			case detach && len(args) == 0:
				return usagef("Which command shall go on by itself? For example: lugsail run --detach -- node import.js")
			case detach:
				return p.runDetached(cmd, c, name, args)
			}
			return p.terminal(cmd.Context(), c, path(name, "runs", "terminal"), orShell(args), !noTTY)
		},
	}
	c.Flags().BoolVarP(&detach, "detach", "d", false, "let it go on by itself; its output is in the app's logs")
	c.Flags().StringVar(&stop, "stop", "", "stop a command that runs, by its name (see lugsail ps)")
	c.Flags().BoolVarP(&noTTY, "no-tty", "T", false, "no terminal for it, as when its input or output is a file")
	c.Flags().SetInterspersed(false) // what follows the program's name is the program's
	return c
}

func (p *program) exec() *cobra.Command {
	var replica string
	var noTTY bool
	c := &cobra.Command{
		Use: "exec [-- COMMAND...]", Short: "Run a command in a replica that runs", Args: args(0, -1),
		Long: "Run a command in a replica that runs, beside its own process. Without a command a shell opens.\n\n" +
			"It shares the replica's memory and files; what it changes there is gone with the next deployment. For work of its own, use: lugsail run",
		Example: "  lugsail exec -- ps aux\n  lugsail exec --replica worker.1 -- cat /proc/meminfo",
		RunE: func(cmd *cobra.Command, args []string) error {
			if replica == "" && len(args) > 0 && replicaWord.MatchString(args[0]) {
				return hinted(fmt.Sprintf("lugsail exec --replica %s -- COMMAND", args[0]), "%q is a replica, not a command. It is named by --replica", args[0])
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			return p.terminal(cmd.Context(), c, path(name, "replicas", replicaName(replica), "terminal"), orShell(args), !noTTY)
		},
	}
	c.Flags().StringVarP(&replica, "replica", "r", "", "which one: web.1, worker.2, or 2 for web.2; otherwise the first that runs")
	c.Flags().BoolVarP(&noTTY, "no-tty", "T", false, "no terminal for it, as when its input or output is a file")
	c.Flags().SetInterspersed(false)
	WithoutJSON(c)
	return c
}

// replicaWord is how replicas are called, by those who take a replica for the first argument of exec, too.
var replicaWord = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[1-9][0-9]?$`)

func orShell(words []string) []string {
	if len(words) == 0 {
		return shell
	}
	return words
}

// replicaName is a replica's name in a path.
func replicaName(text string) string {
	switch {
	case text == "":
		return "first"
	case strings.Trim(text, "0123456789") == "":
		return platform.WebProcess + "." + text
	}
	return strings.NewReplacer("/", "%2F", "%", "%25", "?", "%3F", "#", "%23").Replace(text)
}

// runBody is a command in a container of its own, as the API tells it.
type runBody struct {
	Name     string `json:"name"`
	By       string `json:"by"`
	Release  int    `json:"release"`
	Attached bool   `json:"attached"`
	State    string `json:"state"`
	ExitCode int    `json:"exit_code"`

	CreatedAt time.Time `json:"created_at"`
}

func (p *program) runDetached(cmd *cobra.Command, c *client, name string, words []string) error {
	var answer struct{ Run runBody }
	raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "runs"), map[string][]string{"command": words}, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		p.printf("%s goes on by itself. What it says:  lugsail logs -f --process %s --app %s\nStop it:  lugsail run --stop %s --app %s\n",
			answer.Run.Name, answer.Run.Name, name, answer.Run.Name, name)
	})
}

func (p *program) stopRun(cmd *cobra.Command, c *client, name, stop string) error {
	if strings.ContainsAny(stop, "/?#%") {
		return usageOf(stop, "%q is not the name of a run, such as run.k3f9", stop)
	}
	if _, err := c.call(cmd.Context(), http.MethodDelete, path(name, "runs", stop), nil, nil); err != nil {
		return err
	}
	return p.done(map[string]string{"stopped": stop}, "Stopped %s.\n", stop)
}

// exitStatus is the exit code of a command that ran elsewhere.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// endedWith turns the end of a command into that of this program.
func endedWith(code int) error {
	if code == 0 {
		return nil
	}
	return exitStatus(code)
}

// statusOf finds the exit code of a command that ran elsewhere.
func statusOf(err error) (int, bool) {
	var e exitStatus
	ok := errors.As(err, &e)
	return int(e), ok
}

// isTerminal reports whether a person is at a stream.
func isTerminal(stream any) (fd int, yes bool) {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}
