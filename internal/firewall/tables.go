package firewall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/command"
)

// backends are the endings of programs that keep rules in different places of one kernel. Docker
// takes the plain name; what that means may have changed since it started.
var backends = []string{"", "-nft", "-legacy"}

// table is the filter table of one family, kept by one program.
type table struct {
	family  family
	program string // "iptables-legacy"
}

// legacyInUse looks whether the kernel has a filter table of the old kind: asking for one makes it.
func (f family) legacyInUse() bool {
	file := "/proc/thread-self/net/ip_tables_names"
	if f.six {
		file = "/proc/thread-self/net/ip6_tables_names"
	}
	names, err := os.ReadFile(file)
	return err == nil && slices.Contains(strings.Fields(string(names)), "filter")
}

// errMissing says that the machine has no program for the rules.
var errMissing = errors.New("there is no program iptables on this machine")

// find chooses the program whose tables Docker uses, or the plain one where it uses none.
func find(ctx context.Context, f family) (table, listing, error) {
	var plain table
	var found listing
	err := errMissing
	for _, ending := range backends {
		t := table{f, f.program + ending}
		if command.Find(t.program) == "" || ending == "-legacy" && !f.legacyInUse() {
			continue
		}
		l, listErr := t.list(ctx)
		switch {
		case listErr != nil && ending == "":
			err = listErr
		case listErr != nil:
		case l.dockers():
			return t, l, nil
		case plain.program == "":
			plain, found, err = t, l, nil
		}
	}
	return plain, found, err
}

func (t table) list(ctx context.Context) (listing, error) {
	out, err := command.Command{Name: t.program, Args: []string{"-w", "5", "-S"}}.Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the rules: %w", err)
	}
	return parseListing(string(out)), nil
}

// change makes all changes at once, or none.
func (t table) change(ctx context.Context, lines []string) error {
	text := "*filter\n" + strings.Join(lines, "\n") + "\nCOMMIT\n"
	program, ending, _ := strings.Cut(t.program, "-")
	if ending != "" {
		ending = "-" + ending
	}
	c := command.Command{Name: program + ending + "-restore", Args: []string{"-w", "5", "--noflush"}, Stdin: bytes.NewReader([]byte(text))}
	if err := c.Run(ctx); err != nil {
		return fmt.Errorf("putting rules in: %w", err)
	}
	return nil
}

// put fills our chains and leads to them, whatever there was of them before.
func (t table) put(ctx context.Context, c Config, resolvers []netip.Addr, before listing) error {
	lines := []string{":" + c.input() + " - [0:0]", ":" + c.forward() + " - [0:0]"}
	for _, rule := range c.inputRules(t.family, resolvers) {
		lines = append(lines, "-A "+c.input()+" "+rule)
	}
	for _, rule := range c.forwardRules(t.family, resolvers) {
		lines = append(lines, "-A "+c.forward()+" "+rule)
	}
	for _, way := range []jump{{"INPUT", c.input()}, {before.hook(), c.forward()}} {
		if before.hooked(way.rule, way.chain) {
			continue
		}
		for _, old := range before.jumps(way.rule) {
			lines = append(lines, "-D "+old.chain+" "+old.rule)
		}
		lines = append(lines, "-I "+way.chain+" 1 -j "+way.rule)
	}
	return t.change(ctx, lines)
}

// makeRoom makes the chain that Docker asks first, as Docker itself would.
func (t table) makeRoom(ctx context.Context) error {
	return t.change(ctx, []string{":DOCKER-USER - [0:0]", "-A DOCKER-USER -j RETURN", "-I FORWARD 1 -j DOCKER-USER"})
}

// remove takes our chains away, and what leads to them.
func (t table) remove(ctx context.Context, c Config) error {
	l, err := t.list(ctx)
	if err != nil {
		return err
	}
	var jumps, chains []string
	for _, name := range []string{c.input(), c.forward()} {
		if !l.has(name) {
			continue
		}
		for _, j := range l.jumps(name) {
			jumps = append(jumps, "-D "+j.chain+" "+j.rule)
		}
		chains = append(chains, "-F "+name, "-X "+name)
	}
	if len(chains) == 0 {
		return nil
	}
	return t.change(ctx, append(jumps, chains...))
}

// Remove takes all rules of an installation away, from wherever they may be.
func Remove(ctx context.Context, c Config) error {
	var all error
	for _, f := range present() {
		for _, ending := range backends {
			t := table{f, f.program + ending}
			if command.Find(t.program) == "" || ending == "-legacy" && !f.legacyInUse() {
				continue
			}
			if err := t.remove(ctx, c); err != nil && ending == "" {
				all = errors.Join(all, err) // the kernel may not know the others
			}
		}
	}
	return all
}

// present are the families that this kernel speaks.
func present() []family {
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		return families[:1]
	}
	return families
}

// state is what the kernel listed of ours, to be compared with what it lists later.
func (l listing) state(c Config) []string {
	return slices.Concat(l[c.input()], []string{"|"}, l[c.forward()])
}
