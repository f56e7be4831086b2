// Package browser drives Debian's Chromium as a person would: it finds things by the words that are on them,
// clicks where they are, types into what a label names, and reads what is to be seen. Scripts about the console
// speak to it, so they survive another look of the pages.
//
// A verb waits for what it needs, and ends the test when that does not come; the picture and the source of the
// page are then in the folder of artifacts. What a page writes to its console as an error is a defect, and so is
// whatever the Content-Security-Policy stops: Page.Quiet tells.
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Browser is one running Chromium.
type Browser struct {
	ctx       context.Context
	artifacts string
	profile   string // directory
}

// Start starts a Chromium that ends with the test. What it saves lies in the folder artifacts.
func Start(t testing.TB, artifacts string, flags ...string) *Browser {
	t.Helper()
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, // tests run as root, in machines without a screen
		chromedp.UserDataDir(profile),
		chromedp.WindowSize(Desk.Width, Desk.Height),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("ignore-certificate-errors", true), // the server's own CA: curl proves it in the other scripts
		chromedp.Flag("force-color-profile", "srgb"),
	)
	for _, name := range flags {
		options = append(options, chromedp.Flag(name, true))
	}
	for _, path := range []string{"/usr/bin/chromium", "/usr/bin/google-chrome"} {
		if _, err := os.Stat(path); err == nil {
			options = append(options, chromedp.ExecPath(path))
			break
		}
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // of events that this version does not know
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // asks it to end; whoever does not is killed
		cancel()
		stop()
		chromedp.FromContext(ctx).Allocator.Wait() // it writes into its profile until then
	})
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return &Browser{ctx: ctx, artifacts: artifacts, profile: profile}
}

// Person is somebody with a browser of their own: cookies are shared with nobody else's.
type Person struct {
	browser *Browser
	profile cdp.BrowserContextID
}

// Person comes with an empty profile.
func (b *Browser) Person(t testing.TB) *Person {
	t.Helper()
	p := &Person{browser: b}
	var err error
	if p.profile, err = target.CreateBrowserContext().Do(b.executor()); err != nil {
		t.Fatalf("a new profile: %v", err)
	}
	return p
}

// executor is for what the browser does, and no tab.
func (b *Browser) executor() context.Context {
	return cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser)
}

// Port is where other programs reach this Chromium's protocol, on the loopback interface.
func (b *Browser) Port(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.profile, "DevToolsActivePort"))
	if err != nil {
		t.Fatal(err)
	}
	port, _, _ := strings.Cut(string(text), "\n")
	return port
}

// artifact is where a file about a test goes.
func (b *Browser) artifact(name string) string { return filepath.Join(b.artifacts, name) }

// Size is a screen.
type Size struct {
	Width, Height int
	Phone         bool
}

// The screens that the console is made for.
var (
	Phone  = Size{390, 844, true}
	Tablet = Size{768, 1024, false}
	Desk   = Size{1440, 900, false}
)

// String names the screen by its width.
func (s Size) String() string { return fmt.Sprint(s.Width) }
