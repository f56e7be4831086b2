package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// habits are commands of other platforms, and what does the same here.
var habits = map[string]string{
	"stop": "lugsail scale web=0", "start": "lugsail scale web=1", "dyno": "lugsail ps", "dynos": "lugsail ps",
	"ssh": "lugsail exec", "bash": "lugsail exec", "shell": "lugsail exec", "console": "lugsail exec", "enter": "lugsail exec",
	"push": "git push lugsail main, or without git: lugsail deploy .", "up": "git push lugsail main, or without git: lugsail deploy .",
	"init": "lugsail create NAME", "new": "lugsail create NAME", "launch": "lugsail create NAME",
	"delete": "lugsail destroy APP", "remove": "lugsail destroy APP", "rm": "lugsail destroy APP", "undelete": "lugsail restore APP",
	"list": "lugsail apps", "ls": "lugsail apps", "projects": "lugsail apps", "status": "lugsail info, or of the server: lugsail doctor",
	"env": "lugsail config", "vars": "lugsail config", "secrets": "lugsail config", "certs": "lugsail domains", "build": "lugsail deploy",
	"upgrade": "./install.sh of the newer version, on the server", "update": "./install.sh of the newer version, on the server",
	"git:remote": "lugsail remote APP", "run:detached": "lugsail run --detach -- COMMAND", "maintenance:on": "lugsail scale web=0",
	"ps:restart": "lugsail restart", "events": "lugsail activity", "audit": "lugsail activity", "redeploy": "lugsail deploy",
}

// habitual finds what a person who knows another platform means; "" when that is not known. Elsewhere
// commands have two halves: config:set is config set here, ps:scale is scale.
func habitual(root *cobra.Command, word string) string {
	if here := habits[word]; here != "" {
		return here
	}
	whole, part, ok := strings.Cut(word, ":")
	if !ok {
		return ""
	}
	for _, words := range [][]string{{whole, part}, {part}, {whole}} {
		if found, rest, err := root.Find(words); err == nil && found != root && len(rest) == 0 && !found.Hidden {
			return found.CommandPath()
		}
	}
	return ""
}
