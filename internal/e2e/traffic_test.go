package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// answer is what one request brought.
type answer struct {
	began, ended time.Time
	release      int
	replica      string
	err          error
}

// traffic sends requests at a steady rate and keeps every answer.
type traffic struct {
	client  *http.Client
	url     string
	mu      sync.Mutex
	answers []answer
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// drive begins to send that many requests a second to the URL of an app's /who.
func drive(t *testing.T, client *http.Client, url string, perSecond int) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tr := &traffic{client: client, url: url, stop: cancel}
	t.Cleanup(func() { cancel(); tr.done.Wait() })
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	tr.done.Go(func() {
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				tr.done.Go(tr.once)
			}
		}
	})
	return tr
}

func (tr *traffic) once() {
	a := answer{began: time.Now()}
	a.release, a.replica, a.err = who(tr.client, tr.url)
	a.ended = time.Now()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.answers = append(tr.answers, a)
}

// end stops the traffic, waits for the last answer and gives all, by the time of their beginning.
func (tr *traffic) end() []answer {
	tr.stop()
	tr.done.Wait()
	slices.SortFunc(tr.answers, func(a, b answer) int { return a.began.Compare(b.began) })
	return tr.answers
}

// who asks an app which release and replica answers.
func who(client *http.Client, url string) (release int, replica string, err error) {
	response, err := client.Get(url + "/who")
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", err
	}
	if response.StatusCode != http.StatusOK {
		return 0, "", fmt.Errorf("status %d: %.200s", response.StatusCode, body)
	}
	var said struct{ Release, Replica string }
	if err := json.Unmarshal(body, &said); err != nil {
		return 0, "", fmt.Errorf("%.200s: %w", body, err)
	}
	release, err = strconv.Atoi(strings.TrimPrefix(said.Release, "v"))
	return release, said.Replica, err
}

// checkTraffic fails for every request that failed, and when an older release answered a
// request that began after a newer one had answered: then two served at the same moment.
func checkTraffic(t *testing.T, answers []answer) {
	t.Helper()
	failed := 0
	for _, a := range answers {
		if a.err != nil {
			failed++
			if failed <= 5 {
				t.Errorf("request of %s failed after %s: %v", a.began.Format("15:04:05.000"), a.ended.Sub(a.began), a.err)
			}
		}
	}
	byEnd := slices.Clone(answers)
	slices.SortFunc(byEnd, func(a, b answer) int { return a.ended.Compare(b.ended) })
	newest, next, crossed := 0, 0, 0
	for _, a := range answers {
		for next < len(byEnd) && byEnd[next].ended.Before(a.began) {
			newest = max(newest, byEnd[next].release)
			next++
		}
		if a.err == nil && a.release < newest {
			crossed++
			if crossed <= 5 {
				t.Errorf("at %s v%d answered after v%d had", a.began.Format("15:04:05.000"), a.release, newest)
			}
		}
	}
	t.Logf("%d requests, %d failed, %d answered by a release that had given way", len(answers), failed, crossed)
	if len(answers) == 0 {
		t.Error("no request was sent")
	}
}
