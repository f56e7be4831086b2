package gitserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Way is a guarded way to other hosts for one run of git.
type Way interface {
	Proxy() string // URL of the proxy, with its secret
	Err() error    // what was refused, did not answer, or was too much; nil where nothing was
	Close()
}

const (
	maxRefs  = 32 << 20 // bytes of a list of branches: the largest public repositories have a third of that
	fetched  = heads + "fetched"
	fetchers = 2 // fetches at once; more only wait for the same line
)

// fetchSettings are those of a git that speaks to another host. Every hop of a redirect passes
// the way's guard; nothing asks for credentials, and none are there to be sent.
func (s *Server) fetchSettings() []string {
	set := []string{
		"protocol.https.allow=always", "http.followRedirects=initial", "http.proxyAuthMethod=basic", "http.sslVerify=true",
		"http.lowSpeedLimit=2000", "http.lowSpeedTime=" + strconv.Itoa(max(1, int(s.cfg.Stall/time.Second))),
		"credential.helper=", "core.askPass=", "transfer.bundleURI=false", "fetch.recurseSubmodules=false",
		"fetch.fsckObjects=true", "fetch.unpackLimit=1", "protocol.version=2",
	}
	for _, id := range harmless {
		set = append(set, "fetch.fsck."+id+"=ignore")
	}
	if s.cfg.Roots != "" {
		set = append(set, "http.sslCAInfo="+s.cfg.Roots)
	}
	return set
}

// Fetch brings the newest commit of a branch of a public repository as a source; src says which
// (Remote and Branch; "" is the repository's default). A commit that is known already answers
// Conflict nothing_new. What happens is written to say, line by line. The tree belongs to the caller.
func (s *Server) Fetch(ctx context.Context, src platform.Source, known string, say func(string)) (platform.Source, error) {
	select { // few at once: the others wait, and can be cancelled
	case s.fetches <- struct{}{}:
		defer func() { <-s.fetches }()
	case <-ctx.Done():
		return platform.Source{}, fmt.Errorf("fetching: %w", ctx.Err())
	}
	done, err := s.join()
	if err != nil {
		return platform.Source{}, err
	}
	defer done()
	if err := s.room(); err != nil {
		return platform.Source{}, err
	}
	f := fetch{Server: s, url: src.Remote, host: platform.Remote{URL: src.Remote}.Host(), branch: src.Branch, known: known, say: say}
	got, err := f.once(ctx)
	if err != nil && ctx.Err() == nil && worthRetry(err) {
		say(platform.AsError(err).Message + " Trying once more.")
		got, err = f.once(ctx)
	}
	return got, err
}

// fetch is one repository that something is fetched from.
type fetch struct {
	*Server
	url, host, branch, known string
	say                      func(string)
}

func (f *fetch) once(ctx context.Context) (platform.Source, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.FetchTime)
	defer cancel()
	branch, tip, err := f.look(ctx)
	if err != nil {
		return platform.Source{}, err
	}
	if tip == f.known {
		return platform.Source{}, platform.Errorf(platform.Conflict, "nothing_new", "Nothing new: %s of %s is at %s, which is what serves.", shorten(branch), f.url, tip[:7]).
			WithHint("To build and deploy it again all the same: lugsail deploy --pull --force")
	}
	f.say(fmt.Sprintf("Fetching %s of %s", shorten(branch), f.url))
	repo, err := os.MkdirTemp(f.cfg.Dir, newRepo)
	if err != nil {
		return platform.Source{}, fmt.Errorf("fetching: %w", err)
	}
	defer os.RemoveAll(repo) //nolint:errcheck // Clean has what is left
	return f.bring(ctx, repo, branch, len(tip))
}

