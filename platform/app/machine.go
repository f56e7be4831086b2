package app

import (
	"context"
	"io"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// ServerFacts are what the server says of itself to its owner.
type ServerFacts struct {
	Version     string
	Program     string    // where the program lies
	InstalledAt time.Time // when it was put there; zero when that is not known
	StartedAt   time.Time // of the control plane
	Previous    bool      // the program before lies beside it
	System      string    // "Debian GNU/Linux 12 (bookworm)"
	Kernel      string
	Engine      string // version of Docker; "" when it does not answer
	Database    string // what it is, and where; without a password
	DataDir     string
	KeyFile     string // of the key that seals secrets
}

// DatabaseCopy is a copy of Lugsail's own database on this server.
type DatabaseCopy struct {
	Path  string
	At    time.Time
	Why   string
	Bytes int64
}

// Machine tells and does what only the server itself can.
type Machine interface {
	Facts(ctx context.Context) ServerFacts
	Certificates(ctx context.Context) ([]platform.ServedCertificate, error)
	Copies(ctx context.Context) []DatabaseCopy // newest first
	Copy(ctx context.Context) (DatabaseCopy, error)
	// Diagnose writes an archive that helps to find out what is wrong, and holds no secret.
	Diagnose(ctx context.Context, to io.Writer, findings []observe.Finding) error
}

func (s *Service) machine(actor platform.Actor) (Machine, error) {
	if !platform.Can(actor, platform.ActionServer, actor.AppID) {
		return nil, forbidden()
	}
	if s.Machine == nil {
		return nil, platform.Errorf(platform.Unavailable, "machine_missing", "This server cannot be looked at from here.").
			WithHint("As root on the server: lugsail service status")
	}
	return s.Machine, nil
}

// ServerFacts tells what this server is. For the owner only, as are those below.
func (s *Service) ServerFacts(ctx context.Context, actor platform.Actor) (ServerFacts, error) {
	m, err := s.machine(actor)
	if err != nil {
		return ServerFacts{}, err
	}
	return m.Facts(ctx), nil
}

// Certificates tells what visitors of every name are shown.
func (s *Service) Certificates(ctx context.Context, actor platform.Actor) ([]platform.ServedCertificate, error) {
	m, err := s.machine(actor)
	if err != nil {
		return nil, err
	}
	return m.Certificates(ctx)
}

// DatabaseCopies lists the copies of Lugsail's own database, newest first.
func (s *Service) DatabaseCopies(ctx context.Context, actor platform.Actor) ([]DatabaseCopy, error) {
	m, err := s.machine(actor)
	if err != nil {
		return nil, err
	}
	return m.Copies(ctx), nil
}

// CopyDatabase writes a copy now.
func (s *Service) CopyDatabase(ctx context.Context, actor platform.Actor) (DatabaseCopy, error) {
	m, err := s.machine(actor)
	if err != nil {
		return DatabaseCopy{}, err
	}
	made, err := m.Copy(ctx)
	if err != nil {
		return made, err
	}
	s.event(ctx, actor, platform.App{}, "database.copied", "A copy of the database was made")
	return made, nil
}

// Diagnose writes an archive for whoever helps with a problem: versions, findings, settings without secrets,
// states and last log lines of Lugsail's own processes. It holds no config var, no token and no line of an app.
func (s *Service) Diagnose(ctx context.Context, actor platform.Actor, to io.Writer) error {
	m, err := s.machine(actor)
	if err != nil {
		return err
	}
	var findings []observe.Finding
	if s.Doctor != nil {
		if findings, err = s.ExamineServer(ctx, actor); err != nil {
			return err
		}
	}
	s.event(ctx, actor, platform.App{}, "server.diagnostics", "The diagnostics were downloaded")
	return m.Diagnose(ctx, to, findings)
}
