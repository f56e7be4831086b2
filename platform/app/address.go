package app

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform/route"
)

// Addresses says under which names things answer. A server has several: whoever came to the
// console at console.SUFFIX reaches apps at NAME.SUFFIX, and is told those.
type Addresses struct {
	Hosts    route.Hosts            // of an app, without those people added
	Consoles []string               // host names of the console, the main one first
	Port     int                    // of HTTPS; 443 is left out of URLs
	SSHPort  int                    // of git over SSH; 0 means that there is none
	IPs      []netip.Addr           // of this server; the first is for domain records
	Private  bool                   // that one is reached from its own network only
	Ours     func(host string) bool // names that no app may claim
}

// URL joins a host with the port when that is not 443.
func (a Addresses) URL(host string) string {
	if a.Port == 443 {
		return "https://" + host
	}
	return fmt.Sprintf("https://%s:%d", host, a.Port)
}

// ConsoleURL is the console's address for whoever came to it at asked; the main one when that is
// none of its names.
func (a Addresses) ConsoleURL(asked string) string { return a.URL(a.console(asked)) }

func (a Addresses) console(asked string) string {
	if slices.Contains(a.Consoles, asked) {
		return asked
	}
	return a.Consoles[0]
}

// hostsOf gives the names that an app has by itself, the one beside that console first.
func (a Addresses) hostsOf(name, asked string) []string {
	_, suffix, _ := strings.Cut(a.console(asked), ".")
	beside := name + "." + suffix
	hosts := slices.Clone(a.Hosts(name))
	if i := slices.Index(hosts, beside); i > 0 {
		hosts = slices.Insert(slices.Delete(hosts, i, i+1), 0, beside)
	}
	return hosts
}

// GitURL is the address of an app's repository by HTTPS, for whoever came to the console at asked.
func (a Addresses) GitURL(name, asked string) string {
	return a.ConsoleURL(asked) + "/git/" + name + ".git"
}

// SSHURL is the same by SSH; "" where there is none. Names below localhost are not known to every
// computer's SSH client, and localhost itself is.
func (a Addresses) SSHURL(name, asked string) string {
	if a.SSHPort == 0 {
		return ""
	}
	return fmt.Sprintf("ssh://git@%s:%d/%s.git", a.sshHost(asked), a.SSHPort, name)
}

// SFTP is the command that leads to a volume's files; "" where there is no SSH. The user name is of no meaning.
func (a Addresses) SFTP(app, volume, asked string) string {
	if a.SSHPort == 0 {
		return ""
	}
	return fmt.Sprintf("sftp -P %d lugsail@%s:/%s/%s", a.SSHPort, a.sshHost(asked), app, volume)
}

func (a Addresses) sshHost(asked string) string {
	host := a.console(asked)
	if strings.HasSuffix(host, ".localhost") {
		return "localhost"
	}
	return host
}
