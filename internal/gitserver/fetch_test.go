package gitserver

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/outbound"
	"github.com/lugsail/lugsail/platform"
)

// upstream is another host with repositories, served by git itself over TLS.
type upstream struct {
	*world
	host    *httptest.Server
	between atomic.Pointer[http.HandlerFunc] // answers instead, when set
	guard   *outbound.Guard
	said    []string
}

// newUpstream allows its own address and nothing else that is private.
func newUpstream(t *testing.T, change ...func(*Config)) *upstream {
	t.Helper()
	u := &upstream{}
	dir := t.TempDir()
	backend := &cgi.Handler{Path: filepath.Join(execPath(t), "git-http-backend"), Root: "/", Dir: dir, Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Join(dir, "upstream"), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + dir,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}}
	u.host = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := u.between.Load(); h != nil {
			(*h)(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	u.host.EnableHTTP2 = false
	u.host.StartTLS()
	t.Cleanup(u.host.Close)
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.host.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	reach, err := platform.ParseReach(strings.TrimPrefix(u.host.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	u.guard = outbound.New(reach)
	u.world = newWorld(t, append([]func(*Config){func(c *Config) {
		c.Roots, c.Outside = roots, u.outside
	}}, change...)...)
	if err := os.Mkdir(filepath.Join(dir, "upstream"), 0o700); err != nil {
		t.Fatal(err)
	}
	u.git(dir, "init", "-q", "--bare", "-b", "main", filepath.Join(dir, "upstream", "shop.git"))
	u.git(dir, "clone", "-q", filepath.Join(dir, "upstream", "shop.git"), u.work())
	return u
}

func execPath(t *testing.T) string {
	t.Helper()
	out, err := command.Command{Name: "git", Args: []string{"--exec-path"}}.Output(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (u *upstream) outside(ctx context.Context, limit int64) (Way, error) {
	return u.guard.Tunnel(ctx, limit)
}

// work is a checkout of the repository that the host serves.
func (u *upstream) work() string { return filepath.Join(u.dir, "work") }

func (u *upstream) url() string { return u.host.URL + "/shop.git" }

// publish commits a file and pushes it to the host.
func (u *upstream) publish(branch, content, message string) string {
	u.t.Helper()
	u.git(u.work(), "checkout", "-q", "-B", branch)
	id := u.commit(u.work(), "index.html", content, message)
	u.git(u.work(), "push", "-q", "-f", "origin", branch)
	return id
}

func (u *upstream) fetch(url, branch, known string) (platform.Source, error) {
	u.said = nil
	src, err := u.server.Fetch(u.t.Context(), platform.Source{Remote: url, Branch: branch}, known, func(line string) { u.said = append(u.said, line) })
	if src.Dir != "" {
		u.t.Cleanup(func() { _ = os.RemoveAll(src.Dir) })
	}
	return src, err
}

// wantError checks the code, that there is a hint, and that nothing is left behind.
func (u *upstream) wantError(err error, code string) *platform.Error {
	u.t.Helper()
	e := new(platform.Error)
	if !errors.As(err, &e) {
		u.t.Fatalf("%v, want %s", err, code)
	}
	if e.Code != code || e.Hint == "" {
		u.t.Fatalf("%s: %s (%s)\n%v, want %s", e.Code, e.Message, e.Hint, e.Err, code)
	}
	left, globErr := filepath.Glob(filepath.Join(u.config.Dir, newRepo+"*"))
	if globErr != nil || len(left) > 0 {
		u.t.Errorf("left behind: %v, %v", left, globErr)
	}
	return e
}

func TestFetch_BringsTheNewestCommitOfTheBranch(t *testing.T) {
	u := newUpstream(t)
	u.publish("main", "one", "First")
	id := u.publish("main", "two", "Second\n\nwith a body")
	for _, branch := range []string{"main", ""} {
		src, err := u.fetch(u.url(), branch, "")
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(src.Dir, "index.html"))
		if err != nil || string(page) != "two" {
			t.Errorf("%s, %v", page, err)
		}
		if src.Commit != id || src.Title != "Second" || src.Branch != "main" || src.Remote != u.url() || src.Files != 1 {
			t.Errorf("%+v", src)
		}
	}
	contains(t, strings.Join(u.said, "\n"), "Fetching main of "+u.url(), id[:7]+" Second (1 file, ")
}

func TestFetch_TheSameCommitAgainIsNothingNew(t *testing.T) {
	u := newUpstream(t)
	id := u.publish("main", "one", "First")
	_, err := u.fetch(u.url(), "main", id)
	e := u.wantError(err, "nothing_new")
	contains(t, e.Message+e.Hint, id[:7], "--force")
	if _, err := u.fetch(u.url(), "main", ""); err != nil {
		t.Error(err)
	}
}

func TestFetch_ABranchOrRepositoryThatIsNotThereIsNamed(t *testing.T) {
	u := newUpstream(t)
	_, err := u.fetch(u.url(), "", "")
	u.wantError(err, "branch_missing")
	u.publish("main", "one", "First")
	_, err = u.fetch(u.url(), "release", "")
	contains(t, u.wantError(err, "branch_missing").Message, "release")
	_, err = u.fetch(u.host.URL+"/other.git", "main", "")
	contains(t, u.wantError(err, "repository_missing").Message, "/other.git")
}

func TestFetch_APrivateRepositorySaysToPush(t *testing.T) {
	u := newUpstream(t)
	ask := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("credentials were sent: %v", r.Header)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	u.between.Store(&ask)
	_, err := u.fetch(u.url(), "main", "")
	contains(t, u.wantError(err, "repository_private").Hint, "git push lugsail main")
}

func TestFetch_LeavesSubmodulesAndFiltersAlone(t *testing.T) {
	u := newUpstream(t)
	u.publish("main", "one", "First")
	u.commit(u.work(), ".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = https://127.0.0.1:1/x.git\n", "Submodule")
	u.commit(u.work(), ".gitattributes", "index.html export-ignore\n*.bin filter=lfs\n", "Attributes")
	u.git(u.work(), "push", "-q", "origin", "main")
	src, err := u.fetch(u.url(), "main", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(src.Dir, "index.html")); err != nil {
		t.Error(err)
	}
	contains(t, strings.Join(u.said, "\n"), "Submodules are not fetched", "Git LFS")
}

func TestA03_AddressesThatGitTakesForMore(t *testing.T) {
	u := newUpstream(t)
	canary := filepath.Join(u.dir, "canary")
	for _, url := range []string{
		"--upload-pack=touch " + canary, "-u" + canary, "ext::sh -c touch% " + canary, "file://" + u.dir + "/work", u.dir + "/work",
		"ssh://-oProxyCommand=touch" + canary + "/x", "git://127.0.0.1/x", "http://127.0.0.1/x.git", "https://127.0.0.1:1/x.git\n--upload-pack=touch " + canary,
	} {
		if clean, err := platform.ValidateRemote(url); err == nil {
			t.Errorf("%q is taken as %q", url, clean)
		}
		// whatever were to come past that
		if src, err := u.fetch(url, "main", ""); err == nil {
			t.Errorf("%q was fetched: %+v", url, src)
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Fatal("something was executed")
	}
}

func TestA42_EachHopOfARedirectIsAskedAbout(t *testing.T) {
	u := newUpstream(t)
	u.publish("main", "one", "First")
	asked := atomic.Int64{}
	inner := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inner.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer plain.Close()
	for _, to := range []string{inner.URL, plain.URL, "https://169.254.169.254", "https://[::1]:8443", "file:///etc/passwd?", "https://localhost:22"} {
		lead := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, to+r.URL.RequestURI(), http.StatusFound)
		})
		u.between.Store(&lead)
		if src, err := u.fetch(u.url(), "main", ""); err == nil {
			t.Errorf("a redirect to %s was followed: %+v", to, src)
		}
	}
	if asked.Load() > 0 {
		t.Errorf("the inner host was asked %d times", asked.Load())
	}
	u.between.Store(nil)
	if _, err := u.fetch(u.host.URL+"/shop.git", "main", ""); err != nil {
		t.Error(err)
	}
}

func TestF35_CutAndSlowAreTriedOnceMoreAndNamed(t *testing.T) {
	u := newUpstream(t, func(c *Config) { c.Stall = time.Second })
	u.publish("main", "one", "First")
	for name, what := range map[string]struct {
		answer http.HandlerFunc
		code   string
	}{
		"cut": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "fetch_cut"},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "fetch_slow"},
		"overloaded": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "fetch_cut"},
	} {
		asked := atomic.Int64{}
		count := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			what.answer(w, r)
		})
		u.between.Store(&count)
		_, err := u.fetch(u.url(), "main", "")
		contains(t, u.wantError(err, what.code).Message, "127.0.0.1")
		if !slices.ContainsFunc(u.said, func(s string) bool { return strings.HasSuffix(s, "Trying once more.") }) || asked.Load() < 2 {
			t.Errorf("%s: %d requests, said %q", name, asked.Load(), u.said)
		}
	}
	u.between.Store(nil)
	first := atomic.Bool{}
	once := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.between.Store(nil)
		first.Store(true)
		panic(http.ErrAbortHandler)
	})
	u.between.Store(&once)
	if _, err := u.fetch(u.url(), "main", ""); err != nil || !first.Load() {
		t.Errorf("a connection that broke once: %v", err)
	}
}

