package request

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// drips gives a byte at a time, and its slowness is the point.
type drips struct{}

func (drips) Read(p []byte) (int, error) {
	time.Sleep(5 * time.Millisecond)
	p[0] = 'x'
	return 1, nil
}

// clock is a connection that knows until when it may be written to.
type clock struct {
	http.ResponseWriter
	until time.Time
}

func (c *clock) SetWriteDeadline(t time.Time) error {
	c.until = t
	return nil
}

// An upload may take longer than the time that a request has for its answer.
func TestUpload_TheAnswerOfOneThatIsRefusedLateIsTold(t *testing.T) {
	c := &clock{ResponseWriter: httptest.NewRecorder(), until: time.Now().Add(-time.Minute)}
	body := &slowBody{
		ctx: t.Context(), from: drips{}, control: http.NewResponseController(c),
		alive: func(context.Context) error { return nil }, looked: time.Now(),
	}
	if _, err := body.Read(make([]byte, 1)); err != nil || time.Until(c.until) < time.Minute { // the disk is full, say
		t.Errorf("the answer may be told for %v, %v", time.Until(c.until), err)
	}
}

func TestUpload_OneThatComesTooSlowlyEnds(t *testing.T) {
	body := &slowBody{
		ctx: t.Context(), from: drips{}, control: http.NewResponseController(httptest.NewRecorder()),
		alive: func(context.Context) error { return nil }, looked: time.Now(), pace: platform.Pace{Window: 200 * time.Millisecond},
	}
	n, err := io.Copy(io.Discard, body)
	if !errors.Is(err, errPace) || n > platform.PaceBytes {
		t.Errorf("%d bytes were taken, %v", n, err)
	}
	if e := platform.AsError(UploadStatus(err)); e.Code != "upload_pace" || e.Hint == "" {
		t.Errorf("%+v", e)
	}
}
