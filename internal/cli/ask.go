package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) interactive() bool {
	return p.Stdin != nil && term.IsTerminal(int(p.Stdin.Fd()))
}

var errNobody = platform.Errorf(platform.Invalid, "nobody_to_ask", "There is nobody to ask: this is not a terminal.")

// ask reads one line; the prompt goes to standard error, so that answers can be piped on.
func (p *program) ask(ctx context.Context, prompt string) (string, error) {
	if !p.interactive() {
		return "", errNobody
	}
	p.note("%s", prompt)
	return p.typed(ctx, func() (string, error) {
		line, err := bufio.NewReader(p.Stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("reading the answer: %w", err)
		}
		return strings.TrimSpace(line), nil
	})
}

func (p *program) confirm(ctx context.Context, question string) (bool, error) {
	answer, err := p.ask(ctx, question+" [y/N] ")
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}

// password reads a line without showing it.
func (p *program) password(ctx context.Context, prompt string) (string, error) {
	if !p.interactive() {
		return "", errNobody
	}
	p.note("%s", prompt)
	fd := int(p.Stdin.Fd())
	return p.typed(ctx, func() (string, error) {
		text, err := term.ReadPassword(fd)
		p.note("\n") // the person's own line end was not shown
		if err != nil {
			return "", fmt.Errorf("reading the password: %w", err)
		}
		return string(text), nil
	})
}

// typed waits for what a person types. Nothing calls off a read of a terminal, so Ctrl-C leaves
// it to the program's end, and the terminal as it was.
func (p *program) typed(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	before, stateErr := term.GetState(int(p.Stdin.Fd()))
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-ctx.Done():
		if stateErr == nil {
			_ = term.Restore(int(p.Stdin.Fd()), before) // the person sees it when it fails
		}
		p.note("\n")
		return "", ctx.Err()
	}
}

// line reads a secret that is piped in.
func (p *program) line() (string, error) {
	text, err := io.ReadAll(io.LimitReader(p.Stdin, 64<<10))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
