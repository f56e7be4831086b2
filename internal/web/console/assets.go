package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
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
	hashed map[string]string        // "main.css" → "/assets/main.1a2b3c4d.css"
	files  map[string]asset         // by the hashed file name
	icons  map[string]template.HTML // "plus" → its drawing
}

type asset struct {
	kind   string
	body   []byte
	packed []byte // gzip; nil for what is not worth it
}

func loadAssets() (*assets, error) {
	a := &assets{hashed: map[string]string{}, files: map[string]asset{}, icons: map[string]template.HTML{}}
	entries, err := fs.ReadDir(ui.Files, "dist")
	if err != nil {
		return nil, fmt.Errorf("reading assets: %w", err)
	}
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) == ".md" {
			continue
		}
		if err := a.add(entry.Name()); err != nil {
			return nil, fmt.Errorf("reading asset %s: %w", entry.Name(), err)
		}
	}
	if len(a.files) == 0 {
		return nil, errors.New("the program was built without the console's files: run make ui, then build it again")
	}
	return a, a.loadIcons()
}

func (a *assets) add(file string) error {
	body, err := fs.ReadFile(ui.Files, "dist/"+file)
	if err != nil {
		return err
	}
	name, packed := strings.CutSuffix(file, ".gz")
	one := asset{kind: mime.TypeByExtension(path.Ext(name)), body: body}
	if packed {
		one.packed = body
		if one.body, err = unpack(body); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(one.body)
	hashed := strings.TrimSuffix(name, path.Ext(name)) + "." + hex.EncodeToString(sum[:4]) + path.Ext(name)
	a.hashed[name] = "/assets/" + hashed
	a.files[hashed] = one
	return nil
}

func unpack(packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// loadIcons reads the drawings, to stand in the pages themselves: they take the text's colour.
func (a *assets) loadIcons() error {
	entries, err := fs.ReadDir(ui.Files, "dist/icons")
	if err != nil {
		return fmt.Errorf("reading icons: %w", err)
	}
	for _, entry := range entries {
		body, err := fs.ReadFile(ui.Files, "dist/icons/"+entry.Name())
		if err != nil {
			return fmt.Errorf("reading icon %s: %w", entry.Name(), err)
		}
		drawing := strings.NewReplacer(` xmlns="http://www.w3.org/2000/svg"`, "", ` data-slot="icon"`, ` class="icon"`, "\n  ", "", "\n", "").Replace(string(body))
		a.icons[strings.TrimSuffix(entry.Name(), ".svg")] = template.HTML(drawing) //nolint:gosec // our own files
	}
	return nil
}

// asset is the address of a file; one that is not there is a broken page, which a test finds.
func (a *assets) address(name string) (string, error) {
	if at, ok := a.hashed[name]; ok {
		return at, nil
	}
	return "", fmt.Errorf("there is no asset %q: see ui/README.md", name)
}

// icon is a drawing out of ui/icons.txt.
func (a *assets) icon(name string) (template.HTML, error) {
	if drawing, ok := a.icons[name]; ok {
		return drawing, nil
	}
	return "", fmt.Errorf("there is no icon %q: add its name to ui/icons.txt and run make ui", name)
}

// Asset answers GET /assets/:file: an exact name out of a map, never a path.
func (c *Console) Asset(e echo.Context) error {
	file, ok := c.assets.files[e.Param("file")]
	if !ok {
		return platform.Errorf(platform.NotFound, "asset_not_found", "There is nothing at this address.")
	}
	h := e.Response().Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := file.body
	if file.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(e.Request().Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = file.packed
		}
	}
	return e.Blob(http.StatusOK, file.kind, body)
}
