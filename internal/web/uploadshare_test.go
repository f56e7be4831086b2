package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// Uploads that do not end keep their own app waiting, and no other one.
func TestUpload_OneAppLeavesPlacesForOthers(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.serving("other")
	token := r.token("", platform.ScopeDeploy)
	send := func(app string, body io.Reader) *httptest.ResponseRecorder {
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/apps/"+app+"/uploads", body)
		q.Host, q.ContentLength = testHost, -1
		q.Header.Set("Authorization", "Bearer "+token)
		q.Header.Set("Content-Type", "application/octet-stream")
		out := httptest.NewRecorder()
		r.server.Handler().ServeHTTP(out, q)
		return out
	}
	var open sync.WaitGroup
	var ends []*io.PipeWriter
	for range 6 {
		body, end := io.Pipe()
		ends = append(ends, end)
		open.Go(func() { send("mine", body) })
		_, err := end.Write([]byte("x")) // it has its place when somebody reads
		must(t, err)
	}
	if out := send("mine", http.NoBody); out.Code != http.StatusTooManyRequests || !strings.Contains(out.Body.String(), "for one app") {
		t.Errorf("one more to the same app: %d %s", out.Code, out.Body)
	}
	if out := send("other", http.NoBody); out.Code == http.StatusTooManyRequests {
		t.Errorf("another app: %d %s", out.Code, out.Body)
	}
	for _, end := range ends {
		must(t, end.Close())
	}
	open.Wait()
	if out := send("mine", http.NoBody); out.Code == http.StatusTooManyRequests {
		t.Errorf("after the others: %d %s", out.Code, out.Body)
	}
}
