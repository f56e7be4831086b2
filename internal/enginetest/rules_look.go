package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func listenersTellLoopback(c *contract) {
	r := c.start(c.spec("lappa", "listen=0.0.0.0:$PORT", "listen=127.0.0.1:9229", "listen=0.0.0.0:3000", "serve"))
	want := []platform.Listener{
		{IP: "0.0.0.0", Port: 3000}, {IP: "0.0.0.0", Port: 8080}, {IP: "127.0.0.1", Port: 9229, Loopback: true},
	}
	c.eventually(func() (bool, any) {
		found, err := c.Listeners(c.ctx(), r.ID)
		return slices.Equal(found, want), fmt.Sprint(found, err)
	})
	silent := c.start(c.spec("lappa", "say=up", "wait=300ms", "exit=0"))
	if found, err := c.Listeners(c.ctx(), silent.ID); err != nil || len(found) != 0 {
		c.Errorf("listeners %v, error %v; want none of both", found, err)
	}
	c.until(silent.ID, exited)
	_, err := c.Listeners(c.ctx(), silent.ID)
	c.wantKind(err, platform.Conflict, "replica_not_running")
}

// logs reads what there is, as "stdout text".
func (c *contract) logs(id string, tail int) ([]string, error) {
	var lines []string
	err := c.Logs(c.ctx(), id, tail, false, func(l platform.LogLine) error {
		lines = append(lines, l.Stream+" "+l.Text)
		return nil
	})
	return lines, err
}

func logsOfThePast(c *contract) {
	r := c.until(c.start(c.spec("lappa", "print=4", "env=GREETING", "env=PORT", "exit=0")).ID, exited)
	all := []string{"stdout line 1", "stdout line 2", "stdout line 3", "stdout line 4", "stdout hello = you", "stdout 8080"}
	for tail, want := range map[int][]string{-1: all, 100: all, 2: all[4:], 0: nil} {
		if got, err := c.logs(r.ID, tail); err != nil || !slices.Equal(got, want) {
			c.Errorf("tail %d: %q, error %v; want %q", tail, got, err, want)
		}
	}
	err := c.Logs(c.ctx(), r.ID, 1, false, func(l platform.LogLine) error {
		if l.Replica != "web.1" || l.Release != 3 || l.At.Before(r.CreatedAt) || l.At.After(time.Now()) {
			c.Errorf("line %+v of replica %+v", l, r)
		}
		return nil
	})
	if err != nil {
		c.Error(err)
	}
}

func logsAreFollowedToTheEnd(c *contract) {
	r := c.start(c.spec("lappa", "print=2", "wait=700ms", "complain=bye", "exit=0"))
	var lines []string
	err := c.Logs(c.ctx(), r.ID, -1, true, func(l platform.LogLine) error {
		lines = append(lines, l.Stream+" "+l.Text)
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	// The engine in memory writes all at the start; the order of one stream is what counts.
	if want := []string{"stdout line 1", "stdout line 2", "stderr bye"}; !slices.Equal(lines, want) {
		c.Errorf("%q, want %q", lines, want)
	}
	if r := c.until(r.ID, exited); r.ExitCode != 0 {
		c.Errorf("%+v", r)
	}
}

func whoFollowsWhatIsStoppedHearsItsLastLines(c *contract) {
	r := c.start(c.spec("lappa", "ignore-term", "say=ready", "wait=700ms", "say=last", "serve"))
	c.untilSaid(r.ID, "ready")
	var lines []string
	hears, followed := make(chan bool, 2), make(chan error, 1)
	go func() {
		followed <- c.Logs(c.ctx(), r.ID, 200, true, func(l platform.LogLine) error {
			lines = append(lines, l.Text)
			hears <- true
			return nil
		})
	}()
	<-hears
	if err := c.Stop(c.ctx(), r.ID, 2*time.Second); err != nil {
		c.Fatal(err)
	}
	if err := <-followed; err != nil && !platform.IsKind(err, platform.NotFound) {
		c.Errorf("error %v", err)
	}
	if want := []string{"ready", "last"}; !slices.Equal(lines, want) {
		c.Errorf("%q, want %q", lines, want)
	}
}

func logsStopWhenToldTo(c *contract) {
	r := c.start(c.spec("lappa", "print=3", "serve"))
	enough := errors.New("enough")
	if err := c.Logs(c.ctx(), r.ID, -1, true, func(platform.LogLine) error { return enough }); !errors.Is(err, enough) {
		c.Errorf("error %v, want %v", err, enough)
	}
	ctx, cancel := context.WithCancel(c.ctx())
	defer cancel()
	err := c.Logs(ctx, r.ID, -1, true, func(l platform.LogLine) error {
		if l.Text == "line 3" {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		c.Errorf("error %v, want that of its context", err)
	}
}

func theMachineIsKnown(c *contract) {
	if memory, cpus, err := c.Capacity(c.ctx()); err != nil || memory < 256<<20 || cpus < 1 {
		c.Errorf("%d bytes and %d processors, error %v", memory, cpus, err)
	}
	if version, err := c.Version(c.ctx()); err != nil || version == "" {
		c.Errorf("version %q, error %v", version, err)
	}
	if err := c.Ping(c.ctx()); err != nil {
		c.Error(err)
	}
	r := c.start(c.spec("lappa", "serve"))
	c.eventually(func() (bool, any) {
		memory, cpu, err := c.Stats(c.ctx(), r.ID)
		return err == nil && memory > 0 && memory <= 64<<20 && cpu > 0, fmt.Sprint(memory, cpu, err)
	})
}

func samplesAreOfAllThatRuns(c *contract) {
	one, other := c.start(c.spec("lappa", "serve")), c.start(c.spec("lappb", "serve"))
	ended := c.start(c.spec("lappb", "exit=0"))
	c.until(ended.ID, exited)
	c.eventually(func() (bool, any) {
		samples, err := c.Samples(c.ctx())
		ok := err == nil && len(samples) == 2
		for _, s := range samples {
			of := map[string]platform.Replica{one.ID: one, other.ID: other}[s.ReplicaID]
			ok = ok && s.AppID == of.AppID && s.CPU > 0 && s.Memory > 0 && s.Memory <= s.Limit && s.Limit == 64<<20 &&
				s.CreatedAt.Sub(of.CreatedAt).Abs() <= time.Second
		}
		return ok, fmt.Sprint(samples, err)
	})
	if err := c.Stop(c.ctx(), other.ID, 0); err != nil {
		c.Fatal(err)
	}
	if samples, err := c.Samples(c.ctx()); err != nil || len(samples) != 1 || samples[0].ReplicaID != one.ID {
		c.Errorf("%+v, %v", samples, err)
	}
}
