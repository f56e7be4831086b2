package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/platform"
)

// waitForConsole waits until the control plane answers through the proxy, over HTTPS with a certificate that holds.
func waitForConsole(ctx context.Context, m machine) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var last error
	for {
		if last = askConsole(ctx, m); last == nil {
			return nil
		}
		if running, _, err := service.NewControl(m.service).Status(ctx); err == nil && !running {
			return notRunning
		}
		select {
		case <-ctx.Done():
			return platform.Errorf(platform.Unavailable, "console_silent", "The console does not answer.").
				WithHint("The logs say why: lugsail service logs, lugsail service logs proxy").Because(last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func askConsole(ctx context.Context, m machine) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	name := "console." + config.Local
	roots := x509.NewCertPool()
	if ca, err := os.ReadFile(filepath.Join(m.config.ProxyDir(), "ca", "ca.crt")); err == nil {
		roots.AppendCertsFromPEM(ca)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(m.config.HTTPSPort)))
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.config.URL(name)+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err == nil && res.StatusCode != http.StatusOK {
		return platform.Errorf(platform.Unavailable, "console_status", "It answered %s: %s", res.Status, body)
	}
	return err
}

// either prints addresses that lead to the same place.
func (m machine) either(what string, urls []string) {
	for i, url := range urls {
		if i > 0 {
			what = "  or"
		}
		m.printf("%-12s %s\n", what, url)
	}
}

func summary(ctx context.Context, m machine) error {
	if !m.json {
		m.either("Console", m.config.ConsoleURLs())
	}
	links, err := setupLink(ctx, m.config)
	switch {
	case m.json && (err == nil || platform.IsKind(err, platform.Conflict)):
		return printJSON(m.out, map[string][]string{"console": m.config.ConsoleURLs(), "set_up": append([]string{}, links...)})
	case err == nil:
		m.either("Set it up", links)
		m.printf("             The link works once, for 60 minutes. A new one: lugsail setup-link\n")
		if m.config.ACMEDirectory() == "" {
			m.printf("             Your browser will warn of the certificate: without a domain, this server makes its own. Go on past that\n" +
				"             (Advanced, Proceed); the console's page Server tells how to end the warning. A domain: ./install.sh --domain\n")
		}
	case !platform.IsKind(err, platform.Conflict):
		return err
	}
	if m.config.AddressGuessed() {
		m.printf("             This machine only knows a private address of itself. If visitors reach it at another one,\n" +
			"             say which: ./install.sh --public-ip ADDRESS\n")
	}
	tellSSH(m)
	m.printf("First app    lugsail login && lugsail create my-app && git push lugsail main\n")
	if !service.Systemd() {
		start := m.service.Binary + " service start"
		if file := m.config.File(); file != config.DefaultFile {
			start += " --config " + file
		}
		m.printf("After a      systemd does not run here, so nothing starts Lugsail when this machine has booted. Do it then, as root:\n"+
			"reboot       %s\n"+
			"             Where cron runs, this line in root's crontab (crontab -e) does it for you:\n"+
			"             @reboot %s\n", start, start)
	}
	return nil
}
