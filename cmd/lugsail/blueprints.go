package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/blueprint"
	"github.com/lugsail/lugsail/internal/cli"
)

// addBlueprintTools gives the command line's blueprints what needs no server: help for those who write one.
func addBlueprintTools(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() == "blueprints" {
			check, schema := blueprintCheck(), blueprintSchema()
			cli.WithoutJSON(check, schema)
			c.AddCommand(check, schema)
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
