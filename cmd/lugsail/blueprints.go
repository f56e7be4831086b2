package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/blueprints"
	"github.com/lugsail/lugsail/internal/blueprint"
	"github.com/lugsail/lugsail/internal/cli"
	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
)

// addBlueprintTools gives the command line's blueprints what needs no server: help for those who write one.
func addBlueprintTools(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() == "blueprints" {
			check, schema := blueprintCheck(), blueprintSchema()
			cli.WithoutJSON(check, schema)
			c.AddCommand(check, schema, blueprintAdd(), blueprintRemove())
		}
	}
}

func blueprintCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check FOLDER", Short: "Look whether a blueprint is right, by line", Args: cobra.ExactArgs(1),
		Example: "  lugsail blueprints check ./my-stack",
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("finding the folder: %w", err)
			}
			b, err := blueprint.Read(os.DirFS(folder), filepath.Base(folder))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is right: %s\n", b.Name, b.Title)
			return err
		},
	}
}

func blueprintSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print what stands in a blueprint.yaml, as JSON Schema", Args: cobra.NoArgs,
		Example: "  lugsail blueprints schema >blueprint.schema.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(blueprint.Schema)
			return err
		},
	}
}

// library is the blueprints of a server.
func library(c config.Config) (*blueprint.Library, error) {
	return blueprint.OpenLibrary(blueprints.Folders, filepath.Join(c.DataDir, "blueprints"))
}

func blueprintAdd() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "add FOLDER|GIT-ADDRESS", Short: "Add blueprints of your own to this server (as root)", Args: cobra.ExactArgs(1),
		Long:    "Add blueprints of your own to this server: a folder with a blueprint.yaml, or one with such folders in it. A git address is\ncloned first, with what root may read. What is added again takes the place of the older one, for what is made afterwards and\nfor renewals.",
		Example: "  sudo lugsail blueprints add ./my-stack\n  sudo lugsail blueprints add https://git.example.com/stacks.git",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := asRoot("blueprints add " + args[0]); err != nil {
				return err
			}
			m, err := s.machine(cmd)
			if err != nil {
				return err
			}
			return addBlueprints(cmd.Context(), m, args[0])
		},
	}
	cli.WithoutJSON(c)
	return s.add(c)
}

func addBlueprints(ctx context.Context, m machine, from string) error {
	var folder, name string
	if strings.Contains(from, "://") || strings.HasPrefix(from, "git@") {
		dir, err := os.MkdirTemp("", "lugsail-blueprints-")
		if err != nil {
			return fmt.Errorf("making a folder for the clone: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // it is in the way of nothing
		folder, name = filepath.Join(dir, "clone"), strings.TrimSuffix(path.Base(strings.ReplaceAll(from, ":", "/")), ".git")
		clone := command.Command{Name: "git", Args: []string{"clone", "--quiet", "--depth", "1", "--", from, folder}, Env: os.Environ()}
		if err := clone.Run(ctx); err != nil {
			return platform.Errorf(platform.Unavailable, "blueprint_clone", "%s cannot be cloned.", from).WithHint("Try it as root: git clone %s", from).Because(err)
		}
	} else {
		var err error
		if folder, err = filepath.Abs(from); err != nil {
			return fmt.Errorf("finding the folder: %w", err)
		}
		name = filepath.Base(folder)
	}
	l, err := library(m.config)
	if err != nil {
		return err
	}
	found, err := blueprint.Found(folder, name)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		b, err := l.Add(found[name], name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(m.out, "Added %s: %s\n", b.Name, b.Sentence); err != nil {
			return err
		}
	}
	return nil
}

func blueprintRemove() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "remove NAME", Short: "Remove a blueprint that was added (as root)", Args: cobra.ExactArgs(1),
		Long:    "Remove a blueprint that was added to this server. Apps that were made of it stay, and can be renewed.",
		Example: "  sudo lugsail blueprints remove my-stack",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := asRoot("blueprints remove " + args[0]); err != nil {
				return err
			}
			m, err := s.machine(cmd)
			if err != nil {
				return err
			}
			l, err := library(m.config)
			if err != nil {
				return err
			}
			if err := l.Remove(args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(m.out, "Removed %s. Nothing new is made of it.\n", args[0])
			return err
		},
	}
	cli.WithoutJSON(c)
	return s.add(c)
}