func TestF35_AHostThatDoesNotAnswerIsNamed(t *testing.T) {
	u := newUpstream(t)
	address := u.host.Listener.Addr().String()
	u.host.Close()
	_, err := u.fetch("https://"+address+"/shop.git", "main", "")
	contains(t, u.wantError(err, "host_unreachable").Message, "127.0.0.1")
	_, err = u.fetch("https://nowhere.invalid/shop.git", "main", "")
	e := platform.AsError(err)
	if e.Code != "host_unknown" && e.Code != "host_unresolved" || !strings.Contains(e.Message, "nowhere.invalid") {
		t.Errorf("%s: %s", e.Code, e.Message)
	}
}

func TestFetch_ARepositoryAboveTheLimitEndsWhereTheLimitIs(t *testing.T) {
	u := newUpstream(t, func(c *Config) { c.MaxPack = 256 << 10 })
	noise := make([]byte, 2<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ { // what no packing makes smaller
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	u.publish("main", string(noise), "Large")
	_, err := u.fetch(u.url(), "main", "")
	u.wantError(err, "fetch_too_large")
}

func TestFetch_AnUnknownCertificateIsRefused(t *testing.T) {
	u := newUpstream(t, func(c *Config) { c.Roots = "" })
	u.publish("main", "one", "First")
	_, err := u.fetch(u.url(), "main", "")
	u.wantError(err, "host_certificate")
}

func TestFetch_AHistoryThatCouldHarmIsNotTaken(t *testing.T) {
	u := newUpstream(t)
	u.publish("main", "one", "First")
	blob := u.feed(u.work(), []byte("[core]\n"), "hash-object", "-w", "--stdin")
	inner := u.feed(u.work(), fmt.Appendf(nil, "100644 blob %s\tconfig\n", blob), "mktree")
	tree := u.feed(u.work(), fmt.Appendf(nil, "040000 tree %s\t.git\n", inner), "mktree")
	commit := u.git(u.work(), "commit-tree", "-m", "Evil", tree)
	u.git(u.work(), "push", "-q", "-f", "origin", commit+":refs/heads/main")
	_, err := u.fetch(u.url(), "main", "")
	u.wantError(err, "repository_damaged")
}

func TestFetch_EndsWithItsContext(t *testing.T) {
	u := newUpstream(t)
	ctx, cancel := context.WithCancel(t.Context())
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	u.between.Store(&hang)
	_, err := u.server.Fetch(ctx, platform.Source{Remote: u.url()}, "", func(string) {})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A name that is public when it is looked at, and private when it is connected to, is refused there.
func TestA42_ANameThatIsRebound(t *testing.T) {
	asked := atomic.Int64{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = conn.Close()
		}
	}()
	u := newUpstream(t)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.fetch("https://localhost:"+port+"/shop.git", "main", "")
	u.wantError(err, "url_refused")
	if asked.Load() > 0 {
		t.Error("it was connected to")
	}
}

// What the person or machine around us knows goes to no host, and nothing follows a redirect.
func TestA43_NoCredentialsAreSentAnywhere(t *testing.T) {
	home := t.TempDir()
	for name, text := range map[string]string{
		".netrc":     "default login ada password LGS-CANARY\n",
		".gitconfig": "[http]\n\textraHeader = Authorization: Bearer LGS-CANARY\n[credential]\n\thelper = \"!printf 'username=ada\\\\npassword=LGS-CANARY\\\\n'\"\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	t.Setenv("GIT_ASKPASS", "/bin/echo")
	u := newUpstream(t)
	asked := atomic.Int64{}
	look := func(r *http.Request) {
		asked.Add(1)
		if text := fmt.Sprint(r.Header, r.URL); strings.Contains(text, "CANARY") || r.Header.Get("Authorization") != "" || r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("%s was sent %v", r.Host, r.Header)
		}
	}
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look(r)
		w.Header().Set("WWW-Authenticate", `Basic realm="https://`+u.host.Listener.Addr().String()+`/"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer other.Close()
	reach, err := platform.ParseReach(strings.TrimPrefix(u.host.URL, "https://") + "," + strings.TrimPrefix(other.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	u.guard = outbound.New(reach)
	lead := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look(r)
		w.Header().Set("Set-Cookie", "a=b")
		http.Redirect(w, r, other.URL+r.URL.RequestURI(), http.StatusFound)
	})
	u.between.Store(&lead)
	_, err = u.fetch(u.url(), "main", "")
	u.wantError(err, "repository_private")
	if asked.Load() < 2 {
		t.Errorf("%d requests", asked.Load())
	}
}
