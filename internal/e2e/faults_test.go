package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testEngineRestarted is F11: an engine that is restarted in order takes no request with it.
func testEngineRestarted(t *testing.T, s *server) {
	tr := drive(t, s.client, s.url("hello-node"), 50)
	before := strings.Fields(s.ours(t, "ps", "-q", "--no-trunc"))
	s.endEngine(t, syscall.SIGTERM)()
	time.Sleep(time.Second) // traffic afterwards
	checkTraffic(t, tr.end())
	after := strings.Fields(s.ours(t, "ps", "-q", "--no-trunc"))
	for _, id := range after { // one that had given way may have ended meanwhile
		if !slices.Contains(before, id) {
			t.Errorf("before %v, afterwards %v", before, after)
		}
	}
}

// testContainerdKilled is F13: apps serve on without the program below the engine, and the engine works again.
func testContainerdKilled(t *testing.T, s *server) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(s.engine), "exec", "containerd", "containerd.pid"))
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	tr := drive(t, s.client, s.url("hello-node"), 50)
	check(t, syscall.Kill(pid, syscall.SIGKILL))
	time.Sleep(2 * time.Second) // traffic without it
	checkTraffic(t, tr.end())
	r := s.open("hello-node")
	r.edit(t, "server.js", commitLine+"'", commitLine+"'after containerd ")
	r.commit(t, "after containerd")
	eventually(t, 60*time.Second, func() bool { return r.push(t).code == 0 }, func() string { return "no push gets through: " + r.push(t).out })
	s.wantPage(t, "hello-node", "/", "after containerd")
	r.edit(t, "server.js", commitLine+"'after containerd ", commitLine+"'")
	r.pushed(t, "as before")
}

// testImageRemoved is F36 and F16: an owner clears Docker out by hand, with force; what serves serves on,
// and a replica that ends afterwards is replaced.
func testImageRemoved(t *testing.T, s *server) {
	tr := drive(t, s.client, s.url("hello-node"), 20)
	s.must(t, s.dir, "docker", "-H", "unix://"+s.engine, "system", "prune", "-a", "-f", "--volumes")
	checkTraffic(t, tr.end())
	replica := strings.Fields(s.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name=hello-node"))[0]
	image := strings.TrimSpace(s.must(t, s.dir, "docker", "-H", "unix://"+s.engine, "inspect", "--format", "{{.Image}}", replica))
	s.run(t, s.dir, "docker", "-H", "unix://"+s.engine, "rm", "-f", replica) // it may be going already
	s.run(t, s.dir, "docker", "-H", "unix://"+s.engine, "rmi", "-f", image)  // a new replica may hold it already
	s.wantPage(t, "hello-node", "/", "Hello")
	r := s.open("hello-static")
	r.git(t, "pull", "-q", "lugsail", "main") // another clone may have pushed
	r.write(t, "index.html", "<h1>Hello after the prune</h1>")
	r.pushed(t, "after the prune")
	s.wantPage(t, "hello-static", "/", "Hello after the prune")
}

// testPorts is A79: nothing of Lugsail listens on the outside but what an owner was told of.
func testPorts(t *testing.T, s *server) {
	allowed := map[string]bool{strconv.Itoa(httpPort): true, strconv.Itoa(httpsPort): true, strconv.Itoa(sshPort): true}
	for _, part := range []string{"serve", "proxy"} {
		pid := fmt.Sprintf("pid=%d,", s.pid(t, part))
		for line := range strings.Lines(s.must(t, s.dir, "ss", "-Hltnp")) {
			fields := strings.Fields(line)
			if len(fields) < 4 || !strings.Contains(line, pid) {
				continue
			}
			at := strings.LastIndex(fields[3], ":")
			host, port := fields[3][:at], fields[3][at+1:]
			inside := strings.HasPrefix(host, "127.") || host == "[::1]" || strings.HasPrefix(host, "10.212.0.")
			if !inside && !allowed[port] {
				t.Errorf("A79: %s listens on %s", part, fields[3])
			}
		}
	}
}

// testManyViews is F39: views that stay open are counted, and what is too much is refused; nobody else notices.
func testManyViews(t *testing.T, s *server) {
	tr := drive(t, s.client, s.url("hello-node"), 20)
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 600 {
		tasks.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.console+"/api/v1/apps/hello-node/logs?follow=true", http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Authorization", "Bearer "+s.token)
			response, err := (&http.Client{Transport: s.client.Transport}).Do(request)
			if err != nil {
				return // ended at the end of the test, or refused on the way
			}
			mu.Lock()
			statuses[response.StatusCode]++
			mu.Unlock()
			if response.StatusCode == http.StatusOK {
				<-ctx.Done()
			}
			if response.StatusCode >= http.StatusInternalServerError {
				body, _ := io.ReadAll(response.Body) // what there is says enough
				t.Errorf("a view is answered %s", body)
			}
			_ = response.Body.Close()
		})
	}
	eventually(t, 60*time.Second, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return statuses[http.StatusTooManyRequests] > 0 && statuses[http.StatusOK] > 0
	}, func() string { return fmt.Sprintf("600 views are answered %v", statuses) })
	s.lugsail(t, "apps") // the control plane still answers
	cancel()
	tasks.Wait()
	checkTraffic(t, tr.end())
	for status := range statuses {
		if status != http.StatusOK && status != http.StatusTooManyRequests {
			t.Errorf("600 views are answered %v", statuses)
		}
	}
}
