package cli

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

func (p *program) diagnostics() *cobra.Command {
	return &cobra.Command{
		Use: "diagnostics [FILE]", Short: "Download what helps to find out what is wrong, without secrets", Args: args(0, 1),
		Long: "Downloads an archive with versions, the check-up's findings, settings without secrets, states and the last log lines of Lugsail's own processes.\n\n" +
			"It holds no config var, no token and no line of an app. It is for the server's owner. As root on a server that does not answer: lugsail host diagnostics",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client()
			if err != nil {
				return err
			}
			path := "lugsail-diagnostics-" + time.Now().UTC().Format("20060102-150405") + ".tar.gz"
			if len(args) == 1 {
				path = args[0]
			}
			file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return platform.Errorf(platform.Conflict, "file_not_made", "%s cannot be made.", path).WithHint("Name another file: lugsail diagnostics FILE").Because(err)
			}
			err = c.download(cmd.Context(), "/api/v1/diagnostics", file)
			if err = errors.Join(err, file.Close()); err != nil {
				return errors.Join(err, os.Remove(path))
			}
			return p.done(map[string]string{"file": path}, "%s is written. It holds no secret that Lugsail knows; look into it before you give it away.\n", path)
		},
	}
}
