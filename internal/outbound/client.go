package outbound

import (
	"errors"
	"net/http"
	"time"
)

const maxHops = 5

// Client fetches by HTTP through the guard. A redirect is a new connection and is asked about
// like the first one; it never leads from https back to http, and to another host it takes
// nothing along that could be a credential. No proxy of the environment comes in between.
func (g *Guard) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &onlyWeb{&http.Transport{
			Proxy: nil, DialContext: g.Dial, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTime,
			ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
		}},
		CheckRedirect: checkRedirect,
	}
}

// plain are the headers that may follow to another host.
var plain = []string{"Accept", "Accept-Encoding", "Accept-Language", "Range", "User-Agent"}

func checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxHops {
		return errors.New("too many redirects")
	}
	last := via[len(via)-1]
	if next.URL.User != nil || last.URL.Scheme == "https" && next.URL.Scheme != "https" {
		return Refused(next.URL.Hostname())
	}
	if next.URL.Host != via[0].URL.Host {
		kept := http.Header{}
		for _, name := range plain {
			if values := next.Header.Values(name); len(values) > 0 {
				kept[name] = values
			}
		}
		next.Header = kept
	}
	return nil
}

// onlyWeb refuses other schemes in the guard's own words.
type onlyWeb struct{ http.RoundTripper }

// RoundTrip asks the web, and nothing else.
func (o *onlyWeb) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && r.URL.Scheme != "http" {
		return nil, Refused(r.URL.String())
	}
	return o.RoundTripper.RoundTrip(r)
}
