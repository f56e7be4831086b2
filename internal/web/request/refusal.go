package request

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// refusalCookie carries why something was refused to the page that the browser is sent to. Its prefix lets nobody
// else plant one.
const refusalCookie = "__Host-lugsail-refused"

const (
	refusalLife = 60   // seconds
	maxRefusal  = 1000 // bytes of each sentence; browsers keep cookies of 4096
)

// KeepRefusal gives the browser what its next page says.
func KeepRefusal(c echo.Context, why *platform.Error) {
	text, err := json.Marshal([]string{clip(why.Message), clip(why.Hint)})
	if err == nil {
		setRefusal(c, base64.RawURLEncoding.EncodeToString(text), refusalLife)
	}
}

// TakeRefusal is what was kept, once; nil when nothing was.
func TakeRefusal(c echo.Context) *platform.Error {
	cookies := c.Request().CookiesNamed(refusalCookie)
	if len(cookies) == 0 {
		return nil
	}
	setRefusal(c, "", -1)
	text, _ := base64.RawURLEncoding.DecodeString(cookies[0].Value) // what is broken says nothing
	var said [2]string
	if _ = json.Unmarshal(text, &said); said[0] == "" {
		return nil
	}
	return &platform.Error{Kind: platform.Invalid, Code: "refused", Message: said[0], Hint: said[1]}
}

func setRefusal(c echo.Context, value string, life int) {
	c.SetCookie(&http.Cookie{Name: refusalCookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: life})
}

func clip(text string) string {
	if len(text) <= maxRefusal {
		return text
	}
	return text[:maxRefusal] + "…"
}