// look asks where the branch stands.
func (f *fetch) look(ctx context.Context) (branch, tip string, err error) {
	want := "HEAD"
	if f.branch != "" {
		want = heads + f.branch
	}
	out, err := f.remote(ctx, "", maxRefs, "ls-remote", "--symref", "--", f.url, want)
	if err != nil {
		return "", "", err
	}
	branch = f.branch
	for line := range strings.Lines(out) {
		value, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if name != want {
			continue
		}
		if ref, ok := strings.CutPrefix(value, "ref: "+heads); ok && f.branch == "" {
			branch = ref
		} else if hexPattern.MatchString(value) {
			tip = value
		}
	}
	if tip == "" || branch == "" || platform.ValidateBranch(branch) != nil {
		return "", "", f.noBranch()
	}
	return branch, tip, nil
}

func (f *fetch) noBranch() error {
	if f.branch == "" {
		return platform.Errorf(platform.Invalid, "branch_missing", "%s has no branch that is its default; it may be empty.", f.url).
			WithHint("Name one: lugsail deploy --git %s --branch main", f.url)
	}
	return platform.Errorf(platform.Invalid, "branch_missing", "%s has no branch %s.", f.url, shorten(f.branch)).
		WithHint("Name one that it has: lugsail deploy --git %s --branch main", f.url)
}

// bring fetches that one commit into a repository which is thrown away afterwards.
func (f *fetch) bring(ctx context.Context, repo, branch string, idLength int) (platform.Source, error) {
	format := "sha1"
	if idLength == 64 {
		format = "sha256"
	}
	if _, err := f.line(ctx, "", nil, "init", "--quiet", "--bare", "--template=", "--object-format="+format, "--initial-branch=none", repo); err != nil {
		return platform.Source{}, err
	}
	if err := writeAttributes(repo); err != nil {
		return platform.Source{}, err
	}
	_, err := f.remote(ctx, repo, f.cfg.MaxPack, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules",
		"--no-auto-maintenance", "--no-write-fetch-head", "--", f.url, "+"+heads+branch+":"+fetched)
	if err != nil {
		return platform.Source{}, err
	}
	commit, err := f.line(ctx, repo, nil, "rev-parse", "--verify", fetched+"^{commit}")
	if err != nil {
		return platform.Source{}, err
	}
	title, err := arrival{Server: f.Server, push: &push{repo: repo}}.commitTitle(ctx, commit)
	if err != nil {
		return platform.Source{}, err
	}
	src, err := f.export(ctx, repo, nil, commit)
	if err != nil {
		return platform.Source{}, err
	}
	src.Remote, src.Branch, src.Commit, src.Title = f.url, branch, commit, title
	f.say(fmt.Sprintf("%s %s (%s, %s)", commit[:7], title, plural(src.Files, "file"), platform.Bytes(src.Bytes)))
	for _, note := range notes(src.Dir) {
		f.say(note)
	}
	return src, nil
}

// remote runs a git that speaks to the other host, through a way of its own, and gives its output.
// The way's secret is in the environment, which other users cannot read, and in no argument.
func (f *fetch) remote(ctx context.Context, repo string, limit int64, args ...string) (string, error) {
	way, err := f.cfg.Outside(ctx, limit)
	if err != nil {
		return "", err
	}
	defer way.Close()
	var full []string
	for _, setting := range f.fetchSettings() {
		full = append(full, "-c", setting)
	}
	git := f.git(repo, []string{
		"GIT_ALLOW_PROTOCOL=https", "GIT_ASKPASS=", "SSH_ASKPASS=",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.proxy", "GIT_CONFIG_VALUE_0=" + way.Proxy(),
	})
	git.Args = append(append(git.Args, full...), args...)
	said := &lastLines{}
	git.Stderr = said
	out, err := git.Output(ctx)
	if err == nil {
		return string(out), nil
	}
	return "", f.explain(ctx, way.Err(), strings.ReplaceAll(said.String(), way.Proxy(), ""), err)
}

// worthRetry reports whether the same may go well a moment later.
func worthRetry(err error) bool {
	e := new(platform.Error)
	return errors.As(err, &e) && e.Kind == platform.Unavailable
}
