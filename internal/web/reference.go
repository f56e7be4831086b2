package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/api"
	"github.com/lugsail/lugsail/internal/web/openapi"
)

// reference is the description of the API, made once from the routes and what package api says of them.
type reference struct {
	operations []openapi.Operation
	pages      openapi.Reference
	document   []byte
	tag        string          // ETag
	streamed   map[string]bool // routes with a body that is not JSON
}

func describe(routes []route) (reference, error) {
	access := map[string]openapi.Access{}
	for _, r := range routes {
		access[r.method+" "+r.path] = openapi.Access{Public: r.kind == public, Right: string(r.action), AnyApp: r.any}
	}
	operations := api.Operations()
	streamed := map[string]bool{}
	for i, o := range operations {
		operations[i].Access = access[o.Route]
		streamed[o.Route] = len(o.Media) > 0
	}
	config := openapi.Config{
		Operations: operations, Problem: api.Problem, Enums: api.Enums(), Paths: api.Paths(), Shared: api.Shared, Groups: api.Groups(),
	}
	document, err := json.MarshalIndent(openapi.Document(config), "", " ")
	if err != nil {
		return reference{}, fmt.Errorf("describing the API: %w", err)
	}
	sum := sha256.Sum256(document)
	return reference{operations: operations, pages: openapi.ReferenceOf(config), document: document, tag: `"` + hex.EncodeToString(sum[:16]) + `"`, streamed: streamed}, nil
}

// openAPI answers GET /api/v1/openapi.json. Nobody needs to be known: it says what this program can do,
// and nothing of this server, not even the program's version.
func (s *Server) openAPI(c echo.Context) error {
	header := c.Response().Header()
	header.Set("ETag", s.reference.tag)
	header.Set(echo.HeaderCacheControl, "no-cache") // ask again, by the tag
	if c.Request().Header.Get("If-None-Match") == s.reference.tag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, s.reference.document)
}
