package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/cli"
)

func TestCommands_OfferJSONWhereItHasAnEffect(t *testing.T) {
	root := cli.New(cli.Deps{})
	for _, c := range serverCommands() {
		root.AddCommand(c)
	}
	var offered []string
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if strings.Contains(c.UsageString(), "--json") {
			offered = append(offered, strings.TrimPrefix(c.CommandPath(), "lugsail "))
		}
		for _, child := range c.Commands() {
			look(child)
		}
	}
	for _, c := range root.Commands() {
		if c.GroupID == "" && c.Name() != "version" && c.Name() != "help" && c.Name() != "git-credential" { // those of the server, and completion
			look(c)
		}
	}
	slices.Sort(offered)
	if want := slices.Sorted(slices.Values(answers)); !slices.Equal(offered, want) {
		t.Errorf("--json is offered by\n%q, want\n%q", offered, want)
	}
}

func TestPrintLink_ProgramsGetTheAddressesAlone(t *testing.T) {
	var out, errs bytes.Buffer
	c := &cobra.Command{}
	c.Flags().Bool("json", false, "")
	c.SetOut(&out)
	c.SetErr(&errs)
	urls := []string{"https://a/setup/x", "https://b/setup/x"}
	if err := printLink(c, urls); err != nil || out.String() != "https://a/setup/x\nhttps://b/setup/x\n" || !strings.Contains(errs.String(), "works once, for 60 minutes") {
		t.Errorf("%v %q %q", err, &out, &errs)
	}
	out.Reset()
	errs.Reset()
	if err := c.Flags().Set("json", "true"); err != nil {
		t.Fatal(err)
	}
	var answer struct{ URLs []string }
	if err := printLink(c, urls); err != nil || json.Unmarshal(out.Bytes(), &answer) != nil || !slices.Equal(answer.URLs, urls) || errs.Len() > 0 {
		t.Errorf("%v %q %q", err, &out, &errs)
	}
}
