package browser

import (
	"fmt"
	"time"

	"github.com/chromedp/cdproto/network"
)

// Loaded is one thing that a page has fetched.
type Loaded struct {
	URL   string
	Kind  string
	Bytes int64 // over the wire, with headers
	Done  bool
}

// weigh keeps what the network tells; p.mu is held.
func (p *Page) weigh(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		id := string(e.RequestID)
		if p.requests[id] == nil {
			p.order = append(p.order, id)
		}
		p.requests[id] = &Loaded{URL: e.Request.URL, Kind: string(e.Type)}
	case *network.EventDataReceived:
		if l := p.requests[string(e.RequestID)]; l != nil {
			l.Bytes += e.EncodedDataLength
		}
	case *network.EventResponseReceived:
		if l := p.requests[string(e.RequestID)]; l != nil {
			l.Bytes += int64(e.Response.EncodedDataLength)
		}
	case *network.EventLoadingFinished:
		if l := p.requests[string(e.RequestID)]; l != nil {
			l.Bytes, l.Done = int64(e.EncodedDataLength), true
		}
	case *network.EventLoadingFailed:
		if l := p.requests[string(e.RequestID)]; l != nil {
			l.Done = true
		}
	}
}

// Weigh opens an address with an empty cache, and gives what comes within a time after it is there.
func (p *Page) Weigh(address string, after time.Duration) []Loaded {
	p.t.Helper()
	p.do("empty cache", network.SetCacheDisabled(true))
	p.mu.Lock()
	p.requests, p.order = map[string]*Loaded{}, nil
	p.mu.Unlock()
	p.Open(address)
	time.Sleep(after) // what is fetched later is what counts here, so there is nothing to wait for
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Loaded
	for _, id := range p.order {
		all = append(all, *p.requests[id])
	}
	return all
}

// String tells what was fetched and how heavy it was.
func (l Loaded) String() string { return fmt.Sprintf("%7d  %-10s %s", l.Bytes, l.Kind, l.URL) }
