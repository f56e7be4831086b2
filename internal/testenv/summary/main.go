// Summary runs `go test -json …`, shows failures as they come and one line for each
// package, and ends with what passed and what did not. A skipped test counts as what it
// is: something that was not seen to hold.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
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

// tally counts, and keeps each test's output until it is known whether it is wanted.
type tally struct {
	output                  map[key][]string
	passed, failed, skipped int
	packages                int
	broken                  []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: summary go test -json …")
		os.Exit(2)
	}
	began := time.Now()
	t := &tally{output: map[key][]string{}}
	r, w := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { t.read(r) })
	err := command.Command{
		Name: os.Args[1], Args: os.Args[2:], Env: os.Environ(), Stdout: w, Stderr: os.Stderr, Grace: time.Minute,
	}.Run(ctx)
	_ = w.Close() // an in-memory pipe
	wg.Wait()
	os.Exit(t.end(err, time.Since(began)))
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
		t.broken = append(t.broken, e.Package+" "+e.Test)
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
		t.broken = append(t.broken, e.Package)
		fmt.Print(strings.Join(t.output[k], ""))
	}
	fmt.Printf("%s %s %.1fs\n", word, e.Package, e.Elapsed)
}

func (t *tally) end(err error, took time.Duration) int {
	fmt.Println()
	for _, b := range t.broken {
		fmt.Println("failed:", b)
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
