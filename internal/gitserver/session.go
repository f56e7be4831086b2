package gitserver

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/platform"
)

// session is one channel: a client says what it wants, once.
func (v *visit) session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	late := time.AfterFunc(v.cfg.SSH.Machine, func() { _ = v.conn.Close() }) // a client asks at once
	defer late.Stop()
	refused := 0
	for r := range requests {
		text, ok := wanted(r)
		if !ok {
			if refused++; refused > mostRequests {
				_ = v.conn.Close() // nobody means that
			}
			if r.WantReply {
				_ = r.Reply(false, nil) // a broken connection ends the loop
			}
			continue
		}
		late.Stop()
		if r.WantReply {
			_ = r.Reply(true, nil) // likewise
		}
		var rest sync.WaitGroup
		rest.Go(func() { v.refuseRequests(requests, mostRequests) })
		v.answer(ctx, channel, r.Type, text)
		_ = channel.Close() // ends what still comes in
		rest.Wait()
		return
	}
}

// wanted reads what a client wants to run. Its environment, a terminal, forwarding of displays
// and agents are not wanted.
func wanted(r *ssh.Request) (text string, ok bool) {
	var payload struct{ Text string }
	switch r.Type {
	case "shell":
		return "", true
	case "exec", "subsystem":
		err := ssh.Unmarshal(r.Payload, &payload)
		return payload.Text, err == nil
	}
	return "", false
}

// answer runs one service of git, lets somebody have files, or says what this door is for.
func (v *visit) answer(ctx context.Context, channel ssh.Channel, kind, text string) {
	var err error
	switch {
	case kind == "exec":
		err = v.serveGit(ctx, channel, text)
	case kind == "shell":
		err = platform.Errorf(platform.Invalid, "ssh_shell", "Hello %s. Your key is right, and this door serves git and SFTP alone: there is no shell.", v.actor.Name).
			WithHint("A shell inside an app: lugsail run --app APP bash")
	case text == "sftp" && v.cfg.Files != nil:
		err = v.serveFiles(ctx, channel)
	default:
		err = platform.Errorf(platform.Invalid, "ssh_command", "This door serves git and SFTP alone.").
			WithHint("Push: git push lugsail main   Files of volumes: sftp -P PORT git@SERVER")
	}
	if err == nil {
		return
	}
	e := platform.AsError(err)
	if e.Kind == platform.Internal && v.life.Err() == nil {
		v.cfg.Log.ErrorContext(ctx, "SSH could not be served", "account", v.actor.Name, "error", err)
	}
	_, _ = io.WriteString(channel.Stderr(), lines(e)) // the client may have gone
	end(channel, 1)
}

// serveFiles ends with its client, and with the right to it.
func (v *visit) serveFiles(ctx context.Context, channel ssh.Channel) error {
	err := v.cfg.Files.Serve(ctx, v.who, channel, channel.Stderr())
	if err == nil {
		end(channel, 0)
	}
	return err
}

// lines writes an error for a terminal that may be a raw one.
func lines(e *platform.Error) string {
	text := clean(e.Message) + "\r\n"
	if e.Hint != "" {
		text += clean(e.Hint) + "\r\n"
	}
	return text
}

// end tells the client the exit status, and that nothing more comes.
func end(channel ssh.Channel, status uint32) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status})) // the client may have gone
	_ = channel.CloseWrite()                                                                       // likewise
}

// serveGit runs the service that the command names, when whoever asks may.
func (v *visit) serveGit(ctx context.Context, channel ssh.Channel, text string) error {
	c := call{}
	var err error
	if c.service, c.name, err = parseCommand(text); err != nil {
		return err
	}
	if err := v.enter(ctx, &c, v.who, ""); err != nil {
		return err
	}
	done, err := v.begin(c)
	if err != nil {
		return err
	}
	defer done()
	if c.repo, err = v.repository(ctx, c.app); err != nil {
		return err
	}
	l := newLine(v, channel)
	defer l.close()
	if c.service == uploadPack {
		return v.uploadOverSSH(ctx, l, c)
	}
	return v.receiveOverSSH(ctx, l, c)
}

// uploadOverSSH serves a clone or fetch. It ends with its client, and with the right to it.
func (v *visit) uploadOverSSH(ctx context.Context, l *line, c call) error {
	ctx, stop := v.whileAllowed(ctx, c.allowed)
	defer stop()
	l.in, l.pace = bufio.NewReader(io.LimitReader(l.channel, maxFetchRequest)), v.fetchPace()
	err := stream(ctx, v.git("", nil, "upload-pack", c.repo), l, l, l.delivered)
	if cause := context.Cause(ctx); refusal(cause) {
		_, _ = io.WriteString(l.channel.Stderr(), lines(platform.AsError(cause))) // the client may have gone
	}
	if err != nil {
		v.cfg.Log.InfoContext(ctx, "a fetch ended early", "app", c.app.Name, "error", err)
	}
	return nil
}

// receiveOverSSH serves a push, in the two steps in which it comes by HTTPS: what the client sends
// first says whether it is a shallow one, and git must know that before it starts.
func (v *visit) receiveOverSSH(ctx context.Context, l *line, c call) error {
	refs, err := v.refs(ctx, c, "")
	if err != nil {
		return err
	}
	if _, err := l.Write(refs); err != nil {
		return nil // the client has gone
	}
	l.swallow = true
	head, _ := l.in.Peek(4)          // an error comes again with the next read
	if string(head) == flushPacket { // up to date
		end(l.channel, 0)
		return nil
	}
	if len(head) < 4 {
		return nil
	}
	head, _ = l.in.Peek(4 + len(shallowLine)) // likewise
	l.pace = v.pushPace()
	p := v.register(c, strings.HasSuffix(string(head), shallowLine))
	defer v.unregister(p)
	if err := stream(v.life, v.receiving(p), l, l, l.delivered); err != nil {
		v.cfg.Log.InfoContext(ctx, "a push ended early", "app", c.app.Name, "error", err)
	}
	return nil
}
