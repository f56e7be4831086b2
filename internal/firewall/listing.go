package firewall

import (
	"slices"
	"strings"
)

// listing is the filter table as `iptables -S` prints it: rules by chain, in order.
type listing map[string][]string

func parseListing(text string) listing {
	l := listing{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "-N", "-P":
			if !l.has(fields[1]) {
				l[fields[1]] = nil // there, perhaps empty
			}
		case "-A":
			l[fields[1]] = append(l[fields[1]], strings.Join(fields[2:], " "))
		}
	}
	return l
}

func (l listing) has(chain string) bool {
	_, ok := l[chain]
	return ok
}

// jumps are the rules of all chains that lead to one.
func (l listing) jumps(to string) []jump {
	var found []jump
	for chain, rules := range l {
		for _, r := range rules {
			if r == "-j "+to || strings.HasSuffix(r, " -j "+to) {
				found = append(found, jump{chain, r})
			}
		}
	}
	return found
}

type jump struct{ chain, rule string }

// hook is the chain from which forwarded packets must come to us. DOCKER-USER is the first that
// Docker asks, and stays so; where Docker makes no rules, it is FORWARD itself.
func (l listing) hook() string {
	if l.has("DOCKER-USER") && slices.ContainsFunc(l["FORWARD"], func(r string) bool { return strings.HasSuffix(r, "-j DOCKER-USER") }) {
		return "DOCKER-USER"
	}
	return "FORWARD"
}

// dockers reports whether Docker keeps its rules here.
func (l listing) dockers() bool { return l.has("DOCKER-USER") || l.has("DOCKER") }

// hooked reports whether exactly one jump leads to a chain of ours, from where it must.
func (l listing) hooked(to, from string) bool {
	jumps := l.jumps(to)
	return len(jumps) == 1 && jumps[0] == jump{from, "-j " + to}
}
