package console

import (
	"math"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type activityPage struct {
	Events []platform.Event
	Older  int64  // where the next page begins; 0 when there is none
	Of     string // the only app that is told of; "" means all
	Topic  string // the only topic; "" means all
	Topics []string
}

// actions are what happened, in words; what is not here says it by itself: "domain.added".
var actions = map[string]string{
	"account.create": "owner's account made", "account.password": "password changed",
	"account.recover": "password set anew", "account.recover_link": "recovery link made",
	"account.second_factor_on": "second factor on", "account.second_factor_off": "second factor off", "account.recovery_codes": "recovery codes made",
	"passkey.add": "passkey added", "passkey.remove": "passkey removed", "session.refused": "wrong code", "session.revoke_others": "other browsers signed out",
	"addon.bound": "add-on bound", "addon.unbound": "add-on taken away", "addon.rotated": "new password of an add-on", "addon.opened": "add-on opened to the internet", "addon.closed": "add-on closed",
	"app.configured": "settings changed", "app.destroy": "app being destroyed",
	"config.changed": "config vars changed", "config.revealed": "config vars shown",
	"deployment.cancel": "deployment to be cancelled", "session.create": "signed in", "session.revoke": "browser signed out",
	"token.create": "token made", "token.revoke": "token revoked",
}

func action(name string) string {
	if words, ok := actions[name]; ok {
		return words
	}
	return strings.NewReplacer(".", " ", "_", " ").Replace(name)
}

// door says through which door somebody came; what Lugsail does by itself needs none.
func door(via string) string {
	switch via {
	case "cli":
		return "command line"
	case "api":
		return "API"
	case "system":
		return ""
	}
	return via
}

const eventsShown = 50

// Activity answers GET /activity: who did what, newest first.
func (c *Console) Activity(e echo.Context) error {
	before, err := request.Int(e, "before", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	page := activityPage{Of: e.QueryParam("app"), Topic: e.QueryParam("topic"), Topics: app.Topics}
	all, err := c.apps.EventsLike(e.Request().Context(), request.Actor(e), page.Of, page.Topic, before, eventsShown)
	if err != nil {
		return err
	}
	page.Events = all
	if len(all) == eventsShown {
		page.Older = all[len(all)-1].ID
	}
	return c.show(e, http.StatusOK, "activity", frame{Title: "Activity", Nav: "activity", Data: page})
}
