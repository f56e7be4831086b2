package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lugsail/lugsail/platform"
)

// Exit codes of the program.
const (
	ExitOK              = 0
	ExitFailed          = 1
	ExitUsage           = 2
	ExitNotFound        = 3
	ExitUnauthenticated = 4
	ExitForbidden       = 5
	ExitConflict        = 6 // it clashes with what is there, or does not fit
	ExitUnavailable     = 7 // the server or a part of it does not answer; try again
	ExitInterrupted     = 130
)

// Deps is what the command line needs of the program around it.
type Deps struct {
	Version string
	Stdin   *os.File
	Stdout  io.Writer
	Stderr  io.Writer
	Env     func(string) string
	// Local tells the console's address and the file of the CA's certificate, on a server itself; "" elsewhere.
	Local func() (url, caFile string)
	// Doctor checks the server up where this is its root; here is false elsewhere. It may be nil.
	Doctor func(context.Context) (findings json.RawMessage, here bool, err error)
}

// program is one run of the command line.
type program struct {
	Deps
	app  string
	json bool
}

// usageError is a wrong use of the command line.
type usageError struct {
	err  error
	arg  string // the word that was not understood
	hint string // "" means the command's help
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{err: fmt.Errorf(format, args...)} }

// usageOf is about one word, which may be an app's name in the wrong place.
func usageOf(arg, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), arg: arg}
}

// hinted is a wrong command line, and what would be right.
func hinted(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// New gives the command line with all commands that speak to a server.
func New(d Deps) *cobra.Command {
	p := &program{Deps: d}
	root := &cobra.Command{
		Use:   "lugsail",
		Short: "Push an app, see it live",
		Long: "Lugsail turns a server into a platform for apps: git push, and it is live over HTTPS.\n\n" +
			"Sign in:    lugsail login https://console.example.com\n" +
			"Create:     lugsail create my-shop\n" +
			"Deploy:     git push lugsail main\n\n" +
			"A command finds its app by the git remote of the folder; --app names another one.\n" +
			"Names and plans complete with the Tab key: lugsail completion --help",
		SilenceErrors: true, SilenceUsage: true, Version: d.Version,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return unknown(cmd, args) },
	}
	root.SetVersionTemplate("lugsail {{.Version}}\n")
	root.SetIn(d.Stdin)
	root.SetOut(d.Stdout)
	root.SetErr(d.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolVar(&p.json, "json", false, "print the answer as JSON")
	for _, c := range p.appCommands() {
		c.GroupID = "apps"
		root.AddCommand(c)
	}
	for _, c := range p.accountCommands() {
		c.GroupID = "account"
		root.AddCommand(c)
	}
	root.AddCommand(p.version(), p.gitCredential(), exitCodes())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			WithoutJSON(append(c.Commands(), c)...)
		}
	}
	Arrange(root)
	return root
}

func (p *program) appCommands() []*cobra.Command {
	named := []*cobra.Command{
		p.remote(), p.branch(), p.info(), p.deploy(), p.logs(), p.tail(), p.open(), p.ps(), p.metrics(), p.scale(), p.restart(), p.run(), p.exec(), p.config(), p.releases(), p.rollback(),
		p.deployments(), p.cancel(), p.retry(), p.activity(), p.domains(), p.volumes(), p.snapshots(), p.undo(), p.source(), p.webhooks(), p.rename(),
		p.builder(), p.addons(), p.destroy(), p.restore(),
	}
	for _, c := range named {
		c.PersistentFlags().StringVarP(&p.app, "app", "a", "", "name of the app; otherwise a git remote of the folder tells it")
		complete(c, "app", p.completeApps)
	}
	return append([]*cobra.Command{p.create(), p.apps(), p.blueprints(), p.plans(), p.trash(), p.doctor(), p.disk(), p.backups(), p.address(), p.certificates(), p.diagnostics()}, named...)
}

func (p *program) accountCommands() []*cobra.Command {
	return []*cobra.Command{p.login(), p.logout(), p.tokens(), p.keys(), p.secondFactor(), p.passkeys(), p.sessions()}
}

// WithoutJSON takes --json out of the help of commands that have nothing to print in it.
func WithoutJSON(commands ...*cobra.Command) {
	for _, c := range commands {
		c.Flags().Bool("json", false, "print the error as JSON")
		_ = c.Flags().MarkHidden("json") // exists: it was just made
	}
}

// unknown is what runs when no command fits.
func unknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	text := fmt.Sprintf("There is no command %q.", strings.TrimPrefix(cmd.CommandPath()+" "+args[0], "lugsail "))
	if here := habitual(cmd, args[0]); here != "" && !cmd.HasParent() {
		return hinted("Here: "+here, "%s", text)
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	if hint := meant(args[0], names); hint != "" {
		return hinted(cmd.CommandPath()+" --help", "%s %s", text, hint)
	}
	if cmd.HasParent() && showsAlone(cmd) && (slices.Contains(listWords, args[0]) || len(near(args[0], listWords[:1])) > 0) {
		return hinted("It shows what there is without a word after it: "+cmd.CommandPath(), "%s", text)
	}
	return &usageError{err: errors.New(text), arg: args[0], hint: cmd.CommandPath() + " --help"}
}

