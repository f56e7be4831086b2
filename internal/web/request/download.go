package request

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// Binary is the media type of a file of whatever kind.
const Binary = "application/octet-stream"

// downloadChunk is what is sent between two looks at whether the reader may still read.
const downloadChunk = 256 << 10

// Download sends a file of a stranger to be kept, never to be shown: what is in it could be a page with a script.
// It may be large, and its reader slow. Of a file that grows meanwhile the first size bytes are sent; one that
// shrinks breaks the answer off, so that nobody takes it for whole.
func Download(c echo.Context, name string, size int64, from io.Reader) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, Binary)
	h.Set(echo.HeaderContentLength, strconv.FormatInt(size, 10))
	h.Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": fileName(name)}))
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	c.Response().WriteHeader(http.StatusOK)
	control, alive, looked := http.NewResponseController(c.Response().Writer), alive(c), time.Now()
	var pace platform.Pace
	for size > 0 {
		began := time.Now()
		_ = control.SetWriteDeadline(began.Add(patience)) // a test's recorder has no deadlines
		n, err := io.CopyN(c.Response(), from, min(size, downloadChunk))
		if size -= n; err == nil && !pace.Came(int(n), time.Since(began)) {
			err = errPace
		}
		if err == nil && began.Sub(looked) > lookAgain {
			looked, err = began, alive(c.Request().Context())
		}
		if err != nil {
			return err // the answer is shorter than was announced, which its reader sees
		}
	}
	return nil
}

// fileName makes a file's name fit to be offered: programs name files as they like.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
}

// File gives the body of a request that is one file, whatever is in it. The size is less than 0 when it was not
// announced.
func File(c echo.Context) (body io.Reader, size int64, err error) {
	r := c.Request()
	if kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); err != nil || kind != Binary {
		return nil, 0, WithStatus(http.StatusUnsupportedMediaType,
			platform.Errorf(platform.Invalid, "not_binary", "This address takes a file as the body of the request.").
				WithHint("Send the file itself with the header Content-Type: %s, not a form.", Binary))
	}
	if r.Header.Get("Content-Range") != "" {
		return nil, 0, WithStatus(http.StatusBadRequest,
			platform.Errorf(platform.Invalid, "file_in_parts", "A file is saved whole, and the header Content-Range says that this is a part.").
				WithHint("Send the whole file, without that header."))
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, 0, WithStatus(http.StatusUnsupportedMediaType,
			platform.Errorf(platform.Invalid, "file_encoded", "A file is saved as it comes, and the header Content-Encoding says that this one is to be unpacked first.").
				WithHint("Send the file itself, without that header."))
	}
	return slowly(c), r.ContentLength, nil
}
