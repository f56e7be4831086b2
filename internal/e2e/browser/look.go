package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Text is all that can be read on the page, in one line.
func (p *Page) Text() string {
	p.t.Helper()
	var text string
	p.do("read the page", chromedp.Evaluate(call("text"), &text))
	return text
}

// Has reports whether a text can be read on the page now.
func (p *Page) Has(text string) bool {
	var all string
	return p.try(chromedp.Evaluate(call("text"), &all)) == nil && has(all, text)
}

// has compares as a reader does: capitals may come from the style.
func has(all, text string) bool { return strings.Contains(strings.ToLower(all), strings.ToLower(text)) }

// Wait waits until all these texts can be read on the page.
func (p *Page) Wait(texts ...string) { p.t.Helper(); p.WaitLong(limit, texts...) }

// WaitLong is Wait with another limit.
func (p *Page) WaitLong(limit time.Duration, texts ...string) {
	p.t.Helper()
	p.until(limit, func() (bool, string) {
		for _, text := range texts {
			if !p.Has(text) {
				return false, fmt.Sprintf("the page does not say %q", text)
			}
		}
		return true, ""
	})
}

// WaitGone waits until a text cannot be read any more.
func (p *Page) WaitGone(text string) {
	p.t.Helper()
	p.until(limit, func() (bool, string) {
		var all string
		err := p.try(chromedp.Evaluate(call("text"), &all))
		return err == nil && !has(all, text), fmt.Sprintf("the page still says %q", text)
	})
}

// In is what can be read in the smallest row, card or dialog that has all these texts.
func (p *Page) In(texts ...string) string {
	p.t.Helper()
	var all *string
	p.until(limit, func() (bool, string) {
		err := p.try(chromedp.Evaluate(call("in", texts), &all))
		return err == nil && all != nil, fmt.Sprintf("nothing on the page says %q together", texts)
	})
	return *all
}

// Offers reports whether something with this name can be clicked, in the smallest row, card or dialog with the text where.
func (p *Page) Offers(where, name string) bool {
	return p.look("click", name, where) != nil
}

// Ask evaluates an expression of JavaScript in the page; a promise is waited for.
func (p *Page) Ask(expression string, into any) {
	p.t.Helper()
	if err := p.AskLong(limit, expression, into); err != nil {
		p.fail("%.200s: %v", expression, err)
	}
}

// AskLong is Ask with another limit, and gives the error.
func (p *Page) AskLong(limit time.Duration, expression string, into any) error {
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate(expression, into, func(e *runtime.EvaluateParams) *runtime.EvaluateParams {
		return e.WithAwaitPromise(true)
	}))
}

// AskUntil waits until an expression is true.
func (p *Page) AskUntil(limit time.Duration, expression, otherwise string) {
	p.t.Helper()
	p.until(limit, func() (bool, string) {
		var ok bool
		err := p.try(chromedp.Evaluate("Boolean("+expression+")", &ok))
		return err == nil && ok, otherwise
	})
}

// TooWide names what makes the page scroll sideways.
func (p *Page) TooWide() []string {
	p.t.Helper()
	var found []string
	p.do("look at the width", chromedp.Evaluate(call("wide"), &found))
	return found
}

// Picture saves the whole page as it looks; name has no ending.
func (p *Page) Picture(name string) {
	p.t.Helper()
	if err := p.picture(name, true); err != nil {
		p.t.Errorf("a picture of %s: %v", name, err)
	}
}

func (p *Page) picture(name string, whole bool) error {
	var png []byte
	err := p.try(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		png, err = page.CaptureScreenshot().WithCaptureBeyondViewport(whole).Do(ctx)
		return err
	}))
	if err != nil {
		return err
	}
	path := p.browser.artifact(name + ".png")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, png, 0o644)
}

// fail ends the test, with the page as it is among the artifacts.
func (p *Page) fail(format string, args ...any) {
	p.t.Helper()
	name := strings.NewReplacer("/", "-", "#", "-").Replace(p.t.Name()) + time.Now().Format("-150405")
	var source string
	saved := errors.Join(p.picture(name, false), p.try(chromedp.Evaluate("document.documentElement.outerHTML", &source)),
		os.WriteFile(p.browser.artifact(name+".html"), []byte(source), 0o644))
	var address, text string
	_ = p.try(chromedp.Location(&address), chromedp.Evaluate(call("text"), &text)) // a tab that hangs tells nothing
	if saved != nil {
		p.t.Logf("saving the page: %v", saved)
	}
	p.t.Fatalf(format+"\nat %s (%s.png): %.1500s", append(args, address, p.browser.artifact(name), text)...)
}
