// Bench measures how long a push takes: from the start of `git push` to the first new answer
// over HTTPS, after a change of one line. Beside each app stands the same change by hand, with
// `docker build` and `docker run` of a usual Dockerfile. Rounds are interleaved, and medians are
// printed with their ratio, because machines are shared and their speed drifts. With -idle it
// measures what Lugsail's two processes hold and use while ten apps run and nobody asks.
//
// It installs a Lugsail of its own (directories, ports, addresses) on the engine that
// LUGSAIL_TEST_DOCKER names, and removes it at the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// kind is one app that is measured.
type kind struct {
	name, dir, file string        // app, folder of its source, file that changes
	aim             time.Duration // for a push of one changed line
	dockerfile      string
}

var kinds = []kind{
	{"node", "../testdata/apps/node", "server.js", 2 * time.Second, nodeFile},
	{"go", "../testdata/apps/go", "main.go", 3 * time.Second, goFile},
	{"big-node", "testdata/big", "server.js", 2500 * time.Millisecond, nodeFile},
}

func main() {
	rounds := flag.Int("rounds", 5, "measured rounds of each app")
	idle := flag.Bool("idle", false, "measure what ten idle apps cost, instead of pushes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *rounds, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, rounds int, idle bool) (err error) {
	s, err := install(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := s.remove(context.WithoutCancel(ctx)); err == nil {
			err = removeErr
		}
	}()
	if idle {
		return s.idle(ctx)
	}
	return s.pushes(ctx, rounds)
}

// pushes measures them all beside docker by hand.
func (s *server) pushes(ctx context.Context, rounds int) error {
	hand, err := newByHand(ctx, s)
	if err != nil {
		return err
	}
	defer hand.remove(context.WithoutCancel(ctx))
	pushes, builds, colds := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string]time.Duration{}
	for _, k := range kinds {
		if colds[k.name], err = s.first(ctx, k); err != nil {
			return err
		}
		fmt.Printf("first push of %s: %.1f s\n", k.name, colds[k.name].Seconds())
		if err := hand.first(ctx, k); err != nil {
			return err
		}
	}
	for round := range rounds + 1 {
		for _, k := range kinds {
			push, err := s.push(ctx, k, round)
			if err != nil {
				return err
			}
			build, err := hand.change(ctx, k, round)
			if err != nil {
				return err
			}
			if round > 0 { // the first one warms up
				pushes[k.name], builds[k.name] = append(pushes[k.name], push), append(builds[k.name], build)
			}
		}
	}
	fmt.Printf("\n%-10s %10s %10s %14s %8s %10s\n", "app", "first push", "push", "docker by hand", "ratio", "aim")
	for _, k := range kinds {
		push, build := median(pushes[k.name]), median(builds[k.name])
		fmt.Printf("%-10s %8.1f s %8.2f s %12.2f s %8.2f %8.1f s   (push min %.2f max %.2f)\n", k.name, colds[k.name].Seconds(),
			push.Seconds(), build.Seconds(), push.Seconds()/build.Seconds(), k.aim.Seconds(),
			slices.Min(pushes[k.name]).Seconds(), slices.Max(pushes[k.name]).Seconds())
	}
	return nil
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
