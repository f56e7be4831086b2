package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// groups are the headings of the help, in order, with the commands under them. A command that stands
// nowhere keeps the group that its maker gave it.
var groups = []struct{ id, title, commands string }{
	{"apps", "Apps:", "create blueprints apps info open rename remote destroy restore trash plans"},
	{"deploy", "Deploy:", "deploy deployments cancel retry releases rollback undo source webhooks branch"},
	{"run", "Run and look:", "ps scale restart logs tail metrics activity run exec doctor disk backups address certificates diagnostics"},
	{"settings", "Settings:", "config domains volumes snapshots addons builder"},
	{"account", "Account:", "login logout tokens keys second-factor passkeys sessions"},
	{"server", "On the server, as root:", ""},
}

// examples are for the commands that bring none of their own.
var examples = map[string]string{
	"apps": "lugsail apps\nlugsail apps --json | jq -r '.apps[].name'", "info": "lugsail info my-shop", "open": "lugsail open my-shop",
	"plans": "lugsail plans", "destroy": "lugsail destroy my-shop\nlugsail destroy my-shop --confirm my-shop",
	"deploy": "lugsail deploy\nlugsail deploy --detach\nlugsail deploy --renew", "deployments": "lugsail deployments\nlugsail deployments 7\nlugsail deployments --state failed", "cancel": "lugsail cancel\nlugsail cancel 7", "retry": "lugsail retry\nlugsail retry 7",
	"releases": "lugsail releases", "rollback": "lugsail rollback\nlugsail rollback v7\nlugsail rollback v7 --preview",
	"undo": "lugsail undo 14:03\nlugsail undo \"2026-11-28 14:03\" --as shop-then",
	"ps":   "lugsail ps", "metrics": "lugsail metrics\nlugsail metrics my-shop --range 24h", "restart": "lugsail restart", "activity": "lugsail activity\nlugsail activity my-shop --topic config", "logs": "lugsail logs --tail 500\nlugsail logs --follow --process worker", "tail": "lugsail tail\nlugsail tail my-shop --process worker",
	"config": "lugsail config\nlugsail config --show >.env", "config get": "lugsail config get SECRET", "config unset": "lugsail config unset OLD_NAME",
	"config history": "lugsail config history", "config restore": "lugsail config restore v12\nlugsail config restore v12 --later", "config apply": "lugsail config apply",
	"domains": "lugsail domains", "domains add": "lugsail domains add shop.example.com", "domains remove": "lugsail domains remove shop.example.com",
	"snapshots": "lugsail snapshots --app shop", "snapshots create": "lugsail snapshots create --app shop", "snapshots restore": "lugsail snapshots restore ID --app shop\nlugsail snapshots restore ID --app shop --as shop-test --plan micro", "snapshots before-deployments": "lugsail snapshots before-deployments --app shop\nlugsail snapshots before-deployments on --app shop", "snapshots remove": "lugsail snapshots remove ID --app shop",
	"addons": "lugsail addons", "addons unbind": "lugsail addons unbind shop-db --app shop", "addons rotate": "lugsail addons rotate shop-db", "addons renew": "lugsail addons renew shop-db", "addons stats": "lugsail addons stats shop-db", "addons close": "lugsail addons close shop-db",
	"volumes": "lugsail volumes", "volumes create": "lugsail volumes create uploads /data --shared\nlugsail volumes create database /data", "volumes set": "lugsail volumes set uploads /srv/uploads --shared",
	"volumes remove": "lugsail volumes remove uploads\nlugsail volumes remove uploads --now", "volumes restore": "lugsail volumes restore uploads",
	"volumes ls": "lugsail volumes ls uploads\nlugsail volumes ls uploads photos/2026", "volumes rm": "lugsail volumes rm uploads photos/cat.jpg\nlugsail volumes rm uploads photos --all",
	"volumes cp": "lugsail volumes cp photo.jpg uploads:photos/\nlugsail volumes cp uploads:photos .\nlugsail volumes cp backup/. uploads:",
	"disk":       "lugsail disk", "disk clean": "lugsail disk clean\nlugsail disk clean --yes", "diagnostics": "lugsail diagnostics\nlugsail diagnostics help.tar.gz", "certificates": "lugsail certificates",
	"address": "lugsail address", "address check": "lugsail address check apps.example.com",
	"address domain": "lugsail address domain apps.example.com --email ada@example.com", "address ready": "lugsail address ready\nlugsail address ready 203.0.113.7",
	"address local": "lugsail address local", "address confirm": "lugsail address confirm",
	"backups": "lugsail backups", "backups set": "lugsail backups set sftp://backup@nas.example.com/lugsail\nlugsail backups set s3:https://storage.example.com/my-bucket --key-id AKIA1234", "backups off": "lugsail backups off", "backups key": "lugsail backups key",
	"backups create": "lugsail backups create", "backups rehearse": "lugsail backups rehearse", "backups remove": "lugsail backups remove ID", "host restore": "lugsail host restore --from /mnt/disk/backups",
	"remote": "lugsail remote my-shop\nlugsail remote --ssh", "doctor": "lugsail doctor\nlugsail doctor my-shop",
	"source": "lugsail source", "source remove": "lugsail source remove",
	"webhooks": "lugsail webhooks", "webhooks list": "lugsail webhooks list", "webhooks on": "lugsail webhooks on", "webhooks off": "lugsail webhooks off",
	"webhooks redeliver": "lugsail webhooks redeliver 1a2b3c4d", "webhooks rotate": "lugsail webhooks rotate", "webhooks show": "lugsail webhooks show 1a2b3c4d",
	"keys": "lugsail keys", "keys list": "lugsail keys list", "keys add": "lugsail keys add ~/.ssh/id_ed25519.pub", "keys remove": "lugsail keys remove laptop",
	"db": "lugsail db status", "db check": "lugsail db check", "db copies": "lugsail db copies", "db copy": "lugsail db copy", "db status": "lugsail db status",
	"db migrate-to": "lugsail db migrate-to 'postgres://lugsail@db.example.com/lugsail'", "db restore": "lugsail db restore FILE",
	"login": "lugsail login https://console.example.com", "logout": "lugsail logout",
	"tokens": "lugsail tokens", "tokens create": "lugsail tokens create ci --scope deploy --app my-shop", "tokens revoke": "lugsail tokens revoke 1a2b3c4d",
	"second-factor": "lugsail second-factor", "second-factor on": "lugsail second-factor on", "second-factor off": "lugsail second-factor off", "second-factor codes": "lugsail second-factor codes",
	"passkeys": "lugsail passkeys", "passkeys remove": "lugsail passkeys remove 1a2b3c4d5e6f7g8h",
	"sessions": "lugsail sessions", "sessions end": "lugsail sessions end 1a2b3c4d5e6f7g8h\nlugsail sessions end --all",
	"version": "lugsail version --json", "completion": "source <(lugsail completion bash)",
	"completion bash": "source <(lugsail completion bash)\nlugsail completion bash >/etc/bash_completion.d/lugsail",
	"completion zsh":  "source <(lugsail completion zsh)\nlugsail completion zsh >\"${fpath[1]}/_lugsail\"",
	"completion fish": "lugsail completion fish >~/.config/fish/completions/lugsail.fish", "completion powershell": "lugsail completion powershell | Out-String | Invoke-Expression",
	"help":  "lugsail help deploy\nlugsail help exit-codes",
	"serve": "lugsail serve", "proxy": "lugsail proxy", "setup-link": "lugsail setup-link", "recover": "lugsail recover ada@example.com",
	"service": "lugsail service status", "service start": "lugsail service start", "service stop": "lugsail service stop", "service restart": "lugsail service restart",
	"service status": "lugsail service status", "service logs": "lugsail service logs\nlugsail service logs proxy",
	"service install": "lugsail service install", "service uninstall": "lugsail service uninstall",
	"host": "lugsail host check", "host check": "lugsail host check", "host fingerprint": "lugsail host fingerprint", "host prepare": "lugsail host prepare",
	"host prepare-docker": "lugsail host prepare-docker", "host remove": "lugsail host remove\nlugsail host remove --purge", "host settings": "lugsail host settings --json",
	"host address": "lugsail host address", "host address domain": "lugsail host address domain apps.example.com", "host address ready": "lugsail host address ready",
	"host address local": "lugsail host address local", "host address confirm": "lugsail host address confirm", "host diagnostics": "lugsail host diagnostics",
	"host setup": "lugsail host setup", "host summary": "lugsail host summary", "host wait": "lugsail host wait",
}

