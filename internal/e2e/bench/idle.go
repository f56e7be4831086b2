package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	idleApps = 10
	settle   = 30 * time.Second      // after the last push
	quiet    = 2 * time.Minute       // of measuring
	tick     = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
)

// idle is what both processes hold and use while nobody asks them anything, with ten apps running.
func (s *server) idle(ctx context.Context) error {
	for i := range idleApps {
		k := kind{name: fmt.Sprintf("idle-%d", i), dir: "../testdata/apps/static"}
		if i%2 == 0 {
			k.dir = "../testdata/apps/node"
		}
		if _, err := s.first(ctx, k); err != nil {
			return err
		}
	}
	if err := rest(ctx, settle); err != nil {
		return err
	}
	before, err := s.parts(ctx)
	if err != nil {
		return err
	}
	if err := rest(ctx, quiet); err != nil {
		return err
	}
	after, err := s.parts(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\nidle with %d apps, over %s\n%-10s %10s %10s %12s\n", idleApps, quiet, "part", "resident", "aim", "of one core")
	var total time.Duration
	for i, aim := range []int{60, 25} {
		used := after[i].cpu - before[i].cpu
		total += used
		fmt.Printf("%-10s %6d MiB %6d MiB %10.2f %%\n", after[i].name, after[i].resident>>10, aim, 100*used.Seconds()/quiet.Seconds())
	}
	fmt.Printf("%-10s %10s %10s %10.2f %% (aim: 1 %%)\n", "together", "", "", 100*total.Seconds()/quiet.Seconds())
	return nil
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// part is one of the two processes.
type part struct {
	name     string
	resident int           // KiB
	cpu      time.Duration // since it started
}

func (s *server) parts(ctx context.Context) ([2]part, error) {
	var out bytes.Buffer
	if err := s.run(ctx, s.dir, &out, s.binary, "service", "status", "--json"); err != nil {
		return [2]part{}, err
	}
	var status struct {
		Parts []struct {
			Name string
			PID  int
		}
	}
	if err := json.Unmarshal(out.Bytes(), &status); err != nil {
		return [2]part{}, err
	}
	parts := [2]part{{name: "serve"}, {name: "proxy"}}
	for i := range parts {
		for _, p := range status.Parts {
			if p.Name != parts[i].name {
				continue
			}
			if err := parts[i].read(p.PID); err != nil {
				return parts, err
			}
		}
		if parts[i].resident == 0 {
			return parts, fmt.Errorf("lugsail service status knows no %s: %s", parts[i].name, out.String())
		}
	}
	return parts, nil
}

// read takes the figures from /proc: VmRSS, and user and system time.
func (p *part) read(pid int) error {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			if p.resident, err = strconv.Atoi(fields[1]); err != nil {
				return err
			}
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before it may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return fmt.Errorf("/proc/%d/stat holds %q", pid, stat)
	}
	for _, field := range fields[11:13] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		p.cpu += time.Duration(ticks) * tick
	}
	return nil
}
