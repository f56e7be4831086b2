package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

type sshKey struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	Fingerprint string     `json:"fingerprint"`
	LastUsedAt  *time.Time `json:"last_used_at"`
}

type sshDoor struct {
	Port        int    `json:"port"`
	Fingerprint string `json:"fingerprint"`
}

// publicKeys are the files that ssh-keygen makes, the best kind first.
var publicKeys = []string{"id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"}

func (p *program) keys() *cobra.Command {
	list := func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args)
		}
		return p.listKeys(cmd.Context())
	}
	c := &cobra.Command{Use: "keys", Short: "Show, add and remove the SSH keys that git knows you by", Args: cobra.ArbitraryArgs, RunE: list}
	c.AddCommand(&cobra.Command{Use: "list", Short: "Show your SSH keys", Args: args(0, 0), RunE: list}, p.keyAdd(), p.keyRemove())
	return c
}

func (p *program) listKeys(ctx context.Context) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	var answer struct{ Keys []sshKey }
	raw, err := c.call(ctx, http.MethodGet, "/api/v1/keys", nil, &answer)
	if err != nil {
		return err
	}
	var server struct{ SSH *sshDoor }
	if _, err := c.call(ctx, http.MethodGet, "/api/v1/server", nil, &server); err != nil {
		return err
	}
	return p.answer(raw, func() {
		if len(answer.Keys) == 0 {
			p.printf("You have no SSH keys here yet. Add yours: lugsail keys add\n")
		} else {
			rows := [][]string{{"ID", "NAME", "KIND", "FINGERPRINT", "LAST USED"}}
			for _, k := range answer.Keys {
				rows = append(rows, []string{k.ID, k.Name, k.Kind, k.Fingerprint, lastUse(k.LastUsedAt)})
			}
			p.table(rows)
		}
		p.tellDoor(server.SSH)
	})
}

// tellDoor says how to know the right server at the first visit. It comes by a connection that is
// trusted already.
func (p *program) tellDoor(door *sshDoor) {
	if door == nil {
		p.note("Git over SSH is off on this server.\n")
		return
	}
	p.note("\nAt the first visit SSH shows this server's fingerprint. The right one is:\n  %s\n", door.Fingerprint)
}

func (p *program) keyAdd() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "add [FILE]", Short: "Add a public key; without FILE the one in ~/.ssh, with - from standard input", Args: args(0, 1),
		Example: "  lugsail keys add\n  lugsail keys add ~/.ssh/work.pub --name work\n  cat key.pub | lugsail keys add -",
		RunE: func(cmd *cobra.Command, args []string) error {
			text, file, err := p.readKey(args)
			if err != nil {
				return err
			}
			if _, err := platform.ParseSSHKey(text); err != nil { // a private half never leaves this computer
				return err
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ Key sshKey }
			raw, err := c.call(cmd.Context(), http.MethodPost, "/api/v1/keys", map[string]string{"key": text, "name": name}, &answer)
			if err != nil {
				return err
			}
			var server struct{ SSH *sshDoor }
			if _, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/server", nil, &server); err != nil {
				return err
			}
			return p.answer(raw, func() {
				p.printf("Added %s (%s %s)%s.\n", answer.Key.Name, answer.Key.Kind, answer.Key.Fingerprint, from(file))
				if server.SSH != nil {
					p.printf("Push over SSH from an app's folder:  lugsail remote --ssh && git push %s main\n", remote)
				}
				p.tellDoor(server.SSH)
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "for people; the key's comment when left out")
	return c
}

func from(file string) string {
	if file == "" {
		return ""
	}
	return " from " + file
}

// readKey reads the key that is meant: a file's, standard input's, or the person's usual one.
func (p *program) readKey(args []string) (text, file string, err error) {
	if len(args) == 0 && !p.interactive() && p.piped() || len(args) == 1 && args[0] == "-" {
		data, err := io.ReadAll(io.LimitReader(p.Stdin, 64<<10))
		if err != nil {
			return "", "", fmt.Errorf("reading standard input: %w", err)
		}
		return string(data), "", nil
	}
	if len(args) == 1 {
		text, err = readKeyFile(args[0])
		return text, args[0], err
	}
	dir := filepath.Join(p.env("HOME"), ".ssh")
	for _, name := range publicKeys {
		file = filepath.Join(dir, name)
		if text, err := readKeyFile(file); err == nil {
			return text, file, nil
		}
	}
	return "", "", platform.Errorf(platform.NotFound, "no_key", "There is no public SSH key in %s.", dir).
		WithHint("Make one: ssh-keygen -t ed25519   Then run this again. One elsewhere: lugsail keys add FILE")
}

// piped reports whether something was put into standard input on purpose.
func (p *program) piped() bool {
	if p.Stdin == nil {
		return false
	}
	info, err := p.Stdin.Stat()
	return err == nil && (info.Mode()&os.ModeNamedPipe != 0 || info.Mode().IsRegular() && info.Size() > 0)
}

func readKeyFile(file string) (string, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", platform.Errorf(platform.NotFound, "no_key", "There is no file %s.", file).WithHint("Public keys lie in ~/.ssh and end in .pub.")
	}
	if err != nil {
		return "", platform.Errorf(platform.Invalid, "key_unreadable", "%s cannot be read.", file).Because(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", platform.Errorf(platform.Invalid, "key_unreadable", "%s cannot be read.", file).Because(err)
	}
	return string(data), nil
}

func (p *program) keyRemove() *cobra.Command {
	c := &cobra.Command{
		Use: "remove KEY", Short: "Remove a key, by its id, name or fingerprint", Args: args(1, 1), Aliases: []string{"rm"},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			key, err := findKey(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, "/api/v1/keys/"+url.PathEscape(key.ID), nil, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"removed": key.ID}, "Removed %s (%s).\n", clean(key.Name), key.Fingerprint)
		},
	}
	c.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return offered(cmd, func(ctx context.Context) ([]string, error) {
			c, err := p.client()
			if err != nil {
				return nil, err
			}
			var answer struct{ Keys []sshKey }
			_, err = c.call(ctx, http.MethodGet, "/api/v1/keys", nil, &answer)
			var ids []string
			for _, k := range answer.Keys {
				ids = append(ids, cobra.CompletionWithDesc(k.ID, clean(k.Name)))
			}
			return ids, err
		})
	}
	return c
}

func findKey(ctx context.Context, c *client, said string) (sshKey, error) {
	var answer struct{ Keys []sshKey }
	if _, err := c.call(ctx, http.MethodGet, "/api/v1/keys", nil, &answer); err != nil {
		return sshKey{}, err
	}
	var found []sshKey
	for _, k := range answer.Keys {
		if k.ID == said || k.Fingerprint == said {
			return k, nil
		}
		if k.Name == said {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return sshKey{}, platform.Errorf(platform.NotFound, "key_not_found", "You have no SSH key %q.", strings.TrimSpace(said)).WithHint("See yours with: lugsail keys")
	}
	return sshKey{}, platform.Errorf(platform.Conflict, "key_ambiguous", "You have %d keys of that name.", len(found)).
		WithHint("Give the id of the one that is meant. See them with: lugsail keys")
}
