package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// volumeFile is what lies in a directory of a volume. The name is whatever a program chose.
type volumeFile struct {
	Name       string
	Kind       platform.FileKind
	Bytes      int64
	ModifiedAt time.Time `json:"modified_at"`
}

// place is a path in a volume.
type place struct{ volume, path string }

func (at place) String() string { return at.volume + ":" + at.path }

// address is where the API has it: "file", or "files" for what is in a directory.
func (at place) address(app, what string) string {
	return path(app, "volumes", url.PathEscape(at.volume), what) + "?path=" + url.QueryEscape(at.path)
}

func (p *program) volumeList() *cobra.Command {
	return &cobra.Command{
		Use: "ls NAME [PATH]", Short: "List the files in a volume", Args: args(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			at, whole := placeOf(args[0]) // as cp takes it
			if !whole || len(args) == 2 {
				at = place{args[0], strings.Join(args[1:], "")}
			}
			var answer struct{ Files []volumeFile }
			raw, err := c.list(cmd.Context(), at.address(name, "files"), "files", &answer)
			if err != nil {
				return err
			}
			return p.answer(raw, func() { p.showFiles(at, answer.Files) })
		},
	}
}

func (p *program) showFiles(at place, files []volumeFile) {
	if len(files) == 0 {
		p.printf("There is nothing in %s.\n", clean(at.String()))
		return
	}
	rows := [][]string{{"NAME", "SIZE", "CHANGED"}}
	for _, f := range files {
		name, size := f.Name, "-"
		switch f.Kind {
		case platform.FileDirectory:
			name += "/"
		case platform.FileRegular:
			size = platform.Bytes(f.Bytes)
		case platform.FileLink:
			size = "link"
		case platform.FileOther:
			size = "no file"
		}
		rows = append(rows, []string{name, size, ago(f.ModifiedAt)})
	}
	p.table(rows)
}

func (p *program) volumeFileRemove() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "rm NAME PATH", Short: "Remove a file from a volume", Args: args(1, 2),
		Long: "Remove a file from a volume, or an empty directory. There is no trash for files: what is removed is gone.\n\n" +
			"The volume itself is removed by: lugsail volumes remove NAME",
		RunE: func(cmd *cobra.Command, args []string) error {
			at, whole := placeOf(args[0]) // as cp takes it
			if len(args) == 2 {
				at = place{args[0], args[1]}
			} else if !whole {
				return hinted("For example: lugsail volumes rm uploads old.jpg", "Which file of the volume %s is to be removed?", args[0])
			}
			c, name, err := p.target(cmd.Context())
			if err != nil {
				return err
			}
			address := at.address(name, "file")
			if all {
				address += "&all=true"
			}
			if _, err := c.call(cmd.Context(), http.MethodDelete, address, nil, nil); err != nil {
				return err
			}
			return p.done(map[string]string{"removed": at.path}, "Removed %s.\n", clean(at.String()))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "remove a directory with all that is in it")
	return c
}

// listing reads a directory to its end, however long it is.
func (c *client) listing(ctx context.Context, app string, at place) ([]volumeFile, error) {
	var all []volumeFile
	for cursor := ""; ; {
		var answer struct {
			Files []volumeFile
			Next  *string
		}
		raw, err := c.call(ctx, http.MethodGet, at.address(app, "files")+"&limit=200"+cursor, nil, nil)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return nil, c.notUnderstood(err)
		}
		all = append(all, answer.Files...)
		if answer.Next == nil || *answer.Next == "" {
			return all, nil
		}
		cursor = "&cursor=" + url.QueryEscape(*answer.Next)
	}
}

// isDirectory asks whether a directory is there.
func (c *client) isDirectory(ctx context.Context, app string, at place) (bool, error) {
	_, err := c.call(ctx, http.MethodGet, at.address(app, "files")+"&limit=1", nil, nil)
	if known := platform.AsError(err); err != nil && known.Code == "file_not_found" {
		return false, nil
	}
	return err == nil, err
}

// placeOf finds the volume in VOLUME:PATH. Everything else is a file of this computer.
func placeOf(word string) (at place, remote bool) {
	volume, inside, found := strings.Cut(word, ":")
	if !found || platform.ValidateVolumeName(volume) != nil {
		return place{}, false
	}
	return place{volume, inside}, true
}
