package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Allowed is a destination that the owner opens to apps and builds. A prefix of all addresses with
// port 25 lets them send mail.
type Allowed struct {
	Net  netip.Prefix
	Port int // 0 means all ports
}

// Config says whose bridges the rules are about, and what they may reach.
type Config struct {
	Tag      string         // of this installation; ends the names of our chains
	Apps     string         // pattern of the apps' bridges: "lugab12+"
	Builds   string         // the bridge of builds
	Ports    []int          // of this machine, open to apps and builds: the proxy's
	Registry netip.AddrPort // open to builds
	Allow    []Allowed
	steps    Steps
}

// Steps is a bridge of the engine's own on which steps of a build run, beside containers of the
// owner's. What is not known to be one of those is taken for a step.
type Steps struct {
	Bridge string       // "" when no such build runs
	Apart  []netip.Addr // of the owner's containers: nothing changes for them
}

func (s Steps) equal(other Steps) bool {
	return s.Bridge == other.Bridge && slices.Equal(s.Apart, other.Apart)
}

// exempt lets go what the owner's containers send.
func (s Steps) exempt(f family) []string {
	var rules []string
	for _, a := range s.Apart {
		if f.has(a) {
			rules = append(rules, "-i "+s.Bridge+" -s "+a.String()+returns)
		}
	}
	return rules
}

// family is one of the two sets of tables that the kernel has.
type family struct {
	program   string // the plain name; -nft and -legacy follow it
	six       bool
	linkLocal []netip.Prefix // closed to apps and builds
	private   []netip.Prefix // closed to builds
}

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

var families = []family{
	{
		program: "iptables", linkLocal: prefixes("169.254.0.0/16"),
		private: prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
	},
	{
		program: "ip6tables", six: true,
		linkLocal: prefixes("fe80::/10", "fd00:ec2::/32"), // a cloud's metadata has an address of its own there
		private:   prefixes("fc00::/7"),
	},
}

// has reports whether an address is of this family.
func (f family) has(a netip.Addr) bool { return a.Is6() == f.six }

// others are bridges of the owner's own containers.
var others = []string{"docker+", "br-+"}

// chains are the names of ours; the kernel allows 28 characters.
func (c Config) input() string   { return "LUGSAIL-INPUT-" + c.Tag }
func (c Config) forward() string { return "LUGSAIL-FORWARD-" + c.Tag }

const (
	established = "-m conntrack --ctstate RELATED,ESTABLISHED"
	returns     = " -j RETURN"
	accepts     = " -j ACCEPT"
)

// rejects answers at once, so that a program does not wait minutes for what will never come.
func (f family) rejects() string {
	if f.six {
		return " -j REJECT --reject-with icmp6-adm-prohibited"
	}
	return " -j REJECT --reject-with icmp-admin-prohibited"
}

// inputRules are about what bridges send to this machine itself.
func (c Config) inputRules(f family, resolvers []netip.Addr) []string {
	var rules []string
	for _, bridge := range []string{c.Apps, c.Builds} {
		rules = append(rules, c.entering(f, bridge, resolvers)...)
	}
	if c.steps.Bridge != "" {
		rules = append(append(rules, c.steps.exempt(f)...), c.entering(f, c.steps.Bridge, resolvers)...)
	}
	return rules
}

func (c Config) entering(f family, bridge string, resolvers []netip.Addr) []string {
	from := "-i " + bridge + " "
	rules := []string{from + established + accepts}
	for _, a := range c.allowed(f) {
		for _, to := range a.destinations("-d ", " --dport ") {
			rules = append(rules, from+to+accepts)
		}
	}
	for _, to := range nameServers(f, resolvers) {
		rules = append(rules, from+to+accepts)
	}
	for _, port := range c.Ports {
		rules = append(rules, from+"-p tcp --dport "+strconv.Itoa(port)+accepts)
	}
	if bridge == c.Builds && c.Registry.IsValid() && f.has(c.Registry.Addr()) {
		rules = append(rules, fmt.Sprintf("%s-d %s -p tcp --dport %d%s", from, c.Registry.Addr(), c.Registry.Port(), accepts))
	}
	return append(rules, strings.TrimSpace(from)+f.rejects())
}

// forwardRules are about what bridges send through this machine, and what is sent to them.
func (c Config) forwardRules(f family, resolvers []netip.Addr) []string {
	rules := []string{established + returns}
	for _, bridge := range []string{c.Apps, c.Builds} {
		rules = append(rules, c.leaving(f, bridge, resolvers)...)
	}
	// The proxy is on this machine, and what it sends is not forwarded: nobody else speaks to apps.
	rules = append(rules, "-o "+c.Apps+f.rejects(), "-o "+c.Builds+f.rejects())
	if c.steps.Bridge != "" {
		rules = append(append(rules, c.steps.exempt(f)...), c.leaving(f, c.steps.Bridge, resolvers)...)
	}
	return rules
}

func (c Config) leaving(f family, bridge string, resolvers []netip.Addr) []string {
	from := "-i " + bridge + " "
	var rules []string
	if bridge == c.Apps {
		rules = append(rules, from+"-m physdev --physdev-is-bridged"+returns) // from replica to replica of one app
	}
	rules = append(rules, from+"-o lug+"+f.rejects()) // whatever the owner allows, not this
	for _, a := range c.allowed(f) {
		for _, to := range a.destinations("-m conntrack --ctorigdst ", " --ctorigdstport ") {
			rules = append(rules, from+to+returns)
		}
	}
	for _, to := range nameServers(f, resolvers) {
		rules = append(rules, from+to+returns)
	}
	rules = append(rules, from+"-m conntrack --ctstate DNAT"+f.rejects()) // ports that other containers publish here
	for _, other := range others {
		rules = append(rules, from+"-o "+other+f.rejects())
	}
	if bridge == c.steps.Bridge {
		rules = append(rules, from+"-o "+bridge+f.rejects())
	}
	closed := f.linkLocal
	if bridge != c.Apps {
		closed = append(append([]netip.Prefix{}, closed...), f.private...)
	}
	for _, p := range closed {
		rules = append(rules, from+"-d "+p.String()+f.rejects())
	}
	return append(rules, from+"-p tcp --dport 25"+f.rejects())
}

func (c Config) allowed(f family) []Allowed {
	var of []Allowed
	for _, a := range c.Allow {
		if f.has(a.Net.Addr()) {
			of = append(of, a)
		}
	}
	return of
}

// destinations spells what is allowed with the matches of the chain: a forwarded packet may have
// another destination by now than the one that was asked for.
func (a Allowed) destinations(address, port string) []string {
	if a.Port == 0 {
		return []string{address + a.Net.String()}
	}
	var all []string
	for _, protocol := range []string{"tcp", "udp"} {
		if strings.HasPrefix(address, "-m") {
			all = append(all, fmt.Sprintf("-p %s %s%s%s %d", protocol, address, a.Net, strings.TrimRight(port, " "), a.Port))
			continue
		}
		all = append(all, fmt.Sprintf("%s%s -p %s%s%d", address, a.Net, protocol, port, a.Port))
	}
	return all
}

func nameServers(f family, resolvers []netip.Addr) []string {
	var all []string
	for _, r := range resolvers {
		if !f.has(r) {
			continue
		}
		for _, protocol := range []string{"udp", "tcp"} {
			all = append(all, fmt.Sprintf("-d %s -p %s --dport 53", r, protocol))
		}
	}
	return all
}