// Arrange puts all commands under their headings and gives examples to those without. It is called once
// more when commands were added.
func Arrange(root *cobra.Command) {
	for _, g := range groups {
		if !root.ContainsGroup(g.id) {
			root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		}
		for name := range strings.FieldsSeq(g.commands) {
			for _, c := range root.Commands() {
				if c.Name() == name {
					c.GroupID = g.id
				}
			}
		}
	}
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Run, c.RunE = nil, help
		}
	}
	illustrate(root, "")
}

func illustrate(c *cobra.Command, path string) {
	if example := examples[path]; c.Example == "" && example != "" {
		c.Example = "  " + strings.ReplaceAll(example, "\n", "\n  ")
	}
	for _, child := range c.Commands() {
		illustrate(child, strings.TrimSpace(path+" "+child.Name()))
	}
}

// exitCodes is a topic of the help.
func exitCodes() *cobra.Command {
	c := &cobra.Command{
		Use: "exit-codes", Short: "What the exit codes mean",
		Long: `What the program's exit codes mean:

  0    done
  1    it failed: the deployment, or something inside Lugsail
  2    the command line was not understood
  3    there is no such thing: app, release, config var
  4    nobody is signed in, or the token ended
  5    the account or token may not do this
  6    it clashes with what is there, or does not fit on the server
  7    the server does not answer, or asks to try again later
  130  interrupted

run and exec end with the code of the command that they ran.

With --json the error is printed as {"error": {"code", "message", "hint"}} on standard error.`,
	}
	WithoutJSON(c)
	return c
}
