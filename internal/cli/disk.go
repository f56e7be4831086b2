package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) disk() *cobra.Command {
	command := &cobra.Command{
		Use: "disk", Short: "Show who takes the server's disk", Args: cobra.ArbitraryArgs,
		Long: "Shows how full the server's disks are, and what takes the room: by app, and by what belongs to the server.\n\nIt is for the server's owner.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args)
			}
			c, err := p.client()
			if err != nil {
				return err
			}
			raw, err := c.call(cmd.Context(), http.MethodGet, "/api/v1/disk", nil, nil)
			if err != nil {
				return err
			}
			var answer diskAnswer
			if err := json.Unmarshal(raw, &answer); err != nil {
				return platform.Errorf(platform.Unavailable, "answer_unknown", "The server gave an answer that this program does not understand.").
					WithHint("`lugsail version` shows whether it and this program fit together.").Because(err)
			}
			return p.answer(raw, func() { p.showDisk(answer) })
		},
	}
	command.AddCommand(p.diskClean())
	return command
}

type diskAnswer struct {
	Disks []struct {
		Path, Holds string
		Free, Total uint64
	}
	Uses []struct {
		App, Text string
		Bytes     int64
	}
}

func (p *program) showDisk(answer diskAnswer) {
	for _, d := range answer.Disks {
		p.printf("%s (%s): %s of %s are free\n", clean(d.Path), clean(d.Holds), platform.Bytes(int64(d.Free)), platform.Bytes(int64(d.Total)))
	}
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	small, rest := 0, int64(0)
	for _, u := range answer.Uses {
		if u.Bytes < 1<<20 { // an app has several of these; they are seen with --json
			small, rest = small+1, rest+u.Bytes
			continue
		}
		owner := clean(u.App)
		if owner == "" {
			owner = "server"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", owner, platform.Bytes(u.Bytes), clean(u.Text)) // a closed pipe ends the program by signal
	}
	_ = w.Flush() // as above
	if small > 0 {
		p.printf("And %s below 1 MB each, %s together. All of them: lugsail disk --json\n", plural(small, "item"), amount(rest))
	}
}
