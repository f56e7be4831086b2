package gitserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// lastLines keeps the end of what git says.
type lastLines struct{ b []byte }

// Write keeps the last 8 KiB.
func (l *lastLines) Write(p []byte) (int, error) {
	l.b = append(l.b, p...)
	if over := len(l.b) - 8<<10; over > 0 {
		l.b = append(l.b[:0], l.b[over:]...)
	}
	return len(p), nil
}

func (l *lastLines) String() string { return string(bytes.ToValidUTF8(l.b, []byte("?"))) }

// explain turns a git that failed into a sentence. What the way noticed comes first, because that
// is known; of the rest git tells in words alone (LC_ALL=C keeps them stable).
func (f *fetch) explain(ctx context.Context, noticed error, said string, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return platform.Errorf(platform.Unavailable, "fetch_slow", "Fetching from %s took longer than %s.", f.host, f.cfg.FetchTime).
			WithHint("Try again later: lugsail deploy --pull. What served before goes on serving.").Because(err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("fetching: %w", ctx.Err())
	}
	if noticed != nil {
		return noticed
	}
	if exit := new(command.ExitError); !errors.As(err, &exit) {
		return fmt.Errorf("fetching: %w", err)
	}
	for _, known := range f.answers() {
		for _, words := range known.words {
			if strings.Contains(said, words) {
				return known.err.Because(errors.New(said))
			}
		}
	}
	if last := lastLine(said); last != "" {
		f.say("git: " + last)
	}
	return platform.Errorf(platform.Invalid, "fetch_failed", "git could not fetch from %s.", f.host).
		WithHint("Try the same on your own computer: git ls-remote %s", f.url).Because(errors.New(said))
}

func lastLine(said string) string {
	last := ""
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(clean(line)); line != "" {
			last = line
		}
	}
	return cut(last, 300)
}

// heard is what git's words mean.
type heard struct {
	words []string
	err   *platform.Error
}

func (f *fetch) answers() []heard {
	return []heard{
		{
			[]string{"could not read Username", "Authentication failed", "could not read Password", "error: 401", "error: 403"},
			platform.Errorf(platform.Invalid, "repository_private", "%s shows this repository to nobody without signing in: it is private, or the address is wrong.", f.host).
				WithHint("Check the address: %s. A private repository is pushed instead, from your own computer: git push lugsail main", f.url),
		},
		{
			[]string{"not found", "error: 404", "error: 410", "is this a git repository", "unable to update url base"},
			platform.Errorf(platform.Invalid, "repository_missing", "There is no public git repository at %s.", f.url).
				WithHint("Check the address. A private repository is pushed instead, from your own computer: git push lugsail main"),
		},
		{
			[]string{"ertificate", "SSL: no alternative", "unable to get local issuer"},
			platform.Errorf(platform.Invalid, "host_certificate", "The certificate of %s cannot be trusted.", f.host).
				WithHint("For a Git host of your own, name its root certificate in the server's settings: fetch_roots"),
		},
		{
			[]string{"too slow", "timed out", "Timeout"},
			platform.Errorf(platform.Unavailable, "fetch_slow", "%s sends too slowly.", f.host).
				WithHint("Try again later: lugsail deploy --pull. What served before goes on serving."),
		},
		{
			[]string{"fsck error", "fsckObjects", "error in object", "bad object", "invalid index-pack", "did not send all necessary objects", "pack has bad", "inflate"},
			platform.Errorf(platform.Invalid, "repository_damaged", "What %s sent is damaged, or could do harm, so nothing of it was taken.", f.host).
				WithHint("On your own computer, git fsck --full says what is wrong with the repository."),
		},
		{
			[]string{"attempting to allocate", "Out of memory", "out of memory", "exceeds maximum"},
			platform.Errorf(platform.Invalid, "fetch_too_large", "A file of the repository is larger than Lugsail takes.").
				WithHint("Remove large files from it."),
		},
		{
			[]string{"dumb http"},
			platform.Errorf(platform.Invalid, "host_too_old", "%s does not speak git's present protocol.", f.host).
				WithHint("Push the repository instead, from your own computer: git push lugsail main"),
		},
		{
			[]string{
				"early EOF", "hung up", "disconnect", "transfer closed", "RPC failed", "Empty reply", "onnection reset", "onnection was reset",
				"Recv failure", "Send failure", "handshake", "error: 5", "unexpected eof", "TLS connection", "error: 429", "from proxy", "outstanding read data",
			},
			platform.Errorf(platform.Unavailable, "fetch_cut", "The connection to %s broke off.", f.host).
				WithHint("Try again in a minute: lugsail deploy --pull. What served before goes on serving."),
		},
	}
}
