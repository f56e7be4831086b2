package proxy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// maxTrouble bounds what an ACME server's words take in an answer.
const maxTrouble = 500

// hear notes how orders end. An error here would stop the order.
func (a *acme) hear(_ context.Context, event string, data map[string]any) error {
	name, ok := data["identifier"].(string)
	if !ok {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch event {
	case "cert_failed":
		a.fails[name] = oneLine(fmt.Sprint(data["error"]))
	case "cert_obtained":
		delete(a.fails, name)
	}
	return nil
}

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxTrouble {
		text = strings.ToValidUTF8(text[:maxTrouble], "") + "…"
	}
	return text
}

// statuses tells of every name that is managed.
func (a *acme) statuses() []platform.CertificateStatus {
	a.mu.Lock()
	var all []platform.CertificateStatus
	for name := range a.names {
		all = append(all, platform.CertificateStatus{Host: name, Trouble: a.fails[name]})
	}
	a.mu.Unlock()
	for i := range all {
		all[i].NotAfter = a.lasts(all[i].Host)
	}
	slices.SortFunc(all, func(x, y platform.CertificateStatus) int { return strings.Compare(x.Host, y.Host) })
	return all
}

// lasts is the end of a name's newest certificate, also of one that is over; zero when there is none.
func (a *acme) lasts(name string) time.Time {
	var end time.Time
	for _, cert := range a.cache.AllMatchingCertificates(name) {
		if cert.Leaf != nil && cert.Leaf.NotAfter.After(end) {
			end = cert.Leaf.NotAfter
		}
	}
	return end
}
