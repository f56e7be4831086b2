package cli

import (
	"bufio"
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
func (p *program) ask(prompt string) (string, error) {
	if !p.interactive() {
		return "", errNobody
	}
	_, _ = fmt.Fprint(p.Stderr, prompt) // a person sees that nothing is asked
	line, err := bufio.NewReader(p.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func (p *program) confirm(question string) (bool, error) {
	answer, err := p.ask(question + " [y/N] ")
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", err
}

// password reads a line without showing it.
func (p *program) password(prompt string) (string, error) {
	if !p.interactive() {
		return "", errNobody
	}
	_, _ = fmt.Fprint(p.Stderr, prompt) // a person sees that nothing is asked
	text, err := term.ReadPassword(int(p.Stdin.Fd()))
	_, _ = fmt.Fprintln(p.Stderr) // the person's own line end was not shown
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return string(text), nil
}

// line reads a secret that is piped in.
func (p *program) line() (string, error) {
	text, err := io.ReadAll(io.LimitReader(p.Stdin, 64<<10))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
