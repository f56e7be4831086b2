package request

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

const (
	patience   = time.Minute      // with a client that sends nothing
	lookAgain  = 5 * time.Second  // whether the sender may still send
	maxUpload  = 4 << 30          // of a form; what is taken of its file, the application decides
	answerLate = 15 * time.Minute // for the work between an upload's end and the answer
)

// Archives are the media types of a body that is an archive. Its kind is told by what is in it.
// Forms of foreign pages cannot send any of them without asking first.
var Archives = []string{
	"application/octet-stream", "application/zip", "application/gzip", "application/x-gzip", "application/x-tar",
	"application/zstd", "application/x-zip-compressed",
}

// Upload gives the body of a request that may be large and slow: it comes for as long as it
// comes, and as its sender may send. The size is less than 0 when it was not announced.
func Upload(c echo.Context) (body io.Reader, size int64, err error) {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || !slices.Contains(Archives, kind) {
		return nil, 0, WithStatus(http.StatusUnsupportedMediaType,
			platform.Errorf(platform.Invalid, "not_archive", "This address takes an archive as the body of the request.").
				WithHint("Send the file itself with the header Content-Type: application/octet-stream, not a form."))
	}
	return slowly(c), r.ContentLength, nil
}

// FormFile gives the file of a form that is sent as multipart/form-data, as it comes. name is
// what the sender calls it. Fields before the file are passed over.
func FormFile(c echo.Context, field string) (body io.Reader, name string, err error) {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), io.NopCloser(slowly(c)), maxUpload)
	parts, err := r.MultipartReader()
	for range 20 {
		if err != nil {
			break
		}
		part, partErr := parts.NextPart()
		if err = partErr; err == nil && part.FormName() == field && part.FileName() != "" {
			return part, part.FileName(), nil
		}
	}
	return nil, "", WithStatus(http.StatusBadRequest,
		platform.Errorf(platform.Invalid, "file_missing", "No file was chosen.").WithHint("Choose an archive and send the form again.").Because(err))
}

// What fields of a form may hold, one and all together.
const (
	maxField  = 64 << 10
	maxFields = 1 << 20
)

// FormBeforeFile reads the fields of a form up to its file, which is given as it comes; nil when none
// was chosen. What stands behind the file is not read.
func FormBeforeFile(c echo.Context, field string) (values url.Values, body io.Reader, name string, err error) {
	r := c.Request()
	if kind, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); kind == echo.MIMEApplicationForm {
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxFields)
		if err := r.ParseForm(); err != nil {
			return nil, nil, "", formBroken(err)
		}
		return r.PostForm, nil, "", nil
	}
	r.Body = http.MaxBytesReader(c.Response(), io.NopCloser(slowly(c)), maxUpload)
	values = url.Values{}
	parts, err := r.MultipartReader()
	for range 20 {
		if err != nil {
			break
		}
		part, partErr := parts.NextPart()
		if errors.Is(partErr, io.EOF) {
			return values, nil, "", nil
		}
		if err = partErr; err != nil {
			break
		}
		if part.FormName() == field {
			if part.FileName() == "" {
				return values, nil, "", nil
			}
			return values, part, part.FileName(), nil
		}
		var text []byte
		text, err = io.ReadAll(io.LimitReader(part, maxField))
		values.Add(part.FormName(), string(text))
	}
	return nil, nil, "", formBroken(err)
}

func formBroken(err error) error {
	return WithStatus(http.StatusBadRequest, platform.Errorf(platform.Invalid, "form_invalid", "The form did not arrive whole.").WithHint("Send it again.").Because(err))
}

// slowly lifts the deadlines that short requests have.
func slowly(c echo.Context) io.Reader {
	return &slowBody{
		ctx: c.Request().Context(), from: c.Request().Body, control: http.NewResponseController(c.Response().Writer),
		alive: alive(c), looked: time.Now(),
	}
}

type slowBody struct {
	ctx     context.Context
	from    io.Reader
	control *http.ResponseController
	alive   func(context.Context) error
	looked  time.Time
	pace    platform.Pace
}

var errPace = platform.Errorf(platform.Invalid, "upload_pace", "The upload came too slowly: less than a kilobyte a second for a minute.").
	WithHint("Nothing was changed. Send it again over a better connection.")

func (b *slowBody) Read(p []byte) (int, error) {
	now := time.Now()
	_ = b.control.SetReadDeadline(now.Add(patience))    // a test's recorder has no deadlines
	_ = b.control.SetWriteDeadline(now.Add(answerLate)) // whatever ends it: an answer is told
	if now.Sub(b.looked) > lookAgain {
		if err := b.alive(b.ctx); err != nil {
			return 0, err
		}
		b.looked = now
	}
	began := time.Now()
	n, err := b.from.Read(p)
	if err == nil && !b.pace.Came(n, time.Since(began)) {
		return n, errPace
	}
	return n, err // net/http lifts the read deadline at the body's end
}

// UploadStatus gives the troubles of uploads the status that programs know them by.
func UploadStatus(err error) error {
	e := platform.AsError(err)
	switch {
	case err == nil:
		return nil
	case e.Kind == platform.NoRoom && strings.HasPrefix(e.Code, "disk_"):
		return WithStatus(http.StatusInsufficientStorage, e)
	case e.Code == "upload_too_large":
		return WithStatus(http.StatusRequestEntityTooLarge, e)
	case e.Code == "upload_pace":
		return WithStatus(http.StatusRequestTimeout, e)
	case e.Code == "upload_cut":
		return WithStatus(http.StatusBadRequest, e)
	}
	return err
}
