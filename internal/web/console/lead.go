package console

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// lead is a command that a hint names, and the page of the console which does the same.
type lead struct {
	command *regexp.Regexp // a first group is the name of the app
	path    string         // APP stands for the app's name
	words   string
}

// arguments are what may follow a command in a hint.
const arguments = `(?: (?:--app [a-z0-9-]+|--[a-z-]+|[A-Za-z_]+=[^\s,.;` + "`" + `]+|[A-Z][A-Z0-9_]+|v?[0-9]+))*`

func leadOf(command, path, words string) lead {
	return lead{regexp.MustCompile("^lugsail " + command + arguments + `\b`), path, words}
}

// leads are tried in this order.
var leads = []lead{
	leadOf(`plans, then: lugsail scale`, "/apps/APP/scaling", "Scaling"),
	leadOf(`scale`, "/apps/APP/scaling", "Scaling"),
	leadOf(`plans`, "/apps/APP/scaling", "Scaling"),
	leadOf(`logs`, "/apps/APP/logs", "Logs"),
	leadOf(`(?:info|ps|restart)`, "/apps/APP", "Overview"),
	leadOf(`config history`, "/apps/APP/config#history", "History of the config vars"),
	leadOf(`config(?: (?:set|unset|apply))?`, "/apps/APP/config", "Config vars"),
	leadOf(`(?:deployments|cancel|retry)`, "/apps/APP/deployments", "Deployments"),
	leadOf(`(?:rollback|releases)`, "/apps/APP/rollback", "Roll back"),
	leadOf(`deploy --pull`, "/apps/APP/source", "Source"),
	leadOf(`deploy --image-file image\.tar`, "/apps/APP/upload", "Upload"),
	leadOf(`deploy(?: (?:FOLDER|FILE|\.))`, "/apps/APP/upload", "Upload"),
	leadOf(`deploy`, "/apps/APP", "Deploy again"),
	leadOf(`webhooks(?: (?:on|rotate))?`, "/apps/APP/source#webhook", "Webhook"),
	leadOf(`builder auto`, "/apps/APP/settings", "Settings"),
	leadOf(`addons unbind [a-z0-9-]+`, "/apps/APP/addons", "Add-ons"),
	leadOf(`addons renew ([a-z0-9-]+)`, "/apps/APP", "Renew"),
	leadOf(`addons (?:open|close) ([a-z0-9-]+)(?: --port …)?`, "/apps/APP#public-port", "Public port"),
	leadOf(`doctor ([a-z0-9-]+)`, "/apps/APP/checkup", "Check-up"),
	leadOf(`addons`, "/#addons", "Add-ons"),
	leadOf(`volumes(?: (?:set|create|remove|ls) [a-zA-Z0-9-]+(?: /[a-z/]+)?)?`, "/apps/APP/volumes", "Volumes"),
	leadOf(`snapshots(?: (?:remove|restore|create))?`, "/apps/APP/snapshots", "Snapshots"),
	leadOf(`(?:restore|trash)(?: [a-z0-9-]+)?`, "/trash", "Trash"),
	leadOf(`destroy ([a-z][a-z0-9-]*) --now`, "/trash", "Trash"),
	leadOf(`destroy(?: ([a-z][a-z0-9-]*))?`, "/apps/APP/settings", "Settings"),
	leadOf(`create(?: [a-z0-9-]+)?`, "/create", "Create an app"),
	leadOf(`blueprints(?: [a-z0-9-]+)?`, "/create/blueprint", "Blueprints"),
	leadOf(`apps`, "/", "Apps"),
	leadOf(`keys(?: add)?`, "/account/keys", "SSH keys"),
	leadOf(`passkeys`, "/account/passkeys", "Passkeys"),
	leadOf(`disk(?: clean)?`, "/server/disk", "Disk"),
	leadOf(`backups(?: (?:set|create|remove|key|rehearse))?`, "/server/backups", "Backups"),
	leadOf(`db copies`, "/server/copies", "Copies"),
}

var appFlag = regexp.MustCompile(`--app ([a-z0-9-]+)`)

// onServer are hints for root on the server, where the console may not help.
var onServer = regexp.MustCompile(`(?i)\bas root\b|^on the server`)

// piece is a part of a hint: text, or a link when Href is not "".
type piece struct{ Text, Href string }

// Lead puts links to pages into the place of commands that do the same.
func (f frame) Lead(hint string) []piece {
	var pieces []piece
	for rest := hint; rest != ""; {
		at := strings.Index(rest, "lugsail ")
		if at < 0 || onServer.MatchString(hint) {
			return append(pieces, piece{Text: rest})
		}
		command, link := f.leadAt(rest[at:])
		if link.Href == "" {
			command, link = "lugsail ", piece{Text: "lugsail "}
		}
		before, after := rest[:at], rest[at+len(command):]
		if link.Href != "" && strings.HasSuffix(before, "`") && strings.HasPrefix(after, "`") {
			before, after = before[:len(before)-1], after[1:]
		}
		pieces = append(pieces, piece{Text: before}, link)
		rest = after
	}
	return pieces
}

// leadAt gives the command that text begins with, and its page, if this person can go there.
func (f frame) leadAt(text string) (command string, link piece) {
	for _, l := range leads {
		found := l.command.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		path := l.path
		if strings.Contains(path, "APP") {
			app := f.appMeant(found)
			if app == "" {
				return "", piece{}
			}
			path = strings.Replace(path, "APP", url.PathEscape(app), 1)
		}
		if strings.HasPrefix(path, "/server/") && !f.May(string(platform.ActionServer)) {
			return "", piece{}
		}
		return found[0], piece{l.words, path}
	}
	return "", piece{}
}

func (f frame) appMeant(found []string) string {
	if named := appFlag.FindStringSubmatch(found[0]); named != nil {
		return named[1]
	}
	if len(found) > 1 && found[1] != "" {
		return found[1]
	}
	if f.App != nil {
		return f.App.App.Name
	}
	return ""
}
