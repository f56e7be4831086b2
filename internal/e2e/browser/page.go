package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// limit is how long a verb waits for what it needs.
const limit = 30 * time.Second

// Page is a tab, in the hands of one test.
type Page struct {
	t       testing.TB
	browser *Browser
	ctx     context.Context

	mu       sync.Mutex
	troubles []string           // what the page wrote as errors
	asked    []string           // the questions it put by confirm
	requests map[string]*Loaded // by id
	order    []string
	lost     bool // a script did not come, because the network changed
}

// Tab opens a tab with a screen.
func (p *Person) Tab(t testing.TB, size Size) *Page {
	t.Helper()
	// A window of its own: what lies behind another one would be drawn, and run its timers, seldom.
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(p.profile).WithNewWindow(true).Do(p.browser.executor())
	if err != nil {
		t.Fatalf("a new tab: %v", err)
	}
	ctx, cancel := chromedp.NewContext(p.browser.ctx, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	tab := &Page{t: t, browser: p.browser, ctx: ctx, requests: map[string]*Loaded{}}
	chromedp.ListenTarget(ctx, tab.hear)
	tab.do("a new tab", runtime.Enable(), network.Enable(), page.Enable(), log.Enable())
	tab.Resize(size)
	return tab
}

// hear takes what Chromium tells of the tab.
func (p *Page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.troubles = append(p.troubles, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
			p.troubles = append(p.troubles, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
			p.troubles = append(p.troubles, "console.error: "+words(e.Args))
		}
	case *page.EventJavascriptDialogOpening:
		p.asked = append(p.asked, e.Message)
		go func() { _ = chromedp.Run(p.ctx, page.HandleJavaScriptDialog(true)) }() // the tab may be gone by then
	case *page.EventFrameNavigated:
		p.lost = p.lost && e.Frame.ParentID != ""
	case *network.EventLoadingFailed:
		p.lost = p.lost || e.Type == network.ResourceTypeScript && strings.Contains(e.ErrorText, networkChanged)
		p.weigh(event)
	default:
		p.weigh(event)
	}
}

func words(args []*runtime.RemoteObject) string {
	var all []string
	for _, a := range args {
		all = append(all, string(a.Value)+a.Description)
	}
	return strings.Join(all, " ")
}

// Quiet fails the test when the page had errors of scripts, or did what its policy forbids.
func (p *Page) Quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, trouble := range p.troubles {
		p.t.Errorf("the browser reports: %s", trouble)
	}
	p.troubles = nil
}

// Asked gives the questions that the page has put by dialogs of the browser's own; each was answered with yes.
func (p *Page) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// do runs actions that have to succeed.
func (p *Page) do(what string, actions ...chromedp.Action) {
	p.t.Helper()
	if err := p.try(actions...); err != nil {
		p.fail("%s: %v", what, err)
	}
}

// try runs actions within the limit. A tab's own context is never given a deadline: it would close the tab.
func (p *Page) try(actions ...chromedp.Action) error {
	if chromedp.FromContext(p.ctx).Target == nil {
		return chromedp.Run(p.ctx, actions...) // makes the tab
	}
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// Resize changes the screen.
func (p *Page) Resize(size Size) {
	p.t.Helper()
	p.do("another screen", emulation.SetDeviceMetricsOverride(int64(size.Width), int64(size.Height), 1, size.Phone))
}

// Dark says whether the person's system is dark.
func (p *Page) Dark(dark bool) {
	p.t.Helper()
	theme := "light"
	if dark {
		theme = "dark"
	}
	p.do("theme", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}))
}

// Fingerprint gives the tab a device that makes and keeps passkeys, whose owner is always there and agrees.
func (p *Page) Fingerprint() {
	p.t.Helper()
	p.do("a device with passkeys", webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
}

// Scripts turns the pages' scripts off or on, from the next page on.
func (p *Page) Scripts(on bool) {
	p.t.Helper()
	p.do("scripts", emulation.SetScriptExecutionDisabled(!on))
}

// Open goes to an address, and gives the status of the answer.
func (p *Page) Open(address string) int64 {
	p.t.Helper()
	var response *network.Response
	p.until(2*limit, func() (bool, string) {
		ctx, cancel := context.WithTimeout(p.ctx, 2*limit)
		defer cancel()
		var err error
		response, err = chromedp.RunResponse(ctx, chromedp.Navigate(address))
		if err != nil && !strings.Contains(err.Error(), networkChanged) && !strings.Contains(err.Error(), aborted) {
			p.fail("open %s: %v", address, err)
		}
		return err == nil, fmt.Sprintf("open %s: %v", address, err)
	})
	if response == nil {
		return 0 // the same document
	}
	return response.Status
}

// networkChanged is how Chromium gives up a page when the machine gets another address meanwhile, as it does with
// each network of an app. A person would reload.
const networkChanged = "ERR_NETWORK_CHANGED"

// aborted is what comes of it when the page before was just going elsewhere.
const aborted = "ERR_ABORTED"

// Reload loads the page anew.
func (p *Page) Reload() {
	p.t.Helper()
	p.do("reload", chromedp.Reload())
}

// Path tells where the tab is, without host and query.
func (p *Page) Path() string {
	var address string
	if err := p.try(chromedp.Location(&address)); err != nil {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}

// WaitPath waits until the tab is at a path, or below one that ends with a slash.
func (p *Page) WaitPath(path string) {
	p.t.Helper()
	p.until(limit, func() (bool, string) {
		at := p.Path()
		below := path != "/" && strings.HasSuffix(path, "/") && strings.HasPrefix(at, path)
		return at == path || below, fmt.Sprintf("the tab is at %s, not at %s", at, path)
	})
}

// until looks again and again.
func (p *Page) until(limit time.Duration, look func() (ok bool, otherwise string)) {
	p.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		ok, otherwise := look()
		if ok {
			return
		}
		p.reloadLost()
		if time.Now().After(end) {
			p.fail("%s", otherwise)
		}
	}
}

// reloadLost loads a page anew that Chromium has given up, or without a script of it. One that was the answer to a
// form sends the form again.
func (p *Page) reloadLost() {
	p.mu.Lock()
	lost := p.lost
	p.lost = false
	p.mu.Unlock()
	var address string
	if err := p.try(chromedp.Location(&address)); lost || err == nil && strings.HasPrefix(address, "chrome-error:") {
		_ = p.try(chromedp.Reload()) // else the next look finds it lost again
	}
}

// Cookie gives the name and value of the cookie whose name ends so.
func (p *Page) Cookie(suffix string) (name, value string) {
	p.t.Helper()
	var cookies []*network.Cookie
	p.do("cookies", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = network.GetCookies().Do(ctx)
		return err
	}))
	for _, c := range cookies {
		if strings.HasSuffix(c.Name, suffix) {
			return c.Name, c.Value
		}
	}
	p.fail("there is no cookie %s", suffix)
	return "", ""
}
