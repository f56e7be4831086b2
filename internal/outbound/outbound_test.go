package outbound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// guard allows what the list says, and asks a DNS that the test writes.
func guard(t testing.TB, allow string, names map[string][]string) *Guard {
	t.Helper()
	reach, err := platform.ParseReach(allow)
	if err != nil {
		t.Fatal(err)
	}
	g := New(reach)
	g.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		var all []netip.Addr
		for _, text := range names[host] {
			all = append(all, netip.MustParseAddr(text))
		}
		if len(all) == 0 {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return all, nil
	}
	return g
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	e := new(platform.Error)
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// private are addresses in every spelling that some resolver takes.
var private = []string{
	"127.0.0.1", "127.8.8.8", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001",
	"10.0.0.1", "172.17.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "198.18.0.1", "192.0.0.192", "192.0.2.1",
	"198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001::1",
	"fe80::1", "fe80::1%lo", "fe80::1%eth0", "::1%lo", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1",
}

func TestA41_EverySpellingOfAPrivateAddressIsRefusedInTheSameWords(t *testing.T) {
	g := guard(t, "", nil)
	for _, host := range private {
		for _, port := range []int{80, 443, 8443} {
			err := g.Check(t.Context(), host, port)
			wantCode(t, err, "url_refused")
			_, dialErr := g.Dial(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			wantCode(t, dialErr, "url_refused")
			if e := platform.AsError(err); e.Hint != Refused("x").Hint || strings.Replace(e.Message, short(host), short("x"), 1) != Refused("x").Message {
				t.Errorf("%s is refused in other words: %s", host, e.Message)
			}
		}
	}
}

func TestA41_NamesAndPortsThatLeadInsideAreRefusedInTheSameWords(t *testing.T) {
	names := map[string][]string{
		"inside.example": {"10.1.2.3"}, "self.example": {"127.0.0.1", "::1"}, "metadata.example": {"169.254.169.254"}, "public.example": {"1.1.1.1"},
		"localhost": {"127.0.0.1"},
	}
	g := guard(t, "", names)
	for _, to := range []string{
		"inside.example:443", "self.example:443", "metadata.example:80", "localhost:443", "LOCALHOST.:443",
		"public.example:22", "public.example:25", "public.example:5432", "1.1.1.1:6379", "public.example:0",
	} {
		_, err := g.Dial(t.Context(), "tcp", to)
		wantCode(t, err, "url_refused")
	}
	if err := g.Check(t.Context(), "public.example", 443); err != nil {
		t.Error(err)
	}
	wantCode(t, g.Check(t.Context(), "nowhere.example", 443), "host_unknown")
}

func TestOwnAddressesAreNotTheInternet(t *testing.T) {
	g := guard(t, "", nil)
	g.own = func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("1.1.1.1")} }
	wantCode(t, g.Check(t.Context(), "1.1.1.1", 443), "url_refused")
	wantCode(t, g.Check(t.Context(), "::ffff:1.1.1.1", 443), "url_refused")
}

func TestOwnersListOpensJustWhatItNames(t *testing.T) {
	names := map[string][]string{"git.lan": {"10.1.2.3"}, "other.lan": {"10.1.2.3"}, "meta.lan": {"169.254.169.254"}}
	g := guard(t, "git.lan:3000, 192.168.7.0/24, [fd00::5]:8080, meta.lan", names)
	for to, ok := range map[string]bool{
		"git.lan:3000": true, "git.lan:443": false, "other.lan:3000": false, "192.168.7.9:443": true, "192.168.7.9:3000": false, "192.168.8.9:443": false,
		"fd00::5:8080": true, "fd00::6:8080": false, "meta.lan:80": false,
	} {
		i := strings.LastIndexByte(to, ':')
		port, err := strconv.Atoi(to[i+1:])
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Check(t.Context(), to[:i], port); (err == nil) != ok {
			t.Errorf("%s: %v", to, err)
		}
	}
	for _, wrong := range []string{"0.0.0.0/0", "::/0", "http://git.lan", "git.lan:0", "git.lan:99999", "2130706433", "a b:c", "-x", "*"} {
		if all, err := platform.ParseReach(wrong); err == nil {
			t.Errorf("%q is taken as %v", wrong, all)
		}
	}
}

// The second answer of the DNS is another one than the first.
func TestA42_ANameThatIsReboundIsRefusedWhereItConnects(t *testing.T) {
	inner, asked := listen(t)
	g := guard(t, "", nil)
	calls := 0
	g.resolve = func(context.Context, string) ([]netip.Addr, error) {
		calls++
		if calls == 1 {
			return []netip.Addr{netip.MustParseAddr("1.1.1.1")}, nil
		}
		return []netip.Addr{inner.Addr()}, nil
	}
	if err := g.Check(t.Context(), "rebound.example", 443); err != nil {
		t.Fatal(err)
	}
	_, err := g.Dial(t.Context(), "tcp", "rebound.example:443")
	wantCode(t, err, "url_refused")
	// And where all else had let it pass, the kernel's side looks once more.
	_, err = g.dialOne(t.Context(), "tcp", "rebound.example", int(inner.Port()), []netip.Addr{inner.Addr()})
	if err == nil || asked.Load() > 0 {
		t.Errorf("%v, %d connections", err, asked.Load())
	}
}

