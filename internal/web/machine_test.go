package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// machine is a server that tells of itself, and has things that can go.
type machine struct {
	kept    map[string][]string // images to keep, as it was asked last
	left    []app.Leftover
	removed []string
	busy    string // the app whose build is under way
	moved   []platform.AddressWish
	address platform.ServerAddress
	copies  []app.DatabaseCopy
}

func (m *machine) Leftovers(_ context.Context, keep map[string][]string) ([]app.Leftover, error) {
	m.kept = keep
	return append([]app.Leftover{}, m.left...), nil
}

func (m *machine) Remove(_ context.Context, l app.Leftover) (bool, error) {
	if l.AppID == m.busy {
		return false, nil
	}
	m.removed = append(m.removed, l.ID)
	return true, nil
}

func (m *machine) Facts(context.Context) app.ServerFacts {
	return app.ServerFacts{Version: "v1", Program: "/usr/local/bin/lugsail", StartedAt: time.Now(), System: "Debian", Kernel: "6.1", Engine: "20.10", Database: "SQLite", DataDir: "/var/lib/lugsail", KeyFile: "/etc/lugsail/master.key"}
}

func (m *machine) Certificates(context.Context) ([]platform.ServedCertificate, error) {
	end := time.Now().Add(60 * 24 * time.Hour)
	return []platform.ServedCertificate{
		{Host: "console.example.test", Issuer: "Lugsail CA 1a2b", Wanted: true, Trouble: "no such host <b>x</b>"},
		{Host: "shop.example.test", App: "shop", Issuer: "Let's Encrypt R11", Wanted: true, Public: true, Since: end.Add(-90 * 24 * time.Hour), Until: end, Renewal: end.Add(-30 * 24 * time.Hour)},
	}, nil
}

func (m *machine) Copies(context.Context) []app.DatabaseCopy { return m.copies }

func (m *machine) Copy(context.Context) (app.DatabaseCopy, error) {
	m.copies = append(m.copies, app.DatabaseCopy{Path: "/var/lib/lugsail/copies/now.db", At: time.Now(), Why: "by-hand", Bytes: 1 << 20})
	return m.copies[len(m.copies)-1], nil
}

func (m *machine) Diagnose(_ context.Context, to io.Writer, _ []observe.Finding) error {
	_, err := io.WriteString(to, "archive")
	return err
}

func (m *machine) Address() platform.ServerAddress { return m.address }

func (m *machine) Preview(w platform.AddressWish) (platform.ServerAddress, error) {
	if w.Kind == platform.AddressDomain && !strings.Contains(w.Domain, ".") {
		return platform.ServerAddress{}, platform.Errorf(platform.Invalid, "address_invalid", "%q is not a domain that this server can have.", w.Domain).WithHint("Give another one.")
	}
	return platform.ServerAddress{Kind: w.Kind, Base: w.Domain, Domain: w.Domain, IP: m.address.IP, Console: "https://console." + w.Domain}, nil
}

func (m *machine) Move(_ context.Context, w platform.AddressWish, _ string) (platform.ServerAddress, error) {
	m.moved = append(m.moved, w)
	return m.Preview(w)
}

func (m *machine) Confirm(context.Context) error { m.address.Former = nil; return nil }

func withMachine(r *rig) *machine {
	m := &machine{address: platform.ServerAddress{Kind: platform.AddressReady, Base: "example.test", Ready: "example.test", IP: netip.MustParseAddr("203.0.113.7"), Console: "https://console.example.test"}}
	r.apps.Machine, r.apps.Cleaner, r.apps.Settings, r.apps.DiskMeter = m, m, m, m
	r.apps.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	return m
}

func (m *machine) Disks(context.Context) []observe.Disk {
	return []observe.Disk{{Path: "/", Holds: "Lugsail's data", Free: 5 << 30, Total: 20 << 30}}
}

func (m *machine) Uses(context.Context) []observe.DiskUse {
	return []observe.DiskUse{
		{Kind: "database", Bytes: 3 << 20},
		{Kind: "foreign", Bytes: 1 << 30},
		{App: "lother", Kind: "images", Bytes: 2 << 30},
		{App: "lgone", Kind: "cache", Bytes: 5 << 20},
	}
}

