package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func (r *rig) handshake(name string, check bool) (tls.ConnectionState, error) {
	conn, err := tls.Dial("tcp", r.https, &tls.Config{RootCAs: r.roots, ServerName: name, InsecureSkipVerify: !check, NextProtos: []string{"h2"}})
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState(), nil
}

func TestTLS_InternalCA(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, says("a"))), routeTo("bücher.example", startApp(t, says("b"))))
	for _, name := range []string{"a.example.com", "xn--bcher-kva.example"} {
		state, err := r.handshake(name, true)
		if err != nil {
			t.Fatal(err)
		}
		leaf := state.PeerCertificates[0]
		life := time.Until(leaf.NotAfter)
		if state.NegotiatedProtocol != "h2" || life < 24*time.Hour || life > 7*24*time.Hour || leaf.VerifyHostname(name) != nil {
			t.Error(state.NegotiatedProtocol, life, leaf.DNSNames)
		}
		if !strings.HasPrefix(leaf.Issuer.CommonName, "Lugsail CA ") {
			t.Error(leaf.Issuer)
		}
	}
}

func TestTLS_OldProtocolsAreRefused(t *testing.T) {
	r := newRig(t)
	_, err := tls.Dial("tcp", r.https, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestA70_UnknownNamesGetNoCertificate(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, says("a"))))
	for i := range 50 {
		name := fmt.Sprintf("n%d.evil.example", i)
		if _, err := r.handshake(name, true); err == nil {
			t.Fatal(name, "got a certificate")
		}
		state, err := r.handshake(name, false)
		if err != nil {
			t.Fatal(err)
		}
		if names := state.PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != neutralName {
			t.Error(names)
		}
	}
	r.server.certs.mu.RLock()
	defer r.server.certs.mu.RUnlock()
	if n := len(r.server.certs.leaves); n != 1 {
		t.Error("certificates made:", n)
	}
}

func TestTLS_BareAddress(t *testing.T) {
	r := newRig(t)
	r.console = platform.Console{Hosts: []string{"console.example.com", "203.0.113.5"}, Socket: "/nowhere"}
	r.publish(t)
	state, err := r.handshake("127.0.0.1", true) // Go sends no name for an address
	if err != nil {
		t.Fatal(err)
	}
	if err := state.PeerCertificates[0].VerifyHostname("203.0.113.5"); err != nil {
		t.Error("the console's public address:", err)
	}
	if status, _ := r.get("https://127.0.0.1/"); status != 404 {
		t.Error(status)
	}
	r.publish(t)
	again, err := r.handshake("127.0.0.1", true)
	if err != nil || !again.PeerCertificates[0].Equal(state.PeerCertificates[0]) {
		t.Error("each table brings another certificate, which browsers ask about again:", err)
	}
}

func TestTLS_LeavesOfRemovedHostsAreForgotten(t *testing.T) {
	r := newRig(t)
	app := startApp(t, says("a"))
	r.publish(t, routeTo("a.example.com", app))
	if _, err := r.handshake("a.example.com", true); err != nil {
		t.Fatal(err)
	}
	r.publish(t, routeTo("b.example.com", app))
	if _, err := r.handshake("a.example.com", true); err == nil {
		t.Error("a host that left still has a certificate")
	}
	if len(r.server.certs.leaves) != 1 {
		t.Error(len(r.server.certs.leaves), "certificates are kept")
	}
}

func TestTLS_LeafIsRenewedInTime(t *testing.T) {
	a, err := openAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &certificates{authority: a, leaves: map[string]*tls.Certificate{}}
	first, err := c.leaf("x", []string{"x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.leaf("x", []string{"x"}, nil); again != first {
		t.Error("a fresh certificate was made anew")
	}
	old := *first.Leaf
	old.NotAfter = time.Now().Add(leafRenew - time.Minute)
	c.leaves["x"] = &tls.Certificate{Certificate: first.Certificate, PrivateKey: first.PrivateKey, Leaf: &old}
	if again, _ := c.leaf("x", []string{"x"}, nil); !again.Leaf.NotAfter.After(old.NotAfter) {
		t.Error("an old certificate was not renewed")
	}
	early := *first.Leaf // made while the clock was ahead
	early.NotBefore = time.Now().Add(time.Hour)
	c.leaves["x"] = &tls.Certificate{Certificate: first.Certificate, PrivateKey: first.PrivateKey, Leaf: &early}
	if again, _ := c.leaf("x", []string{"x"}, nil); !again.Leaf.NotBefore.Before(time.Now()) {
		t.Error("a certificate that is not valid yet is shown")
	}
}

func TestCA_IsKeptAndHealed(t *testing.T) {
	dir := t.TempDir()
	first, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.crt")); err != nil || info.Mode().Perm() != 0o644 {
		t.Error(info.Mode(), err)
	}
	second, err := openAuthority(dir)
	if err != nil || !first.root.Equal(second.root) {
		t.Error("the root changed:", err)
	}
	for _, name := range []string{"ca.key", "ca.crt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		healed, err := openAuthority(dir)
		if err != nil {
			t.Fatal(name, err)
		}
		leaf, err := healed.issue([]string{"x.example.com"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(healed.root)
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: "x.example.com", Roots: pool}); err != nil {
			t.Error(err)
		}
	}
}

// A root that people trust is not thrown away because it cannot be read just now.
func TestCA_UnreadableIsNotReplaced(t *testing.T) {
	for _, name := range []string{"ca.key", "ca.crt"} {
		dir := t.TempDir()
		first, err := openAuthority(dir)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.Rename(path, path+".kept"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil { // reading a directory fails, also for root
			t.Fatal(err)
		}
		if _, err := openAuthority(dir); err == nil {
			t.Errorf("without %s there is another root", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".kept", path); err != nil {
			t.Fatal(err)
		}
		if again, err := openAuthority(dir); err != nil || !again.root.Equal(first.root) {
			t.Errorf("%s: the root changed: %v", name, err)
		}
	}
}

func TestTLS_HandshakesNeedNoFile(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, says("a"))))
	if err := os.RemoveAll(filepath.Join(r.server.config.DataDir, "ca")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.handshake("a.example.com", true); err != nil {
		t.Error(err)
	}
}
