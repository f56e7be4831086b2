package gitserver

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// What a client asks for before a fetch is small, also when it has many branches.
const maxFetchRequest = 32 << 20

// shallowLine is how the push of a shallow clone begins, behind the length of the line.
const shallowLine = "shallow "

// advertise lists the refs. Version 2 of the protocol has no heading.
func (s *Server) advertise(w http.ResponseWriter, r *http.Request, c call) {
	protocol := ""
	if c.service == uploadPack {
		protocol = gitProtocol(r)
	}
	out, err := s.refs(r.Context(), c, protocol)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	var heading bytes.Buffer
	if protocol != "version=2" {
		writePacket(&heading, "# service="+c.service+"\n")
		heading.WriteString(flushPacket)
	}
	w.Header().Set("Content-Type", "application/x-"+c.service+"-advertisement")
	_, _ = w.Write(append(heading.Bytes(), out...)) // the client may have gone
}

// upload serves a clone or fetch. It ends with its client.
func (s *Server) upload(w http.ResponseWriter, r *http.Request, c call) {
	in, out, err := open(w, r)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	defer out.close()
	ctx, stop := s.whileAllowed(r.Context(), c.allowed)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	w.Header().Set("Content-Type", "application/x-"+uploadPack+"-result")
	git := s.git("", protocolEnv(gitProtocol(r)), "upload-pack", "--stateless-rpc", c.repo)
	in.from = io.LimitReader(in.from, maxFetchRequest)
	in.pace, in.tired = s.fetchPace(), out.tell
	if err := stream(ctx, git, in, out, func(error) {}); err != nil && ctx.Err() == nil {
		out.slow = errors.Is(err, errFetchPace)
		s.cfg.Log.InfoContext(ctx, "a fetch ended early", "app", c.app.Name, "error", err)
	}
}

// receive serves a push. The process belongs to the server: a client that goes away once
// everything is sent changes nothing.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, c call) {
	in, out, err := open(w, r)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	defer out.close()
	out.swallow = true
	shallow, err := in.startsWith(shallowLine)
	if err != nil {
		s.deny(w, r, err)
		return
	}
	in.pace, in.tired = s.pushPace(), out.tell
	p := s.register(c, shallow)
	defer s.unregister(p)
	w.Header().Set("Content-Type", "application/x-"+receivePack+"-result")
	defer s.whileSending(r.Context(), c, in, out)()
	if err := stream(s.life, s.receiving(p), in, out, func(error) {}); err != nil {
		s.cfg.Log.InfoContext(r.Context(), "a push ended early", "app", c.app.Name, "error", err)
		if errors.Is(err, errPace) || refusal(err) {
			out.slow = true
			return // it has been said
		}
		panic(http.ErrAbortHandler) // after an answer that looks whole, the pusher's git would wait for the rest for ever
	}
}

// whileSending takes no more from a pusher who may no longer. What has come whole is for the hooks to decide.
func (s *Server) whileSending(ctx context.Context, c call, in *intake, out *outlet) (end func()) {
	allowed, stop := s.whileAllowed(ctx, c.allowed)
	told := make(chan struct{})
	unused := context.AfterFunc(allowed, func() {
		defer close(told)
		if cause := context.Cause(allowed); refusal(cause) && in.stop(cause) {
			out.tell(cause)
		}
	})
	return func() {
		if !unused() {
			<-told
		}
		stop()
	}
}

// receiving is the git that takes a push whose refs the client has seen.
func (s *Server) receiving(p *push) command.Command {
	var args []string
	for _, setting := range s.receiveSettings(p.own) {
		args = append(args, "-c", setting)
	}
	return s.git("", s.hookEnv(p), append(args, "receive-pack", "--stateless-rpc", p.repo)...)
}

// refs is git's list of what there is, as it stands at the beginning of a conversation.
func (s *Server) refs(ctx context.Context, c call, protocol string) ([]byte, error) {
	out, err := s.git("", protocolEnv(protocol), c.service[len("git-"):], "--stateless-rpc", "--advertise-refs", c.repo).Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing refs: %w", err)
	}
	return out, nil
}

// open makes both ends of the conversation; from here on both directions flow at once.
func open(w http.ResponseWriter, r *http.Request) (*intake, *outlet, error) {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil && r.ProtoMajor < 2 {
		return nil, nil, fmt.Errorf("reading and writing at once: %w", err)
	}
	in := &intake{from: r.Body, control: control}
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip", "x-gzip":
		if err := in.extend(); err != nil {
			return nil, nil, err
		}
		unzip, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, nil, platform.Errorf(platform.Invalid, "body_unreadable", "The body is not gzip data.").Because(err)
		}
		in.from = unzip
	default:
		return nil, nil, platform.Errorf(platform.Invalid, "encoding_unknown", "This content encoding is not known here.")
	}
	return in, &outlet{to: w, control: control}, nil
}

// gitProtocol takes the client's wish only in the forms that exist.
func gitProtocol(r *http.Request) string {
	if v := r.Header.Get("Git-Protocol"); protocolPattern.MatchString(v) {
		return v
	}
	return ""
}

func protocolEnv(protocol string) []string {
	if protocol == "" {
		return nil
	}
	return []string{"GIT_PROTOCOL=" + protocol}
}
