package request

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// Page is the part of a list that is asked for: at most Limit things, behind the one called After.
type Page struct {
	Limit int
	After string // "" is the beginning
}

// maxCursor is longer than any cursor that we gave: one stands for a name or a number.
const maxCursor = 400

// ReadPage reads limit and cursor of the query.
func ReadPage(c echo.Context) (Page, error) {
	limit, err := Limit(c)
	if err != nil {
		return Page{}, err
	}
	cursor := c.QueryParam("cursor")
	if cursor == "" {
		return Page{Limit: limit}, nil
	}
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(cursor) > maxCursor || len(after) == 0 {
		return Page{}, badCursor()
	}
	return Page{Limit: limit, After: string(after)}, nil
}

// AfterNumber is After of a list that goes from high numbers to low; 0 is the beginning.
func (p Page) AfterNumber() (int64, error) {
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.After, 10, 64)
	if err != nil || n < 1 {
		return 0, badCursor()
	}
	return n, nil
}

func badCursor() error {
	return platform.Errorf(platform.Invalid, "query_invalid", "The cursor is none that Lugsail gave.").
		WithHint("Take next of the answer before, or leave cursor out to begin at the first page.")
}

// Cut takes the page out of all, which was read one longer than the limit where there is more, and
// gives the cursor of the next page; nil when all is told.
func Cut[T any](p Page, all []T, name func(T) string) (page []T, next *string) {
	if len(all) <= p.Limit {
		return all, nil
	}
	page = all[:p.Limit]
	cursor := base64.RawURLEncoding.EncodeToString([]byte(name(page[len(page)-1])))
	return page, &cursor
}

// Skip leaves out what stands before the page in a whole list that is sorted by name.
func Skip[T any](p Page, all []T, name func(T) string) []T {
	for i, v := range all {
		if p.After == "" || strings.Compare(name(v), p.After) > 0 {
			return all[i:]
		}
	}
	return nil
}
