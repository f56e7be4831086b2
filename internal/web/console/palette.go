package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

type palettePage struct {
	Query string
	Found []place
}

// place is somewhere to go: a page, or the part of one where something is done.
type place struct {
	Icon  string
	Label string
	Of    string // the app; "" for the server's own
	To    string
	words string // what it is also found by
}

const maxFound = 12

// Palette answers GET /palette: what a few words find. It is a page for those without a script, and
// the list of the palette for those with one.
func (c *Console) Palette(e echo.Context) error {
	actor := request.Actor(e)
	apps, err := c.apps.AppsSeen(e.Request().Context(), actor)
	if err != nil {
		return err
	}
	query := strings.TrimSpace(e.QueryParam("q"))
	page := palettePage{Query: query, Found: find(actor, apps, query)}
	return c.show(e, http.StatusOK, "palette", frame{Title: "Go to", Nav: "", Data: page})
}

// find gives the best places first: those with words that begin as the query's do, and of these the
// ones that say so in their label.
func find(actor platform.Actor, apps []platform.App, query string) []place {
	all := make([]place, 0, len(apps))
	for _, a := range apps {
		p := place{Icon: "cube", Label: a.Name, To: "/apps/" + a.Name, words: "app overview"}
		if a.Addon {
			p.Icon, p.words = "circle-stack", "add-on addon database cache overview password "+a.Blueprint
		}
		all = append(all, p)
	}
	all = append(all, serverPlaces(actor)...)
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return all[:min(len(all), maxFound)]
	}
	for _, a := range apps {
		all = append(all, appPlaces(actor, a)...)
	}
	all = slices.DeleteFunc(all, func(p place) bool { return p.fits(words) == 0 })
	slices.SortStableFunc(all, func(a, b place) int { return b.fits(words) - a.fits(words) })
	return all[:min(len(all), maxFound)]
}

// fits is 0 where a word is missing, and more the better the place answers to them.
func (p place) fits(words []string) int {
	label := strings.ToLower(p.Label)
	hay := label + " " + p.Of + " " + p.words
	fit, begun := 1, true
	for _, word := range words {
		switch {
		case !strings.Contains(hay, word):
			return 0
		case begins(label, word):
			fit += 2
		case !begins(hay, word):
			begun = false
		}
	}
	if p.Of == words[0] {
		fit++
	}
	if begun {
		fit += 100
	}
	return fit
}

// begins tells whether one of the text's words begins so.
func begins(text, word string) bool {
	return strings.HasPrefix(text, word) || strings.Contains(text, " "+word) || strings.Contains(text, "-"+word)
}

func serverPlaces(actor platform.Actor) []place {
	all := []place{
		{Icon: "squares-2x2", Label: "Apps", To: "/", words: "home"},
		{Icon: "plus", Label: "Create an app", To: "/create", words: "new add"},
		{Icon: "squares-plus", Label: "Create from a blueprint", To: "/create/blueprint", words: "new add stack wordpress lamp one-click"},
		{Icon: "circle-stack", Label: "Create a database", To: "/create/database", words: "new add add-on addon postgresql postgres mariadb mysql valkey redis cache rds"},
		{Icon: "signal", Label: "Activity", To: "/activity", words: "events history audit who"},
		{Icon: "server-stack", Label: "Server", To: "/server", words: "capacity plans certificate disk memory"},
		{Icon: "globe-alt", Label: "The server's address", To: "/server/address", words: "domain dns ip name"},
		{Icon: "circle-stack", Label: "The server's disk, clean up", To: "/server/disk", words: "space full remove cache"},
		{Icon: "lock-closed", Label: "Certificates", To: "/server/certificates", words: "tls https renewal"},
		{Icon: "document-duplicate", Label: "Copies of Lugsail's database", To: "/server/copies", words: "backup restore"},
		{Icon: "lifebuoy", Label: "Check the server", To: "/server/checkup", words: "doctor health diagnostics"},
		{Icon: "trash", Label: "Trash", To: "/trash", words: "deleted restore undo"},
		{Icon: "user-circle", Label: "Account", To: "/account", words: "password sign in"},
		{Icon: "shield-check", Label: "Second factor", To: "/account/second-factor", words: "two-factor 2fa totp codes phone"},
		{Icon: "finger-print", Label: "Passkeys", To: "/account/passkeys", words: "webauthn fingerprint"},
		{Icon: "computer-desktop", Label: "Browsers that are signed in", To: "/account/browsers", words: "sessions sign out"},
		{Icon: "key", Label: "Tokens", To: "/account/tokens", words: "api git password"},
		{Icon: "command-line", Label: "SSH keys", To: "/account/keys", words: "git ssh"},
		{Icon: "book-open", Label: "API reference", To: "/docs/api", words: "rest openapi documentation"},
	}
	var may []place
	for _, p := range all {
		if strings.HasPrefix(p.To, "/create") && !platform.Can(actor, platform.ActionManage, "") || strings.HasPrefix(p.To, "/server/") && !platform.Can(actor, platform.ActionServer, "") {
			continue
		}
		may = append(may, p)
	}
	return may
}

