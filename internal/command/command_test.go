package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

// TestMain lets the test binary be the program that is run.
func TestMain(m *testing.M) {
	switch os.Getenv("TEST_DO") {
	case "":
		os.Exit(m.Run())
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "fail":
		fmt.Fprintln(os.Stderr, strings.Repeat("noise ", 2000)+"the reason")
		os.Exit(3)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		select {}
	}
}

func self(t *testing.T, do string) command.Command {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return command.Command{Name: binary, Env: []string{"TEST_DO=" + do}}
}

func TestRun_InheritsNoEnvironment(t *testing.T) {
	t.Setenv("LUGSAIL_SECRET", "LGS-CANARY")
	out, err := self(t, "env").Output(t.Context())
	if err != nil || strings.Contains(string(out), "CANARY") || !strings.Contains(string(out), "PATH=/usr/local/sbin:") {
		t.Errorf("%s, %v", out, err)
	}
}

func TestRun_AFailureTellsItsStatusAndTheEndOfItsOutput(t *testing.T) {
	err := self(t, "fail").Run(t.Context())
	var exit *command.ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || !strings.HasSuffix(err.Error(), "the reason") || len(exit.Output) > 4096 {
		t.Errorf("got %v", err)
	}
	if err := (command.Command{Name: "/no/such/program"}).Run(t.Context()); err == nil || errors.As(err, &exit) && exit.Code != 3 {
		t.Errorf("got %v", err)
	}
}

// firstLine ends a context as soon as anything is written.
type firstLine struct{ cancel func() }

func (w firstLine) Write(p []byte) (int, error) {
	w.cancel()
	return len(p), nil
}

func TestRun_WhatIgnoresTermIsKilled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := self(t, "deaf")
	c.Stdout, c.Grace = firstLine{cancel}, 50*time.Millisecond
	if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestFind(t *testing.T) {
	if command.Find("git") == "" || command.Find("no-such-program-anywhere") != "" {
		t.Errorf("git is at %q, nothing at %q", command.Find("git"), command.Find("no-such-program-anywhere"))
	}
}
