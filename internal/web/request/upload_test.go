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
