package app

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/addon"
)

const (
	statsTime = 10 * time.Second
	maxStats  = 64 << 10
)

// Stats is how an add-on is at a moment, and SlowQuery what was slow in it.
type (
	Stats     = addon.Stats
	SlowQuery = addon.Query
)

// AddonStats tells how an add-on is at this moment: how much it holds, how many are connected, what was slow.
func (s *Service) AddonStats(ctx context.Context, actor platform.Actor, name string) (Stats, error) {
	db, err := s.addonFor(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return Stats{}, err
	}
	replica, err := s.replicaNamed(ctx, db, "")
	if platform.IsKind(err, platform.Conflict) {
		return Stats{}, platform.Errorf(platform.Conflict, "addon_not_running", "%s does not run just now.", db.Name).
			WithHint("See why: lugsail doctor %s", db.Name)
	}
	if err != nil {
		return Stats{}, err
	}
	text, err := s.said(ctx, replica.ID, addon.StatsProgram)
	if err != nil {
		return Stats{}, err
	}
	stats, err := addon.ParseStats(text)
	if err != nil {
		return stats, platform.Errorf(platform.Unavailable, "addon_stats_unreadable", "%s does not tell how it is.", db.Name).
			WithHint("Its image may be older than this. Make it anew, its data stays: lugsail addons renew %s", db.Name).Because(err)
	}
	return stats, nil
}

// said is what a program in a replica writes; nothing when there is no such program, or when it fails.
func (s *Service) said(ctx context.Context, replica, program string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	term, err := s.Conductor.Replicas.Commands.Exec(ctx, replica, platform.ExecSpec{Command: []string{program}})
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = term.Close(context.WithoutCancel(ctx), time.Second) }() // it has ended, or hangs and is told to
	stop := context.AfterFunc(ctx, func() { _, _ = term.Close(context.WithoutCancel(ctx), 0) })
	defer stop()
	var out bytes.Buffer
	err = errors.Join(term.CloseInput(), term.Output(func(stream string, data []byte) error {
		if stream == "stdout" {
			out.Write(data[:min(len(data), maxStats-out.Len())])
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	end, err := term.End(ctx)
	if err != nil || end.ExitCode != 0 {
		return nil, err
	}
	return out.Bytes(), nil
}
