// Summary runs `go test -json …`, shows failures as they come and one line for each
// package, and ends with what passed and what did not. A skipped test counts as what it
// is: something that was not seen to hold.
//
// Up to three tests that failed are run once more, alone, when all the others have ended: a machine that did
// everything at once may have been too slow for their clocks. Who passes then counts, and is named at the end.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

// event is one line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

type key struct{ pkg, test string }

func (k key) String() string { return strings.TrimSpace(k.pkg + " " + k.test) }

// tally counts, and keeps each test's output until it is known whether it is wanted.
type tally struct {
	output                  map[key][]string
	passed, failed, skipped int
	packages                int
	broken                  []key
	unsteady                []key // failed, and passed alone
}

const again = 3 // more than these fail for a reason

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: summary GO go test -json …")
		os.Exit(2)
	}
	began := time.Now()
	t := &tally{output: map[key][]string{}}
	err := t.run(ctx, os.Args[2:]...)
	if failed := t.alone(); err != nil && ctx.Err() == nil && len(failed) > 0 {
		err = t.runAgain(ctx, os.Args[1], failed)
	}
	os.Exit(t.end(err, time.Since(began)))
}

// run runs a command that writes what `go test -json` writes.
func (t *tally) run(ctx context.Context, args ...string) error {
	r, w := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { t.read(r) })
	err := command.Command{
		Name: args[0], Args: args[1:], Env: os.Environ(), Stdout: w, Stderr: os.Stderr, Grace: time.Minute,
	}.Run(ctx)
	_ = w.Close() // an in-memory pipe
	wg.Wait()
	return err
}

// alone gives the tests whose failure is all that failed, when they are few: no package that does
// not build, ended in a panic or ran out of time, and no fuzz test, whose input stays.
func (t *tally) alone() []key {
	tests := map[string]bool{}
	var failed []key
	for _, b := range t.broken {
		if b.test != "" {
			tests[b.pkg] = true
		}
		if b.test != "" && !strings.Contains(b.test, "/") {
			failed = append(failed, b)
		}
	}
	for _, b := range t.broken {
		if !tests[b.pkg] || strings.Contains(b.pkg, " ") {
			return nil
		}
	}
	if len(failed) > again {
		return nil
	}
	return failed
}

// runAgain decides anew about tests that failed.
func (t *tally) runAgain(ctx context.Context, tool string, failed []key) error {
	var errs []error
	for _, k := range failed {
		fmt.Println("\nonce more, alone:", k)
		second := &tally{output: map[key][]string{}}
		err := second.run(ctx, tool, "test", "-json", "-timeout", "20m", "-run", "^"+k.test+"$", k.pkg)
		if err != nil || second.passed == 0 || len(second.broken) > 0 {
			errs = append(errs, cmp.Or(err, fmt.Errorf("%s did not pass", k)))
			continue
		}
		t.unsteady = append(t.unsteady, k)
		t.passed += second.passed
		t.broken = slices.DeleteFunc(t.broken, func(b key) bool {
			of := b.pkg == k.pkg && (b.test == k.test || strings.HasPrefix(b.test, k.test+"/"))
			if of {
				t.failed--
			}
			return of
		})
	}
	left := slices.Clone(t.broken)
	t.broken = slices.DeleteFunc(t.broken, func(b key) bool { // a package none of whose tests fails now
		return b.test == "" && !slices.ContainsFunc(left, func(o key) bool { return o.pkg == b.pkg && o.test != "" })
	})
	return errors.Join(errs...)
}

func (t *tally) read(r io.Reader) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Println(in.Text()) // not from a test
			continue
		}
		t.see(e)
	}
	_, _ = io.Copy(io.Discard, r) // after a line beyond all measure, go test must still end
}

func (t *tally) see(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output":
		t.output[k] = append(t.output[k], e.Output)
	case "build-output":
		fmt.Print(e.Output)
	case "pass", "fail", "skip":
		t.finish(e, k)
		delete(t.output, k)
	}
}

func (t *tally) finish(e event, k key) {
	if e.Test == "" {
		t.finishPackage(e, k)
		return
	}
	switch e.Action {
	case "pass":
		t.passed++
	case "skip":
		t.skipped++
		fmt.Printf("--- SKIP %s %s\n", e.Package, e.Test)
	case "fail":
		t.failed++
		t.broken = append(t.broken, k)
		fmt.Print(strings.Join(t.output[k], ""))
	}
}

func (t *tally) finishPackage(e event, k key) {
	if e.Action == "skip" {
		return // no tests
	}
	t.packages++
	word := "ok  "
	if e.Action == "fail" {
		word = "FAIL"
		t.broken = append(t.broken, k)
		fmt.Print(strings.Join(t.output[k], ""))
	}
	fmt.Printf("%s %s %.1fs\n", word, e.Package, e.Elapsed)
}

func (t *tally) end(err error, took time.Duration) int {
	fmt.Println()
	for _, b := range t.broken {
		fmt.Println("failed:", b)
	}
	for _, u := range t.unsteady {
		fmt.Println("failed beside the others, passed alone:", u)
	}
	fmt.Printf("%d tests passed, %d failed, %d skipped, in %d packages, %s\n", t.passed, t.failed, t.skipped, t.packages, took.Round(time.Second))
	exit := new(command.ExitError)
	switch {
	case err == nil && t.failed == 0 && t.passed > 0:
		return 0
	case errors.As(err, &exit) && exit.Code > 0:
		return exit.Code
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}
