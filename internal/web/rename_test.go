package web

import (
	"io"
	"net/http"
	"testing"
)

func TestRename_AnUploadUnderWayLandsInTheAppThatWasMeant(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	client := r.listen()
	archive := zipped(t, [2]string{"index.html", "<p>hello</p>"}, [2]string{"Procfile", "web: true"})
	body, to := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), post, "http://"+testHost+"/api/v1/apps/mine/uploads?name=site.zip", body)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+r.token("", "admin"))
	req.Header.Set("Content-Type", "application/octet-stream")
	before := r.left()
	answered := make(chan int, 1)
	go func() {
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	_, err = io.WriteString(to, archive[:len(archive)/2])
	must(t, err)
	r.poll(func() bool { return r.left() > before }) // it is being received
	r.do(ask{method: post, path: "/api/v1/apps/mine/rename", session: r.session, json: `{"name": "moved"}`}).want(t, http.StatusOK)
	r.do(ask{method: post, path: "/api/v1/apps", session: r.session, json: `{"name": "mine"}`}).want(t, http.StatusCreated)
	_, err = io.WriteString(to, archive[len(archive)/2:])
	must(t, err)
	must(t, to.Close())
	if status := <-answered; status != http.StatusAccepted {
		t.Errorf("the upload is answered with %d", status)
	}
	if d := r.newest("moved"); d.AppID != mine.ID || d.Source.Upload != "site.zip" {
		t.Errorf("%+v", d)
	}
	usurper, err := r.store.AppByName(t.Context(), "mine")
	must(t, err)
	if all, err := r.store.DeploymentsOf(t.Context(), usurper.ID, 10); err != nil || len(all) != 0 {
		t.Errorf("the app that has taken the name is deployed: %+v, %v", all, err)
	}
}
