package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Allowed is a destination that the owner opens to apps and builds. A prefix of all addresses with
// port 25 lets them send mail. Only one address may be this machine's own, and only port 25 itself
// opens that one.
type Allowed struct {
	Net  netip.Prefix
	Port int // 0 means all ports but 25
}

// wide reports whether so much is meant that nothing is named: the internet, and not what lies close by.
func (a Allowed) wide() bool { return a.Net.Bits() < 8 }

// Config says whose bridges the rules are about, and what they may reach.
type Config struct {
	Tag      string         // of this installation; ends the names of our chains
	Apps     string         // pattern of the apps' bridges: "lugab12+"
	Builds   string         // the bridge of builds
	Ports    []int          // of this machine, open to apps and builds: the proxy's
	Registry netip.AddrPort // open to builds
	Allow    []Allowed

	steps Steps
	plain bool // the kernel cannot tell what stays within one bridge
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
	program  string // the plain name; -nft and -legacy follow it
	six      bool
	metadata []netip.Prefix // of clouds, and what else is local to the link: closed to apps and builds
	private  []netip.Prefix // closed to builds
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
		program: "iptables", metadata: prefixes("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32"), // the last two are Alibaba's and Azure's
		private: prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
	},
	{
		program: "ip6tables", six: true,
		metadata: prefixes("fe80::/10", "fd00:ec2::/32"), // a cloud's metadata has an address of its own there
		private:  prefixes("fc00::/7"),
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
	own := func(a Allowed) bool { return a.Net.IsSingleIP() } // else this machine only happens to lie in it
	rules = append(rules, c.opened(f, from, arriving, own)...)
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
	if bridge == c.Apps && !c.plain {
		rules = append(rules, from+"-m physdev --physdev-is-bridged"+returns) // from replica to replica of one app
	}
	rules = append(rules, from+"-o lug+"+f.rejects()) // whatever the owner allows, not this
	rules = append(rules, c.opened(f, from, asked, func(a Allowed) bool { return !a.wide() })...)
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
	for _, p := range f.metadata {
		rules = append(rules, from+"-d "+p.String()+f.rejects())
	}
	rules = append(rules, c.opened(f, from, asked, Allowed.wide)...)
	if bridge != c.Apps {
		for _, p := range f.private {
			rules = append(rules, from+"-d "+p.String()+f.rejects())
		}
	}
	return append(rules, from+"-p tcp --dport 25"+f.rejects())
}

// spelling is how the rules of a chain name a destination. A forwarded packet may have another one by now
// than the one that was asked for.
type spelling struct{ match, address, port, through string }

var (
	arriving = spelling{"", "-d ", "--dport ", accepts}
	asked    = spelling{"-m conntrack ", "--ctorigdst ", "--ctorigdstport ", returns}
)

// opened lets through what the owner allows. All ports are all but 25: who opens a network for what is in
// it does not mean mail, which gets the server's address onto block lists.
func (c Config) opened(f family, from string, to spelling, of func(Allowed) bool) []string {
	var rules []string
	for _, a := range c.Allow {
		if !f.has(a.Net.Addr()) || !of(a) {
			continue
		}
		net := to.match + to.address + a.Net.String()
		if a.Port == 0 {
			rules = append(rules, from+"! -p tcp "+net+to.through, from+"-p tcp "+net+" ! "+to.port+"25"+to.through)
			continue
		}
		for _, protocol := range []string{"tcp", "udp"} {
			rules = append(rules, fmt.Sprintf("%s-p %s %s %s%d%s", from, protocol, net, to.port, a.Port, to.through))
		}
	}
	return rules
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
