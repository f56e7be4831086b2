package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// What every add-on's image has, so that nobody has to know the database's own programs.
const (
	addonShell  = "/lugsail/shell"
	addonDump   = "/lugsail/dump"
	addonLoad   = "/lugsail/load"
	addonSocket = "/lugsail/socket"
)

// inAddon runs a command in an add-on.
func (p *program) inAddon(ctx context.Context, name string, words []string, tty bool, from io.Reader, to io.Writer) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	return p.attach(ctx, c, path(url.PathEscape(name), "replicas", "first", "terminal"), words, tty, from, to)
}

func (p *program) addonShell() *cobra.Command {
	c := &cobra.Command{
		Use: "shell NAME [-- ARGUMENT...]", Short: "Open an add-on's own shell: psql, mariadb or valkey-cli", Args: args(1, -1),
		Example: "  lugsail addons shell shop-db\n  lugsail addons shell shop-db -- -c 'SELECT count(*) FROM orders'",
		RunE: func(cmd *cobra.Command, args []string) error {
			words := args[1:]
			if len(words) > 0 && words[0] == "--" {
				words = words[1:]
			}
			return p.inAddon(cmd.Context(), args[0], append([]string{addonShell}, words...), true, p.Stdin, p.Stdout)
		},
	}
	c.Flags().SetInterspersed(false)
	WithoutJSON(c)
	return c
}

func (p *program) addonExport() *cobra.Command {
	c := &cobra.Command{
		Use: "export NAME [FILE]", Short: "Write all that an add-on holds to a file, or to the output", Args: args(1, 2),
		Long:    "Write all that an add-on holds, as it was at one moment: SQL of a database, an RDB file of Valkey.\nA file appears when all of it has arrived.",
		Example: "  lugsail addons export shop-db shop.sql\n  lugsail addons export shop-db | gzip > shop.sql.gz",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if _, person := isTerminal(p.Stdout); person {
					return usagef("Where to? For example: lugsail addons export %s %s.sql", args[0], args[0])
				}
				return p.inAddon(cmd.Context(), args[0], []string{addonDump}, false, eof{}, p.Stdout)
			}
			return p.exportTo(cmd.Context(), args[0], args[1])
		},
	}
	WithoutJSON(c)
	return c
}

func (p *program) exportTo(ctx context.Context, name, file string) (err error) {
	part := file + ".part"
	out, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the person's own file
	if err != nil {
		return fmt.Errorf("writing %s: %w", part, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part) // the first error counts
		}
	}()
	counted := &counter{to: out}
	stop := p.counting(&counted.bytes)
	err = p.inAddon(ctx, name, []string{addonDump}, false, eof{}, counted)
	stop()
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	p.printf("Wrote %s to %s.\n", platform.Bytes(counted.bytes.Load()), file)
	return nil
}

func (p *program) addonImport() *cobra.Command {
	c := &cobra.Command{
		Use: "import NAME FILE", Short: "Read a dump into an add-on; - is the input", Args: args(2, 2),
		Long:    "Read a dump into an add-on: SQL, or what pg_dump wrote with --format=custom. A dump with an error in it changes nothing.\nWhat the dump does not speak of stays as it is.",
		Example: "  lugsail addons import shop-db shop.sql\n  gunzip -c shop.sql.gz | lugsail addons import shop-db -",
		RunE: func(cmd *cobra.Command, args []string) error {
			in := io.Reader(p.Stdin)
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return fmt.Errorf("reading %s: %w", args[1], err)
				}
				defer func() { _ = f.Close() }() // read only
				in = f
			}
			counted := &counter{from: in}
			stop := p.counting(&counted.bytes)
			err := p.inAddon(cmd.Context(), args[0], []string{addonLoad}, false, counted, p.Stdout)
			stop()
			if err != nil {
				return err
			}
			p.printf("Read %s into %s.\n", platform.Bytes(counted.bytes.Load()), args[0])
			return nil
		},
	}
	WithoutJSON(c)
	return c
}

// counter counts what goes through it.
type counter struct {
	from  io.Reader
	to    io.Writer
	bytes atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.bytes.Add(int64(n))
	return n, err
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// counting shows a person how many bytes went by, until stop.
func (p *program) counting(bytes *atomic.Int64) (stop func()) {
	if _, person := isTerminal(p.Stderr); !person {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(300 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				_, _ = fmt.Fprint(p.Stderr, "\r\x1b[K") // for the eye only
				return
			case <-tick.C:
				_, _ = fmt.Fprintf(p.Stderr, "\r\x1b[K%s", platform.Bytes(bytes.Load()))
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (p *program) addonTunnel() *cobra.Command {
	var port int
	c := &cobra.Command{
		Use: "tunnel NAME", Short: "Let programs on this computer reach an add-on", Args: args(1, 1),
		Long:    "Let programs on this computer reach an add-on, as long as this command runs: a port of 127.0.0.1 leads there.\nNothing is opened on the server. User, password and database are those of: lugsail config --show --app NAME",
		Example: "  lugsail addons tunnel shop-db --port 5433\n  psql -h 127.0.0.1 -p 5433 -U app app",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			var answer struct{ App app }
			if _, err := c.call(cmd.Context(), http.MethodGet, path(url.PathEscape(args[0])), nil, &answer); err != nil {
				return err
			}
			if !answer.App.Addon {
				return usageOf(args[0], "%s is an app and no add-on", args[0])
			}
			l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				return fmt.Errorf("opening a port: %w", err)
			}
			p.printf("%s leads to %s. Ctrl-C ends it.\n", l.Addr(), args[0])
			return p.tunnel(cmd.Context(), l, args[0])
		},
	}
	c.Flags().IntVar(&port, "port", 0, "port on this computer; without it a free one")
	WithoutJSON(c)
	return c
}

func (p *program) tunnel(ctx context.Context, l net.Listener, name string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = l.Close() // ends Accept
	}()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("waiting for a connection: %w", err)
		}
		go func() {
			defer func() { _ = conn.Close() }() // both sides are done
			if err := p.inAddon(ctx, name, []string{addonSocket}, false, conn, conn); err != nil && ctx.Err() == nil {
				p.note("%v\n", err)
			}
		}()
	}
}