// notOfAddons are pages that an app has and an add-on has not.
var notOfAddons = []string{"Add-ons", "Domains", "Source", "Upload", "Roll back"}

func appPlaces(actor platform.Actor, a platform.App) []place {
	base := "/apps/" + a.Name
	all := []place{
		{Icon: "rocket-launch", Label: "Deployments", To: base + "/deployments", words: "build log"},
		{Icon: "document-text", Label: "Logs", To: base + "/logs", words: "output errors tail"},
		{Icon: "chart-bar", Label: "Metrics", To: base + "/metrics", words: "cpu memory requests latency traffic charts"},
		{Icon: "variable", Label: "Config vars", To: base + "/config", words: "environment env secrets settings"},
		{Icon: "globe-alt", Label: "Domains", To: base + "/domains", words: "dns certificate https address"},
		{Icon: "circle-stack", Label: "Volumes", To: base + "/volumes", words: "disk files data uploads persistent storage"},
		{Icon: "archive-box", Label: "Snapshots", To: base + "/snapshots", words: "copies backup restore undo daily ebs"},
		{Icon: "link", Label: "Add-ons", To: base + "/addons", words: "database cache bind postgresql mariadb valkey redis"},
		{Icon: "scale", Label: "Scaling", To: base + "/scaling", words: "plan replicas memory size"},
		{Icon: "code-bracket", Label: "Source", To: base + "/source", words: "git repository webhook branch"},
		{Icon: "arrow-up-tray", Label: "Upload", To: base + "/upload", words: "deploy folder archive zip image"},
		{Icon: "arrow-uturn-left", Label: "Roll back", To: base + "#releases", words: "release undo older"},
		{Icon: "command-line", Label: "Terminal", To: base + "/terminal", words: "shell console bash exec run ssh"},
		{Icon: "cog-6-tooth", Label: "Settings", To: base + "/settings", words: "rename builder destroy delete"},
		{Icon: "lifebuoy", Label: "Check-up", To: base + "/checkup", words: "doctor health why"},
	}
	if a.Addon {
		all = slices.DeleteFunc(all, func(p place) bool { return slices.Contains(notOfAddons, p.Label) })
	}
	for i := range all {
		all[i].Of = a.Name
	}
	if !platform.Can(actor, platform.ActionDeploy, a.ID) {
		all = slices.DeleteFunc(all, func(p place) bool { return p.Label == "Upload" || p.Label == "Roll back" })
	}
	if !platform.Can(actor, platform.ActionRun, a.ID) {
		all = slices.DeleteFunc(all, func(p place) bool { return p.Label == "Terminal" })
	}
	return all
}