func TestDisk_ImagesOfAnotherLugsailAreNobodysHere(t *testing.T) {
	r := newRig(t)
	withMachine(r)
	var got struct {
		Uses []struct {
			App, Kind string
			Bytes     int64
		}
	}
	r.do(ask{path: "/api/v1/disk", session: r.session}).want(t, http.StatusOK).decode(t, &got)
	want := "[{ foreign 3221225472} {(removed) cache 5242880} { database 3145728}]"
	if fmt.Sprint(got.Uses) != want {
		t.Errorf("got %v, want %s", got.Uses, want)
	}
}

func TestClean_TellsFirstAndRemovesWhatIsLugsailsAlone(t *testing.T) {
	r := newRig(t)
	m := withMachine(r)
	shop, gone := r.serving("shop"), r.serving("old-shop")
	_, err := r.store.UpdateApp(t.Context(), gone.ID, func(a *platform.App) error {
		now := time.Now()
		a.State, a.TrashedAt = platform.AppTrashed, &now
		return nil
	})
	must(t, err)
	m.left = []app.Leftover{
		{Kind: app.LeftoverCache, AppID: shop.ID, Bytes: 300 << 20},
		{Kind: app.LeftoverImages, AppID: shop.ID, Bytes: 1<<20 - 1},
		{Kind: app.LeftoverCache, AppID: "lost123", Bytes: 700 << 20},
		{Kind: app.LeftoverCache, AppID: gone.ID, Bytes: 5 << 20},
	}
	m.busy = gone.ID

	var found struct {
		Leftovers []struct{ ID, Kind, App, Text string }
		Bytes     int64
	}
	r.do(ask{path: "/api/v1/disk/leftovers", session: r.session}).want(t, http.StatusOK).decode(t, &found)
	if len(found.Leftovers) != 3 || found.Bytes != 1005<<20 || found.Leftovers[0].Kind != "orphan" || found.Leftovers[1].App != "shop" || len(m.removed) != 0 {
		t.Fatalf("what would go: %+v, removed %v", found, m.removed)
	}
	if _, asked := m.kept[gone.ID]; asked || len(m.kept[shop.ID]) == 0 {
		t.Errorf("images to keep: %v; those of the trash are not to be looked at", m.kept)
	}
	page := r.do(ask{path: "/server/disk", session: r.session}).want(t, http.StatusOK)
	for _, part := range []string{"What builds of shop kept", "not there any more", "Lugsail&#39;s database", "lugsail disk clean"} {
		if !strings.Contains(page.body, part) {
			t.Errorf("the page does not say %q", part)
		}
	}

	var done struct {
		Removed, Busy []struct{ ID string }
		Bytes         int64
	}
	r.do(ask{method: post, path: "/api/v1/disk/clean", session: r.session, json: `{"ids":["nobody-knows"]}`}).want(t, http.StatusOK).decode(t, &done)
	if len(m.removed) != 0 || done.Bytes != 0 {
		t.Errorf("an id of nothing removed %v", m.removed)
	}
	r.do(ask{method: post, path: "/server/disk/clean", session: r.session, form: url.Values{}}).want(t, http.StatusSeeOther)
	if len(m.removed) != 0 {
		t.Errorf("a form without a tick removed %v", m.removed)
	}
	r.do(ask{method: post, path: "/server/disk/clean", session: r.session, form: url.Values{"id": {"cache-" + shop.ID}}}).want(t, http.StatusSeeOther)
	if len(m.removed) != 1 || m.removed[0] != "cache-"+shop.ID {
		t.Errorf("one tick removed %v", m.removed)
	}
	m.left = m.left[2:]
	r.do(ask{method: post, path: "/api/v1/disk/clean", session: r.session, json: `{}`}).want(t, http.StatusOK).decode(t, &done)
	if len(m.removed) != 2 || m.removed[1] != "orphan-lost123" || len(done.Busy) != 1 || done.Bytes != 700<<20 {
		t.Errorf("all: removed %v, told %+v", m.removed, done)
	}
	events := r.do(ask{path: "/api/v1/events", session: r.session}).want(t, http.StatusOK)
	if !strings.Contains(events.body, "disk.cleaned") {
		t.Error("a clean-up is not told in the activity")
	}
}

