package deploy_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

const (
	firstCommit  = "1111111111111111111111111111111111111111"
	secondCommit = "2222222222222222222222222222222222222222"
)

// remote is a repository elsewhere.
type remote struct {
	r       *rig
	commit  string
	fail    error
	fetches atomic.Int64
	hold    chan struct{} // not nil: a fetch waits for it
}

// elsewhere lets the rig's conductor fetch from a repository that the test moves.
func (r *rig) elsewhere() *remote {
	m := &remote{r: r, commit: firstCommit}
	r.fetch = m.fetch
	r.restart()
	return m
}

func (m *remote) fetch(ctx context.Context, src platform.Source, known string, say func(string)) (platform.Source, error) {
	m.fetches.Add(1)
	say("asking " + src.Remote)
	if m.hold != nil {
		select {
		case <-m.hold:
		case <-ctx.Done():
			return platform.Source{}, ctx.Err()
		}
	}
	if m.fail != nil {
		return platform.Source{}, m.fail
	}
	if known == m.commit {
		return platform.Source{}, platform.Errorf(platform.Conflict, "nothing_new", "Nothing new.").WithHint("Force it.")
	}
	var tree bytes.Buffer
	w := tar.NewWriter(&tree)
	err := w.WriteHeader(&tar.Header{Name: "image", Mode: 0o644, Size: int64(len(m.commit))})
	if err == nil {
		_, err = io.WriteString(w, m.commit)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return platform.Source{}, err
	}
	got, err := source.Unpack(ctx, &tree, filepath.Join(m.r.dir, platform.NewID()), source.Limits{})
	got.Remote, got.Branch, got.Commit, got.Title = src.Remote, "main", m.commit, "Title"
	return got, err
}

func (r *rig) pull(app platform.App, again bool) platform.Deployment {
	r.t.Helper()
	return r.begin(platform.Deployment{
		AppID: app.ID, Kind: platform.DeployPush, Cause: "fetch", Actor: "ada", Via: "api",
		Source: platform.Source{Remote: "https://git.example/shop.git", Branch: "main", Again: again},
	})
}

func TestFetch_ComesBeforeTheBuildAndIsInTheLogAndTheRelease(t *testing.T) {
	r := newRig(t)
	r.elsewhere()
	app := r.app("shop")
	d := r.ended(r.pull(app, false), platform.DeploymentLive)
	if d.Steps[0].Name != platform.StepFetch || d.Steps[0].State != platform.StepDone || d.Steps[0].Detail != "1111111 of main" || d.Steps[1].Name != platform.StepBuild {
		t.Errorf("%+v", d.Steps)
	}
	if log := r.log(d); !strings.Contains(log, "asking https://git.example/shop.git") {
		t.Error(log)
	}
	release, err := r.store.ReleaseByNumber(t.Context(), app.ID, 1)
	r.check(err)
	if release.Commit != firstCommit || release.CommitTitle != "Title" {
		t.Errorf("%+v", release)
	}
	r.eventually("the tree to go", func() bool {
		_, err := os.Stat(d.Source.Dir)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestFetch_NothingNewBuildsNothingUnlessForced(t *testing.T) {
	r := newRig(t)
	m := r.elsewhere()
	app := r.app("shop")
	r.ended(r.pull(app, false), platform.DeploymentLive)
	d := r.ended(r.pull(app, false), platform.DeploymentCancelled)
	if d.FailureCode != "nothing_new" || r.builder.count() != 1 {
		t.Errorf("%s, %d builds", d.FailureCode, r.builder.count())
	}
	r.ended(r.pull(app, true), platform.DeploymentLive)
	m.commit = secondCommit
	r.ended(r.pull(app, false), platform.DeploymentLive)
	r.converged(app, 3)
	// what serves is what counts, not what was fetched last
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRollback, FromRelease: 1, Cause: "rollback", Actor: "ada"}), platform.DeploymentLive)
	r.ended(r.pull(app, false), platform.DeploymentLive)
}

func TestF35_AFetchThatFailsLeavesTheOldReleaseServing(t *testing.T) {
	r := newRig(t)
	m := r.elsewhere()
	app := r.app("shop")
	r.ended(r.pull(app, false), platform.DeploymentLive)
	m.fail = platform.Errorf(platform.Unavailable, "host_unreachable", "git.example cannot be reached.").WithHint("Try again.")
	d := r.ended(r.pull(app, false), platform.DeploymentFailed)
	if d.FailureCode != "host_unreachable" || d.Steps[0].State != platform.StepFailed || !strings.Contains(r.log(d), "git.example cannot be reached.") {
		t.Errorf("%s, %+v\n%s", d.FailureCode, d.Steps[0], r.log(d))
	}
	r.converged(app, 1)
}

func TestFetch_IsCancelledLikeABuild(t *testing.T) {
	r := newRig(t)
	m := r.elsewhere()
	m.hold = make(chan struct{})
	app := r.app("shop")
	d := r.pull(app, false)
	r.eventually("the fetch", func() bool { return m.fetches.Load() == 1 })
	_, err := r.c.Cancel(t.Context(), d)
	r.check(err)
	r.ended(d, platform.DeploymentCancelled)
	r.ended(r.push(app, "one"), platform.DeploymentLive)
}

func TestF04_ARestartDuringTheFetchFetchesOnceMore(t *testing.T) {
	r := newRig(t)
	m := r.elsewhere()
	m.hold = make(chan struct{})
	app := r.app("shop")
	d := r.pull(app, false)
	r.eventually("the fetch", func() bool { return m.fetches.Load() == 1 })
	r.stop()
	m.hold = nil
	r.start()
	r.ended(d, platform.DeploymentLive)
	if m.fetches.Load() != 2 {
		t.Errorf("%d fetches", m.fetches.Load())
	}
}
