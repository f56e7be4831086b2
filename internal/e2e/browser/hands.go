package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed hands.js
var hands string

// call is the source that calls a verb of hands.js.
func call(args ...any) string {
	text := make([]string, len(args))
	for i, a := range args {
		b, _ := json.Marshal(a) // strings and numbers
		text[i] = string(b)
	}
	return "(" + hands + ")(" + strings.Join(text, ", ") + ")"
}

// spot is where something is on the screen.
type spot struct {
	X, Y   float64
	Why    string // it cannot be reached
	Select bool
}

// find waits for something that can be clicked.
func (p *Page) find(what string, args ...any) spot {
	p.t.Helper()
	var found spot
	p.until(limit, func() (bool, string) {
		now := p.look(args...)
		if now == nil {
			return false, "there is no " + what
		}
		found = *now
		return now.Why == "", what + ": " + now.Why
	})
	return found
}

// look is one look of find; nil when nothing is there, or the page is just changing.
func (p *Page) look(args ...any) *spot {
	var now *spot
	if err := p.try(chromedp.Evaluate(call(args...), &now)); err != nil {
		return nil
	}
	return now
}

// Click clicks the button, link or summary with this on it.
func (p *Page) Click(name string) { p.t.Helper(); p.ClickIn("", name) }

// ClickIn clicks in the smallest row, card or dialog that has the text where.
func (p *Page) ClickIn(where, name string) {
	p.t.Helper()
	what := fmt.Sprintf("%q to click", name)
	if where != "" {
		what += fmt.Sprintf(" beside %q", where)
	}
	at := p.find(what, "click", name, where)
	p.do("click "+name, chromedp.MouseClickXY(at.X, at.Y))
}

// Agree waits for a question in a dialog, and clicks its last button, which goes on.
func (p *Page) Agree() {
	p.t.Helper()
	at := p.find("question to agree to", "agree")
	p.do("agree", chromedp.MouseClickXY(at.X, at.Y))
}

// Choose clicks the radio button or checkbox with this label.
func (p *Page) Choose(label string) {
	p.t.Helper()
	at := p.find(fmt.Sprintf("%q to choose", label), "choose", label, "")
	p.do("choose "+label, chromedp.MouseClickXY(at.X, at.Y))
}

// Fill types into the control with this label, in place of what is there; of a select it picks the option.
func (p *Page) Fill(label, value string) { p.t.Helper(); p.FillIn("", label, value) }

// FillIn fills in the smallest form or card that has the text where.
func (p *Page) FillIn(where, label, value string) {
	p.t.Helper()
	at := p.find(fmt.Sprintf("%q to fill", label), "focus", label, where)
	if at.Select {
		var ok bool
		p.do("pick "+label, chromedp.Evaluate(call("pick", label, value, where), &ok))
		if !ok {
			p.fail("%q has no option %q", label, value)
		}
		return
	}
	if value == "" {
		p.Press(kb.Backspace)
		return
	}
	p.do("fill "+label, input.InsertText(value))
}

// Type types on the keyboard, into what has the focus.
func (p *Page) Type(text string) {
	p.t.Helper()
	p.Press(text)
}

// Press presses one key after the other, named as in chromedp's kb, with the keys that are held down.
func (p *Page) Press(keys string, held ...input.Modifier) {
	p.t.Helper()
	var events []chromedp.Action
	for _, char := range keys {
		parts := kb.Encode(char)
		down, up := parts[0], parts[len(parts)-1]
		if len(parts) == 3 { // one event that says its text, as of a keyboard: a page that takes the key keeps the text out
			down.Text, down.UnmodifiedText = parts[1].Text, parts[1].UnmodifiedText
		}
		for _, modifier := range held {
			down.Modifiers |= modifier
			up.Modifiers |= modifier
		}
		events = append(events, down, up)
	}
	p.do("press keys", events...)
}

// Attach puts files into the file control with this label.
func (p *Page) Attach(label string, paths ...string) {
	p.t.Helper()
	p.until(limit, func() (bool, string) {
		err := p.try(chromedp.ActionFunc(func(ctx context.Context) error {
			found, _, err := runtime.Evaluate(call("control", label)).Do(ctx)
			if err != nil {
				return err
			}
			if found.ObjectID == "" {
				return errors.New("it is not there")
			}
			return dom.SetFileInputFiles(paths).WithObjectID(found.ObjectID).Do(ctx)
		}))
		return err == nil, fmt.Sprintf("%q to put files into: %v", label, err)
	})
}

// Value is what the control with this label holds.
func (p *Page) Value(label string) string {
	p.t.Helper()
	var value *string
	p.until(limit, func() (bool, string) {
		err := p.try(chromedp.Evaluate(call("value", label, ""), &value))
		return err == nil && value != nil, fmt.Sprintf("there is no control %q", label)
	})
	return *value
}

// Focused is what has the keyboard, and whether one sees that.
type Focused struct {
	Name, Tag, Type string
	Seen            bool
}

// Focus tells what has the keyboard; empty when nothing has.
func (p *Page) Focus() Focused {
	p.t.Helper()
	var now *Focused
	p.do("focus", chromedp.Evaluate(call("focused"), &now))
	if now == nil {
		return Focused{}
	}
	return *now
}

// TabTo goes on with the Tab key until what has this name has the keyboard. On the way the focus has to be seen.
func (p *Page) TabTo(name string) {
	p.t.Helper()
	var seen []string
	for range 150 {
		p.Press(kb.Tab)
		now := p.Focus()
		if now.Tag != "" && !now.Seen {
			p.t.Errorf("at %s one does not see that %s %q has the focus", p.Path(), now.Tag, now.Name)
		}
		if strings.HasPrefix(strings.ToLower(now.Name), strings.ToLower(name)) {
			return
		}
		seen = append(seen, now.Name)
	}
	p.fail("the Tab key does not reach %q; it went over %q", name, seen)
}

// PressToAttach presses Enter on the file control that has the keyboard, and picks a file in the dialog
// that this opens.
func (p *Page) PressToAttach(path string) {
	p.t.Helper()
	opened := make(chan cdp.BackendNodeID, 1)
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	chromedp.ListenTarget(ctx, func(event any) {
		if e, ok := event.(*page.EventFileChooserOpened); ok {
			opened <- e.BackendNodeID
		}
	})
	p.do("watch for the dialog", page.SetInterceptFileChooserDialog(true))
	p.Press(kb.Enter)
	select {
	case node := <-opened:
		p.do("pick a file", dom.SetFileInputFiles([]string{path}).WithBackendNodeID(node), page.SetInterceptFileChooserDialog(false))
	case <-ctx.Done():
		p.fail("Enter opens no dialog for a file")
	}
}
