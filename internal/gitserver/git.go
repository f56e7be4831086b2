package gitserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/command"
)

// emptyTree is known to every git. Some versions take attributes from HEAD where there is
// no worktree; here they find none.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// settings hold for every git process. They come by -c and not from the repository, so
// that all repositories follow an upgrade.
var settings = []string{
	"gc.auto=0", "maintenance.auto=false", "receive.autogc=false", // tidyDaily does it, never a push
	"core.bigFileThreshold=32m", // larger files are streamed and not held in memory
	"core.packedGitWindowSize=16m", "core.packedGitLimit=256m", "core.deltaBaseCacheLimit=32m",
	"pack.threads=1", "pack.windowMemory=64m",
	"core.fsync=committed", "core.fsyncMethod=batch",
	"protocol.allow=never", // only Fetch goes to another host, and only by https
	"tar.umask=0022", "attr.tree=" + emptyTree,
	"receive.fsckObjects=true", "receive.shallowUpdate=true", "receive.keepAlive=5",
}

// settingsFor gives what older versions of git need. Before 2.36 it wrote single objects to the
// disk without waiting, and knew nothing of core.fsync; after a power cut they are empty, and
// the repository is broken. Newer ones warn of the old setting.
func settingsFor(version string) []string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "git version %d.%d", &major, &minor); err == nil && (major < 2 || major == 2 && minor < 36) {
		return []string{"core.fsyncObjectFiles=true"}
	}
	return nil
}

// harmless flaws of old commits, which fsck would refuse.
var harmless = []string{
	"badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail",
	"missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
	"multipleAuthors", "zeroPaddedDate", "zeroPaddedFilemode",
}

// git makes a command on a repository. env is added to the fixed environment. What comes
// from a pusher is in args only as a full hex id or behind "refs/", so it cannot be an option.
func (s *Server) git(repo string, env []string, args ...string) command.Command {
	full := make([]string, 0, 2*len(settings)+len(args)+8)
	for _, setting := range slices.Concat(settings, s.extra) {
		full = append(full, "-c", setting)
	}
	full = append(full, "-c", "core.hooksPath="+s.cfg.hooks())
	if repo != "" {
		full = append(full, "--git-dir="+repo)
	}
	return command.Command{
		Name: "git", Args: append(full, args...), Dir: s.cfg.home(),
		Env: append(s.environment(), env...),
		// a server that is killed takes its git processes along; they clean up on SIGTERM
		Attr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	}
}

func (s *Server) environment() []string {
	return []string{
		"HOME=" + s.cfg.home(), "XDG_CONFIG_HOME=" + s.cfg.home(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(s.cfg.home(), ".gitconfig"),
		"GIT_ATTR_NOSYSTEM=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOC_LIMIT=" + strconv.Itoa(512<<20), // for one object held in memory: a few bytes of delta can claim gigabytes
		"LC_ALL=C", "TZ=UTC",
	}
}

// receiveSettings are those of receive-pack alone; the branches are the ones that the server moves itself.
func (s *Server) receiveSettings(branches []string) []string {
	env := []string{"receive.maxInputSize=" + strconv.FormatInt(s.cfg.MaxPack, 10)}
	for _, id := range harmless {
		env = append(env, "receive.fsck."+id+"=ignore")
	}
	for _, branch := range branches {
		env = append(env, "receive.procReceiveRefs="+branch)
	}
	return env
}

// writeHome makes the only configuration file that git reads. safe.directory is not
// taken from -c by every version.
func writeHome(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	file, text := filepath.Join(home, ".gitconfig"), []byte("[safe]\n\tdirectory = *\n")
	if have, err := os.ReadFile(file); err == nil && bytes.Equal(have, text) {
		return nil // the disk may be full, and apps are to be served all the same
	}
	return atomicfile.Write(file, text, 0o600)
}

// linkHooks replaces the links, because the binary may have moved.
func linkHooks(dir, binary string) error {
	if !filepath.IsAbs(binary) {
		return fmt.Errorf("%s is not an absolute path", binary)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{preReceive, procReceive} {
		path := filepath.Join(dir, name)
		if have, err := os.Readlink(path); err == nil && have == binary {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if err := os.Symlink(binary, path); err != nil {
			return err
		}
	}
	return nil
}

// line runs git and gives its output without the last line's end.
func (s *Server) line(ctx context.Context, repo string, env []string, args ...string) (string, error) {
	out, err := s.git(repo, env, args...).Output(ctx)
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
