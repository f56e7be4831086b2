package gitserver

import "github.com/lugsail/lugsail/internal/disk"

// room refuses a push that could fill the disk: apps that run, and the engine, would stop. It is
// asked for before anything is sent, when git still shows people what the answer says.
func (s *Server) room() error {
	for _, dir := range []string{s.cfg.Dir, s.cfg.SourcesDir} {
		room, err := disk.RoomOf(dir)
		if err != nil {
			return err
		}
		least := room.LeastFree()
		if s.cfg.LeastFree > 0 {
			least = uint64(s.cfg.LeastFree)
		}
		if err := room.RefuseBelow(least, "a push"); err != nil {
			return err
		}
	}
	return nil
}