// listen is a port of this machine that counts who comes.
func listen(t *testing.T) (netip.AddrPort, *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	count := &atomic.Int64{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = conn.Close()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String()), count
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func fetch(t *testing.T, g *Guard, address string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer LGS-CANARY")
	r.Header.Set("Cookie", "a=LGS-CANARY")
	r.Header.Set("X-Api-Key", "LGS-CANARY")
	response, err := g.Client(10 * time.Second).Do(r)
	if err == nil {
		t.Cleanup(func() { _ = response.Body.Close() })
	}
	return response, err
}

func TestA42_ARedirectInsideIsRefused(t *testing.T) {
	asked := atomic.Int64{}
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inner.Close()
	to := ""
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }))
	defer outer.Close()
	g := guard(t, hostOf(t, outer.URL), nil)
	for _, to = range []string{inner.URL, "http://169.254.169.254/latest", "http://[::1]/", "file:///etc/passwd", "gopher://127.0.0.1/"} {
		if _, err := fetch(t, g, outer.URL); err == nil {
			t.Errorf("a redirect to %s was followed", to)
		}
	}
	if asked.Load() > 0 {
		t.Error("the inner host was asked")
	}
	to = outer.URL
	if _, err := fetch(t, g, outer.URL); err == nil {
		t.Error("a circle has no end")
	}
}

func TestA41_OtherSchemesAreRefusedInTheSameWords(t *testing.T) {
	g := guard(t, "", nil)
	for _, address := range []string{"file:///etc/passwd", "gopher://127.0.0.1/", "unix:///var/run/docker.sock", "ftp://127.0.0.1/", "dict://127.0.0.1:11211/"} {
		_, err := fetch(t, g, address)
		wantCode(t, err, "url_refused")
	}
}

func TestA43_CredentialsStayWithTheirHost(t *testing.T) {
	var seen http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
	defer other.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			t.Error("the host itself gets none")
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer first.Close()
	g := guard(t, hostOf(t, first.URL)+","+hostOf(t, other.URL), nil)
	if _, err := fetch(t, g, first.URL); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(seen); seen == nil || strings.Contains(text, "CANARY") {
		t.Errorf("the other host was sent %v", seen)
	}
}

func TestA43_NeverFromHTTPSToHTTP(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer other.Close()
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }))
	defer first.Close()
	client := guard(t, hostOf(t, first.URL)+","+hostOf(t, other.URL), nil).Client(10 * time.Second)
	client.Transport.(*onlyWeb).RoundTripper.(*http.Transport).TLSClientConfig = first.Client().Transport.(*http.Transport).TLSClientConfig
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, first.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := client.Do(r); err == nil {
		_ = response.Body.Close()
		t.Error("it was followed")
	}
}

// connect speaks to a tunnel as a program does, and gives the first line of its answer.
func connect(t *testing.T, tunnel *Tunnel, method, target string, known bool) (net.Conn, *bufio.Reader, string) {
	t.Helper()
	proxy, err := url.Parse(tunnel.Proxy())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	head := method + " " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if known {
		head += "Proxy-Authorization: " + tunnel.want + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return conn, in, strings.TrimSpace(line)
}

func TestTunnel_OnlyItsOwnProgramAndOnlyConnect(t *testing.T) {
	inner, asked := listen(t)
	g := guard(t, inner.String(), nil)
	tunnel, err := g.Tunnel(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer tunnel.Close()
	for _, try := range []struct {
		method, target string
		known          bool
	}{{"CONNECT", inner.String(), false}, {"GET", "http://" + inner.String() + "/", true}, {"CONNECT", "127.0.0.1:1", true}, {"CONNECT", "[::1]:443", true}, {"CONNECT", "no-port", true}} {
		if _, _, line := connect(t, tunnel, try.method, try.target, try.known); strings.Contains(line, " 200 ") {
			t.Errorf("%+v: %s", try, line)
		}
	}
	if asked.Load() > 0 {
		t.Error("it was connected to")
	}
	wantCode(t, tunnel.Err(), "url_refused")
}

func TestTunnel_EndsAtItsLimitAndWithClose(t *testing.T) {
	big := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 64 {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}))
	defer big.Close()
	g := guard(t, hostOf(t, big.URL), nil)
	tunnel, err := g.Tunnel(t.Context(), 100<<10)
	if err != nil {
		t.Fatal(err)
	}
	conn, in, line := connect(t, tunnel, "CONNECT", hostOf(t, big.URL), true)
	if !strings.Contains(line, " 200 ") {
		t.Fatal(line)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	n, _ := io.Copy(io.Discard, in)
	if n > 100<<10 {
		t.Errorf("%d bytes came through", n)
	}
	wantCode(t, tunnel.Err(), "fetch_too_large")
	tunnel.Close()
	if _, err := net.Dial("tcp", strings.Split(tunnel.Proxy(), "@")[1][:]); err == nil {
		t.Error("it is still open")
	}
}

func FuzzReach(f *testing.F) {
	for _, seed := range append([]string{"git.lan, 10.0.0.0/8", "[fd00::1]:80", "x:1,y:2"}, private...) {
		f.Add(seed)
	}
	g := guard(f, "", nil)
	f.Fuzz(func(t *testing.T, host string) {
		if all, err := platform.ParseReach(host); err == nil {
			for _, r := range all {
				if (r.Host == "") != r.Prefix.IsValid() {
					t.Errorf("%q: %+v", host, r)
				}
			}
		}
		if clean, err := platform.ValidateRemote("https://" + host + "/x.git"); err == nil {
			if again, err := platform.ValidateRemote(clean); err != nil || again != clean {
				t.Errorf("%q is taken as %q, and that as %q, %v", host, clean, again, err)
			}
		}
		if addr, err := netip.ParseAddr(host); err == nil && g.Check(t.Context(), host, 443) == nil && (addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()) {
			t.Errorf("%q is let through", host)
		}
	})
}