func TestServerPages_AreTheOwnersAndOthersReadASentence(t *testing.T) {
	r := newRig(t)
	withMachine(r)
	r.serving("shop")
	for path, says := range map[string]string{
		"/server": "How to update", "/server/address": "sudo lugsail host address ready", "/server/certificates": "Let&#39;s Encrypt R11", "/server/copies": "lugsail db restore",
		"/welcome": "Where is this server found?", "/welcome/done": "Create your first app", "/server/disk": "Clean up",
	} {
		if page := r.do(ask{path: path, session: r.session}).want(t, http.StatusOK); !strings.Contains(page.body, says) || strings.Contains(page.body, "<b>x</b>") {
			t.Errorf("%s does not say %q", path, says)
		}
	}
	viewer := r.viewer()
	page := r.do(ask{path: "/server", session: viewer}).want(t, http.StatusOK)
	if !strings.Contains(page.body, "the matter of this server's owner") || strings.Contains(page.body, "How to update") || strings.Contains(page.body, "/server/disk") {
		t.Error("a viewer is not told whose matter the server is, or is shown it")
	}
	r.do(ask{path: "/server/disk", session: viewer}).want(t, http.StatusForbidden)

	file := r.do(ask{path: "/server/diagnostics", session: r.session}).want(t, http.StatusOK)
	if file.body != "archive" || file.Header.Get("Content-Type") != "application/gzip" || !strings.Contains(file.Header.Get("Content-Disposition"), "lugsail-diagnostics-") {
		t.Errorf("the diagnostics: %q %v", file.body, file.Header)
	}
	r.apps.Machine = nil
	refused := r.do(ask{path: "/api/v1/diagnostics", session: r.session}).want(t, http.StatusServiceUnavailable)
	if refused.code() != "machine_missing" || refused.Header.Get("Content-Disposition") != "" {
		t.Errorf("without a machine: %s %v", refused.body, refused.Header)
	}
}

func TestAddressPage_WorksWithoutAScriptAndKeepsWhatWasTyped(t *testing.T) {
	r := newRig(t)
	m := withMachine(r)
	form := url.Values{"kind": {"domain"}, "domain": {"apps.example.org"}, "email": {"ada@example.org"}, "ip": {"203.0.113.7"}}
	check := r.do(ask{method: post, path: "/server/address/check", session: r.session, form: form}).want(t, http.StatusOK)
	for _, part := range []string{"*.apps.example.org", "203.0.113.7", `value="ada@example.org"`, `name="anyway"`, "does not know console.apps.example.org yet"} {
		if !strings.Contains(check.body, part) {
			t.Errorf("the check does not show %q", part)
		}
	}
	refused := r.do(ask{method: post, path: "/server/address", session: r.session, form: form}).want(t, http.StatusConflict)
	if !strings.Contains(refused.body, "does not lead to this server yet") || !strings.Contains(refused.body, `name="anyway"`) || len(m.moved) != 0 {
		t.Errorf("a domain that leads nowhere: moved %v", m.moved)
	}
	wrong := url.Values{"kind": {"domain"}, "domain": {`"><script>`}, "welcome": {"1"}}
	page := r.do(ask{method: post, path: "/server/address", session: r.session, form: wrong}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(page.body, "is not a domain that this server can have") || strings.Contains(page.body, "><script>") || !strings.Contains(page.body, "Where is this server found?") {
		t.Error("a wrong domain is not refused on the page that it came from")
	}
	form.Set("anyway", "1")
	form.Set("welcome", "1")
	moved := r.do(ask{method: post, path: "/server/address", session: r.session, form: form}).want(t, http.StatusSeeOther)
	if moved.Header.Get("Location") != "/welcome/done" || len(m.moved) != 1 || m.moved[0].Domain != "apps.example.org" || *m.moved[0].Email != "ada@example.org" || m.moved[0].IP != "" {
		t.Errorf("leads to %s with %+v", moved.Header.Get("Location"), m.moved)
	}
}
