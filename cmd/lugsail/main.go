// Lugsail turns a server into a platform for apps.
//
// This package wires the parts together by hand: one file per subcommand, flags,
// signals, and no decision that a test would want. The same binary is the control plane
// (serve), the data plane (proxy), their supervisor (service), git's hooks, and the
// command line for people.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/cli"
	"github.com/lugsail/lugsail/internal/gitserver"
)

// version is set when the binary is built.
var version = "dev"

func main() { os.Exit(program()) }

func program() int {
	if gitserver.IsHook(os.Args) {
		return gitserver.HookMain(os.Args, os.Environ(), os.Stdin, os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, letGo := signal.NotifyContext(ctx, os.Interrupt)
	defer letGo()
	context.AfterFunc(ctx, letGo) // a second Ctrl-C ends what is stuck; a second SIGTERM must not cut a stop short
	return cli.Execute(ctx, commandLine(), os.Args[1:])
}

// commandLine is all commands, those of the server among them.
func commandLine() *cobra.Command {
	root := cli.New(cli.Deps{
		Version: version, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv, Local: local, Doctor: examineHere,
	})
	addBlueprintTools(root)
	for _, c := range serverCommands() {
		c.GroupID = "server"
		root.AddCommand(c)
	}
	cli.Arrange(root)
	return root
}

// local finds the console and the CA on a server itself; both are "" elsewhere.
func local() (url, caFile string) {
	c, err := settings{}.load()
	if err != nil || c.Instance == "" {
		return "", ""
	}
	file := filepath.Join(c.ProxyDir(), "ca", "ca.crt")
	if _, err := os.Stat(file); err != nil {
		file = ""
	}
	return c.ConsoleURL(), file
}
