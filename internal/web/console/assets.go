package console

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/ui"
)

// assets are the embedded files under names that change with their content, so that
// browsers keep them for ever.
type assets struct {
	hashed map[string]string // "lugsail.css" → "/assets/lugsail.1a2b3c4d.css"
	files  map[string]asset  // by the hashed file name
}

type asset struct {
	kind string
	body []byte
}

func loadAssets() (*assets, error) {
	a := &assets{hashed: map[string]string{}, files: map[string]asset{}}
	entries, err := fs.ReadDir(ui.Files, "assets")
	if err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	for _, entry := range entries {
		body, err := fs.ReadFile(ui.Files, "assets/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("reading asset %s: %w", entry.Name(), err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext) + "." + hex.EncodeToString(sum[:4]) + ext
		a.hashed[entry.Name()] = "/assets/" + name
		a.files[name] = asset{kind: mime.TypeByExtension(ext), body: body}
	}
	return a, nil
}

// Asset answers GET /assets/:file: an exact name out of a map, never a path.
func (c *Console) Asset(e echo.Context) error {
	file, ok := c.assets.files[e.Param("file")]
	if !ok {
		return platform.Errorf(platform.NotFound, "asset_not_found", "There is nothing at this address.")
	}
	e.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return e.Blob(http.StatusOK, file.kind, file.body)
}
