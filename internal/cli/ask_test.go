package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal opens a pseudo terminal: what is written to the person's end is typed.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func TestPassword_CtrlCEndsTheQuestionAndShowsWhatIsTypedAgain(t *testing.T) {
	person, tty := terminal(t)
	p := &program{Deps: Deps{Stdin: tty, Stderr: io.Discard}}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := p.password(ctx, "Password: ")
		ended <- err
	}()
	hidden := func() bool {
		state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
		return err == nil && state.Lflag&unix.ECHO == 0
	}
	for deadline := time.Now().Add(10 * time.Second); !hidden(); {
		if time.Now().After(deadline) {
			t.Fatal("nothing is asked")
		}
		time.Sleep(time.Millisecond)
	}
	interrupt()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the question goes on")
	}
	after, err := term.GetState(int(tty.Fd()))
	if err != nil || *after != *before {
		t.Errorf("the terminal is left as it is for a password: %v", err)
	}
	if _, err := person.WriteString("\n"); err != nil { // lets the read end
		t.Fatal(err)
	}
}

func TestAsk_TakesALine(t *testing.T) {
	person, tty := terminal(t)
	shown := &bytes.Buffer{}
	p := &program{Deps: Deps{Stdin: tty, Stderr: shown}}
	if _, err := person.WriteString("  ada@example.com \n"); err != nil {
		t.Fatal(err)
	}
	got, err := p.ask(t.Context(), "E-mail: ")
	if err != nil || got != "ada@example.com" || !strings.HasPrefix(shown.String(), "E-mail: ") {
		t.Errorf("%q %v %q", got, err, shown)
	}
}
