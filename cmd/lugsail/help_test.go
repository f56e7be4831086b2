package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write testdata/help.txt anew")

func TestHelp_IsAsItWasRead(t *testing.T) {
	root := commandLine()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"help"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/help.txt", out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/help.txt")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the help changed; read it, then: go test ./cmd/lugsail -run Help -update\n%s", out.String())
	}
}

func TestHelp_EveryCommandHasAnExample(t *testing.T) {
	root := commandLine()
	root.InitDefaultHelpCmd()
	each(root, func(c *cobra.Command) {
		if c.Hidden || c == root || !c.Runnable() && !c.HasSubCommands() {
			return
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its one line is %q", c.CommandPath(), c.Short)
		}
		if !strings.Contains(c.Example, "lugsail") {
			t.Errorf("%s has no example; give it one, or add it to internal/cli/arrange.go", c.CommandPath())
		}
		if c.Parent() == root && c.GroupID == "" && !strings.Contains("completion help version", c.Name()) {
			t.Errorf("%s stands under no heading", c.CommandPath())
		}
	})
}

func TestHelp_EveryCommandShowsIt(t *testing.T) {
	var paths [][]string
	each(commandLine(), func(c *cobra.Command) { paths = append(paths, strings.Fields(c.CommandPath())[1:]) })
	for _, path := range paths {
		root := commandLine()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs(append(path, "--help"))
		if err := root.ExecuteContext(t.Context()); err != nil || out.Len() == 0 {
			t.Errorf("%v --help: %v %s", path, err, out.String())
		}
	}
}

func each(c *cobra.Command, see func(*cobra.Command)) {
	see(c)
	for _, child := range c.Commands() {
		each(child, see)
	}
}
