package request

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// Int reads a whole number of the query; missing means def, outside min to max is refused.
func Int(c echo.Context, name string, def, min, max int64) (int64, error) {
	text := c.QueryParam(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < min || n > max {
		return 0, platform.Errorf(platform.Invalid, "query_invalid", "%s must be a whole number from %d to %d.", name, min, max)
	}
	return n, nil
}

// Limit reads how many things are wanted: 1 to 200, 50 when nothing is said.
func Limit(c echo.Context) (int, error) {
	n, err := Int(c, "limit", 50, 1, 200)
	return int(n), err
}

// Number reads a positive number of the path, such as a deployment's.
func Number(c echo.Context, name string) (int, error) {
	n, err := strconv.ParseInt(c.Param(name), 10, 31)
	if err != nil || n < 1 {
		return 0, platform.Errorf(platform.NotFound, name+"_not_found", "There is nothing with that number.")
	}
	return int(n), nil
}
