package gitserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/platform"
)

// What one connection may ask for beside git.
const (
	mostChannels = 100 // one after the other: clients that share a connection
	mostAtOnce   = 8
	mostRequests = 64 // that are refused, for each channel and for the connection
	farewell     = 2 * time.Second
)

// visit is one SSH connection.
type visit struct {
	*sshDoor
	conn    net.Conn
	source  string // IP address
	network string
	strange []string // fingerprints that were offered and are not known

	shaking sync.Mutex
	entered bool // the key exchange is over; guarded by shaking

	fingerprint string // of the key that has signed
	actor       platform.Actor
	open        atomic.Int32 // channels
	sessions    sync.WaitGroup
}

// fingerprintOf is where the key that has signed stands in ssh.Permissions. What was only offered
// stands nowhere.
const fingerprintOf = "fingerprint"

// shakeHands is everything up to a key that is known and has signed.
func (v *visit) shakeHands() (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	if err := v.conn.SetDeadline(time.Now().Add(v.cfg.SSH.Machine)); err != nil {
		return nil, nil, nil, err
	}
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-Lugsail", MaxAuthTries: 12, PublicKeyCallback: v.offered,
		PublicKeyAuthAlgorithms: []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512,
		},
	}
	v.mu.Lock()
	config.AddHostKey(curious{v.key.signer, v.waitForPerson})
	v.mu.Unlock()
	server, channels, requests, err := ssh.NewServerConn(v.conn, config)
	if err != nil {
		return nil, nil, nil, err
	}
	v.fingerprint = server.Permissions.Extensions[fingerprintOf]
	if v.actor, err = v.who(context.Background()); err != nil {
		return nil, nil, nil, err
	}
	return server, channels, requests, v.comeIn()
}

// waitForPerson gives a person time once the client has done its part. The host key is used again
// whenever a client exchanges keys anew, which it does now and then in a large push: then nobody waits.
func (v *visit) waitForPerson() {
	v.shaking.Lock()
	defer v.shaking.Unlock()
	if !v.entered {
		_ = v.conn.SetDeadline(time.Now().Add(v.cfg.SSH.Person)) // a broken connection shows by itself
	}
}

// comeIn ends the time of the key exchange.
func (v *visit) comeIn() error {
	v.shaking.Lock()
	defer v.shaking.Unlock()
	v.entered = true
	return v.conn.SetDeadline(time.Time{})
}

// Sign tells that the client has done its part.
func (c curious) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	c.used()
	return c.Signer.Sign(rand, data)
}

func (v *visit) who(ctx context.Context) (platform.Actor, error) {
	return v.gate.AuthenticateKey(ctx, v.fingerprint, v.source)
}

// offered is asked for each key that a client has. To know it is not enough: it must sign.
func (v *visit) offered(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	ctx, cancel := context.WithTimeout(v.life, 10*time.Second)
	defer cancel()
	fingerprint := ssh.FingerprintSHA256(key)
	err := v.gate.KnowsKey(ctx, fingerprint)
	if err == nil {
		return &ssh.Permissions{Extensions: map[string]string{fingerprintOf: fingerprint}}, nil
	}
	if !platform.IsKind(err, platform.Unauthenticated) {
		v.cfg.Log.Error("an SSH key could not be looked up", "error", err)
		return nil, &ssh.BannerError{Err: err, Message: lines(platform.AsError(err))}
	}
	v.strange = append(v.strange, fingerprint)
	if v.isSpare(fingerprint) {
		return nil, err
	}
	hint := platform.AsError(err).Hint
	return nil, &ssh.BannerError{Err: err, Message: fmt.Sprintf("Lugsail does not know your key %s.\r\n%s\r\n", fingerprint, hint)}
}

// isSpare reports whether the key is one of a person who has a right one too, and has heard of it.
func (d *sshDoor) isSpare(fingerprint string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spare[fingerprint]
}

// stay serves a connection that has shown its key.
func (v *visit) stay(server *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	if !v.welcome(v) {
		v.cfg.Log.Warn("too many SSH connections", "account", v.actor.Name, "source", v.source)
		return
	}
	defer v.goodbye(v)
	ctx, cancel := context.WithCancel(v.life)
	defer cancel()
	var parts sync.WaitGroup
	parts.Go(func() { v.endWithItsKey(ctx) })
	parts.Go(func() { v.refuseRequests(requests, mostRequests) })
	v.serveChannels(ctx, channels)
	cancel()
	_ = server.Close() // whoever broke it off
	v.sessions.Wait()
	parts.Wait()
}

// endWithItsKey closes the connection when its key or account is gone. What runs has a moment
// to say so itself.
func (v *visit) endWithItsKey(ctx context.Context) {
	allowed := func(ctx context.Context) error { _, err := v.who(ctx); return err }
	watched, stop := v.whileAllowed(ctx, allowed)
	defer stop()
	<-watched.Done()
	if ctx.Err() != nil {
		return
	}
	timer := time.NewTimer(farewell)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	_ = v.conn.Close() // nothing more is to be said
}

// refuseRequests answers no to everything, but not for ever.
func (v *visit) refuseRequests(requests <-chan *ssh.Request, most int) {
	refused := 0
	for r := range requests {
		if r.Type != "keepalive@openssh.com" {
			refused++
		}
		if refused > most {
			_ = v.conn.Close() // nobody means that
		}
		if r.WantReply {
			_ = r.Reply(false, nil) // a broken connection ends the loop
		}
	}
}

// serveChannels opens sessions until the connection ends, or nothing happens on it any more.
func (v *visit) serveChannels(ctx context.Context, channels <-chan ssh.NewChannel) {
	idle := time.NewTicker(v.cfg.SSH.Patience)
	defer idle.Stop()
	for opened, busy := 0, true; ; {
		select {
		case <-ctx.Done():
			return
		case <-idle.C:
			if was := busy; !was && v.open.Load() == 0 {
				return
			}
			busy = v.open.Load() > 0
		case asked, ok := <-channels:
			if !ok || opened == mostChannels {
				return
			}
			opened, busy = opened+1, true
			v.answerChannel(ctx, asked)
		}
	}
}

func (v *visit) answerChannel(ctx context.Context, asked ssh.NewChannel) {
	switch {
	case asked.ChannelType() != "session":
		_ = asked.Reject(ssh.Prohibited, "this door serves git and SFTP alone, and forwards nothing") // a broken connection shows by itself
		return
	case v.open.Load() >= mostAtOnce:
		_ = asked.Reject(ssh.ResourceShortage, "too much at once on one connection") // likewise
		return
	}
	channel, requests, err := asked.Accept()
	if err != nil {
		return // the connection is gone
	}
	v.open.Add(1)
	v.sessions.Go(func() {
		defer v.open.Add(-1)
		defer channel.Close() //nolint:errcheck // it may be closed already
		v.session(ctx, channel, requests)
	})
}
