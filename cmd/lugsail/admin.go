package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/platform"
)

// linkAnswer is what root on this machine gets for asking.
type linkAnswer struct {
	URLs    []string        `json:"urls,omitempty"` // of the same link, by each name of the console
	Claimed bool            `json:"claimed"`        // there is an account already
	Error   *platform.Error `json:"error,omitempty"`
}

// runAdmin answers root on this machine: the socket's file mode is the lock.
func (c *control) runAdmin(ctx context.Context) error {
	return c.runAdminWith(ctx, func(mux *http.ServeMux) {
		mux.HandleFunc("POST /setup-link", c.answerLink(c.setupLink))
		mux.HandleFunc("POST /recover", c.answerLink(c.recoverLink))
		mux.HandleFunc("POST /prepare", c.prepareForRoot)
		mux.HandleFunc("POST /doctor", c.answerDoctor)
		mux.HandleFunc("POST /diagnostics", c.diagnosticsForRoot)
		c.databaseHandlers(mux)
	})
}

func (c *control) runAdminWith(ctx context.Context, handlers func(*http.ServeMux)) error {
	path := c.cfg.AdminSocket()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the old socket: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("listening for root: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("guarding the socket: %w", err), listener.Close())
	}
	mux := http.NewServeMux()
	handlers(mux)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // its clients are on this machine and may repeat
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (c *control) answerLink(make func(ctx context.Context, email string) (linkAnswer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := make(r.Context(), r.URL.Query().Get("email"))
		if err != nil {
			answer.Error = platform.AsError(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // the client has gone when this fails
	}
}

func (c *control) setupLink(ctx context.Context, _ string) (linkAnswer, error) {
	claimed, err := c.accounts.Claimed(ctx)
	if err != nil || claimed {
		return linkAnswer{Claimed: claimed}, err
	}
	token, err := c.accounts.IssueSetupLink(ctx)
	return linkAnswer{URLs: c.links("/setup/" + token)}, err
}

func (c *control) recoverLink(ctx context.Context, email string) (linkAnswer, error) {
	token, _, err := c.accounts.IssueRecoverLink(ctx, email)
	return linkAnswer{URLs: c.links("/recover/" + token), Claimed: true}, err
}

func (c *control) links(path string) []string {
	urls := c.cfg.ConsoleURLs()
	for i := range urls {
		urls[i] += path
	}
	return urls
}

// askAdmin asks the running control plane for a link.
func askAdmin(ctx context.Context, cfg config.Config, what, email string) (linkAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	response, err := postAdmin(ctx, cfg, what+"?email="+url.QueryEscape(email))
	if err != nil {
		return linkAnswer{}, err
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end
	var answer linkAnswer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return linkAnswer{}, fmt.Errorf("reading the answer: %w", err)
	}
	if answer.Error != nil {
		return answer, answer.Error
	}
	return answer, nil
}

// postAdmin sends a request to the running control plane.
func postAdmin(ctx context.Context, cfg config.Config, path string) (*http.Response, error) {
	return postAdminBody(ctx, cfg, path, nil)
}

func postAdminBody(ctx context.Context, cfg config.Config, path string, body io.Reader) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", cfg.AdminSocket())
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, platform.Errorf(platform.Unavailable, "not_running", "Lugsail does not answer on this machine.").
			WithHint("Run this as root on the server. Is it started? See: lugsail service status").Because(err)
	}
	if response.StatusCode == http.StatusNotFound {
		_ = response.Body.Close() // nothing of it is wanted
		return nil, notKnown(cfg)
	}
	return response, nil
}

// notKnown says why the control plane does not know a command: it is in safe mode, as the record of crashes
// tells, or it is of before an upgrade.
func notKnown(cfg config.Config) *platform.Error {
	crashes, err := service.ReadCrashes(cfg.RunDir, time.Now)
	if err != nil || crashes.Safe() {
		return inSafeMode(cfg)
	}
	return platform.Errorf(platform.Unavailable, "control_plane_older", "The Lugsail that runs on this machine does not know this command: it is another one than the program that asks.").
		WithHint("Start the one that is installed, then repeat the command: lugsail service restart")
}

// inSafeMode is answered for what only a control plane can do that has started, with the reason why it has not.
func inSafeMode(cfg config.Config) *platform.Error {
	crashes, err := service.ReadCrashes(cfg.RunDir, time.Now)
	if err != nil || crashes.Reason == nil {
		return platform.Errorf(platform.Unavailable, "safe_mode", "Lugsail is in safe mode: the control plane cannot start. Apps go on.").
			WithHint("`lugsail service status` says why; `lugsail service logs` has the details.").Because(err)
	}
	hint := "Then: lugsail service restart. It is also tried again by itself. `lugsail service logs` has the details."
	if crashes.Reason.Hint != "" {
		hint = strings.TrimRight(crashes.Reason.Hint, ".") + ". " + hint
	}
	return platform.Errorf(platform.Unavailable, "safe_mode", "Lugsail is in safe mode: the control plane cannot start. Apps go on. %s", crashes.Reason.Message).WithHint("%s", hint)
}

// troubleTrailer carries the error of an answer that was streamed.
const troubleTrailer = "Lugsail-Trouble"

func fromPlatform(err error) string {
	if err == nil {
		return ""
	}
	b, marshalErr := json.Marshal(platform.AsError(err))
	if marshalErr != nil {
		return err.Error()
	}
	return url.QueryEscape(string(b))
}

func asPlatform(trailer string) error {
	if trailer == "" {
		return nil
	}
	text, err := url.QueryUnescape(trailer)
	if err != nil {
		text = trailer
	}
	var e platform.Error
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return errors.New(text)
	}
	return &e
}
