package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Key is an SSH key of an account.
type Key struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Kind        string     `json:"kind" doc:"ED25519, ECDSA or RSA"`
	Public      string     `json:"public" doc:"the public key, without a comment"`
	Fingerprint string     `json:"fingerprint" doc:"as ssh-keygen -l shows it"`
	CreatedAt   time.Time  `json:"created_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
}

func keyBody(k platform.SSHKey) Key {
	return Key{ID: k.ID, Name: k.Name, Kind: k.Kind(), Public: k.Public, Fingerprint: k.Fingerprint, CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt}
}

// KeysList answers GET /keys: one's own.
func (a *API) KeysList(c echo.Context) error {
	all, err := a.Accounts.SSHKeys(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, KeysAnswer{list(all, keyBody)})
}

// KeyAddBody is what POST /keys takes.
type KeyAddBody struct {
	Key  string `json:"key" doc:"one public key, as in a .pub file"`
	Name string `json:"name" doc:"for people; the key's comment when left out"`
}

// KeyAdd answers POST /keys.
func (a *API) KeyAdd(c echo.Context) error {
	var body KeyAddBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	key, err := a.Accounts.AddSSHKey(c.Request().Context(), request.Actor(c), body.Name, body.Key)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, KeyAnswer{keyBody(key)})
}

// KeyRemove answers DELETE /keys/:id.
func (a *API) KeyRemove(c echo.Context) error {
	if err := a.Accounts.RemoveSSHKey(c.Request().Context(), request.Actor(c), c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

var keyOperations = []openapi.Operation{
	{Route: "GET /api/v1/keys", Group: "SSH keys", Summary: "List your SSH keys", Status: http.StatusOK, Answer: KeysAnswer{}},
	{
		Route: "POST /api/v1/keys", Group: "SSH keys", Summary: "Add an SSH key",
		Notes: "With it, git over SSH may look and deploy as its account may. A key belongs to one account of a server.",
		Body:  KeyAddBody{}, Status: http.StatusCreated, Answer: KeyAnswer{},
		Errors: openapi.Codes{409: "key_exists keys_too_many", 422: "key_invalid key_private key_options key_kind key_weak key_many key_name_invalid"},
	},
	{
		Route: "DELETE /api/v1/keys/:id", Group: "SSH keys", Summary: "Remove an SSH key", Status: http.StatusNoContent,
		Notes: "Connections that it has open end within 5 seconds.", Errors: openapi.Codes{404: "key_not_found"},
	},
}
