package gitserver

import (
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// A git client asks for "git-receive-pack 'shop.git'"; the path of an ssh:// address begins with
// a slash. Nothing else is a command, so nothing is left that could be one for a shell.
var commandPattern = regexp.MustCompile(`^git[- ](upload-pack|receive-pack) '?/?([a-z0-9-]{1,63})(?:\.git)?/?'?$`)

// parseCommand reads what a client wants to run: a service of git, and an app's name, which is
// only looked up. Invalid, code ssh_command.
func parseCommand(text string) (service, app string, err error) {
	m := commandPattern.FindStringSubmatch(text)
	if m == nil || strings.Count(text, "'")%2 != 0 {
		return "", "", platform.Errorf(platform.Invalid, "ssh_command", "%s", notServed(text)).
			WithHint("Push: git push lugsail main   Everything else: the lugsail command, or the console.")
	}
	return "git-" + m[1], m[2], nil
}

// notServed says in a person's words what was tried.
func notServed(command string) string {
	word, _, _ := strings.Cut(command, " ")
	switch {
	case strings.HasPrefix(command, "git-upload-archive"), strings.HasPrefix(command, "git upload-archive"):
		return "git archive is not served here; clone instead."
	case strings.HasPrefix(command, "git-lfs"):
		return "Git LFS is not served here. To push without its files: git push --no-verify lugsail main"
	case strings.HasPrefix(command, "git-"), word == "git":
		return "There is no app at that address. It is ssh://git@SERVER:PORT/APP.git."
	case word == "scp", word == "rsync", word == "sftp":
		return "Files of volumes are copied by the sftp protocol alone: sftp -P PORT git@SERVER, or a new scp without -O."
	}
	return "This door serves git and SFTP alone, and runs no commands."
}