// listWords are what people type to see a list.
var listWords = []string{"list", "ls", "show", "all"}

// showsAlone reports whether a command does more than to show its help when nothing stands after it.
func showsAlone(cmd *cobra.Command) bool { return cmd.Annotations[onlyParent] == "" }

// onlyParent marks commands that only hold others.
const onlyParent = "only-parent"

// help shows a command's help; a word that is no command is an error, as it is everywhere else.
func help(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 && (found.HasSubCommands() || found == cmd.Root()) {
		return unknown(found, rest)
	}
	found.InitDefaultHelpFlag()
	found.InitDefaultVersionFlag()
	return found.Help()
}

// appArg takes the app's name as the only argument.
func (p *program) appArg(cmd *cobra.Command, words []string) error {
	if err := args(0, 1)(cmd, words); err != nil || len(words) == 0 {
		return err
	}
	if p.app != "" && p.app != words[0] {
		return usagef("Which app: %s or %s? Name one", words[0], p.app)
	}
	p.app = words[0]
	return nil
}

// args checks the number of arguments; a wrong one is an error of usage that shows the right form.
func args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usagef("This command is used as: %s", cmd.UseLine())
		}
		return nil
	}
}

// sayHowUsed lets every command that takes other arguments than it was given say how it is used.
func sayHowUsed(c *cobra.Command) {
	for _, below := range c.Commands() {
		sayHowUsed(below)
	}
	if c.HasSubCommands() && !c.Runnable() {
		c.RunE, c.DisableFlagsInUseLine = unknown, true
		c.Annotations = map[string]string{onlyParent: "true"}
	}
	takes := c.Args
	if takes == nil {
		return
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		err := takes(cmd, args)
		if err == nil || errors.As(err, new(*platform.Error)) {
			return err
		}
		if cmd.HasSubCommands() && len(args) > 0 && cmd.Use == cmd.Name() {
			return unknown(cmd, args)
		}
		if errors.As(err, new(*usageError)) {
			return err
		}
		return usagef("This command is used as: %s", cmd.UseLine())
	}
}

// Execute runs the command line, shows what went wrong and gives the exit code.
func Execute(ctx context.Context, root *cobra.Command, arguments []string) int {
	root.SetArgs(arguments)
	sayHowUsed(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if code, ok := statusOf(err); ok {
		return code // what it had to say was said
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return ExitInterrupted
	}
	wrong := new(usageError)
	if errors.As(err, &wrong) && platform.ValidateAppName(wrong.arg) == nil && cmd.Flags().Lookup("app") != nil {
		wrong.hint = fmt.Sprintf("For the app of that name: %s --app %s", cmd.CommandPath(), wrong.arg)
	}
	asJSON, _ := cmd.Flags().GetBool("json") // false where the flag does not exist
	return Report(root.ErrOrStderr(), err, asJSON, cmd.CommandPath())
}

// Report shows an error to a person, or as JSON to a program, and gives the exit code.
func Report(w io.Writer, err error, asJSON bool, command string) int {
	if wrong := new(usageError); errors.As(err, &wrong) {
		e := platform.Errorf(platform.Invalid, "usage", "%s", sentence(wrong.Error())).WithHint("%s", firstOf(wrong.hint, command+" --help"))
		show(w, e, asJSON)
		return ExitUsage
	}
	known := new(platform.Error)
	if !errors.As(err, &known) {
		known = platform.Errorf(platform.Internal, "failed", "%s", sentence(err.Error()))
	}
	show(w, known, asJSON)
	return exitCode(known.Kind)
}

func show(w io.Writer, e *platform.Error, asJSON bool) {
	if asJSON {
		_ = printJSON(w, map[string]any{"error": e}) // there is no further place to complain
		return
	}
	red, dim, plain := "", "", ""
	if colours(w) {
		red, dim, plain = "\x1b[31m", "\x1b[2m", "\x1b[0m"
	}
	_, _ = fmt.Fprintf(w, "%sError:%s %s\n", red, plain, cleanText(e.Message)) // there is no further place to complain
	if e.Err != nil && (e.Kind == platform.Internal || e.Kind == platform.Unavailable) {
		_, _ = fmt.Fprintf(w, "%s       %v%s\n", dim, cleanText(e.Err.Error()), plain)
	}
	if e.Hint != "" {
		_, _ = fmt.Fprintf(w, "→ %s\n", cleanText(e.Hint))
	}
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.ContainsAny(s[len(s)-1:], ".!?:") {
		s += "."
	}
	return s
}

func exitCode(kind platform.Kind) int {
	switch kind {
	case platform.NotFound:
		return ExitNotFound
	case platform.Unauthenticated:
		return ExitUnauthenticated
	case platform.Forbidden:
		return ExitForbidden
	case platform.Conflict, platform.NoRoom:
		return ExitConflict
	case platform.Unavailable, platform.TooMany:
		return ExitUnavailable
	}
	return ExitFailed
}

func colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
