package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/platform"
)

func serviceCommand() *cobra.Command {
	var s settings
	c := s.add(&cobra.Command{Use: "service", Short: "Start, stop and look at Lugsail's processes", Args: cobra.NoArgs})
	c.AddCommand(
		s.control("start", "Start Lugsail", time.Minute, (*service.Control).Start),
		s.control("stop", "Stop Lugsail; apps' containers keep running, but nobody reaches them", 90*time.Second, (*service.Control).Stop),
		s.control("restart", "Restart Lugsail without refusing a connection", 2*time.Minute, (*service.Control).Restart),
		s.status(), s.serviceLogs(), s.superviseCommand(), s.installService(), s.uninstallService(),
	)
	return c
}

// withControl hands over what commands the service.
func (s *settings) withControl(verb string, do func(*cobra.Command, *service.Control) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := asRoot("service " + verb); err != nil {
			return err
		}
		c, err := s.load()
		if err != nil {
			return err
		}
		cfg, err := s.service(c)
		if err != nil {
			return err
		}
		return do(cmd, service.NewControl(cfg))
	}
}

func (s *settings) control(verb, short string, most time.Duration, do func(*service.Control, context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: verb, Short: short, Args: cobra.NoArgs,
		RunE: s.withControl(verb, func(cmd *cobra.Command, control *service.Control) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), most)
			defer cancel()
			return do(control, ctx)
		}),
	}
}

// notRunning is answered by status, so that scripts can ask.
var notRunning = platform.Errorf(platform.Unavailable, "service_stopped", "Lugsail does not run.").WithHint("Start it: lugsail service start")

func (s *settings) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what runs", Args: cobra.NoArgs,
		RunE: s.withControl("status", func(cmd *cobra.Command, control *service.Control) error {
			running, parts, err := control.Status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON(cmd) {
				err = s.statusJSON(cmd, running, parts)
			} else if err = printParts(cmd.OutOrStdout(), parts); err == nil {
				err = s.whySafe(cmd)
			}
			if err == nil && !running {
				return notRunning
			}
			return err
		}),
	}
}

func (s *settings) whySafe(cmd *cobra.Command) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	return printSafeMode(cmd.OutOrStdout(), c)
}

func (s *settings) statusJSON(cmd *cobra.Command, running bool, parts []service.PartStatus) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	crashes, err := service.ReadCrashes(c.RunDir, time.Now)
	if err != nil {
		return err
	}
	answer := map[string]any{"running": running, "parts": parts, "safe_mode": crashes.Safe() && !crashes.Running}
	if crashes.Reason != nil {
		answer["reason"] = crashes.Reason
	}
	return printJSON(cmd.OutOrStdout(), answer)
}

func printParts(out io.Writer, parts []service.PartStatus) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, p := range parts {
		state := "stopped"
		if p.Running {
			state = fmt.Sprintf("running, process %d", p.PID)
		}
		if !p.Since.IsZero() {
			state += ", since " + p.Since.Local().Format(time.DateTime)
		}
		if p.Restarts > 0 {
			state += fmt.Sprintf(", died and was started again %d×", p.Restarts)
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", p.Name, state); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (s *settings) serviceLogs() *cobra.Command {
	var lines int
	var follow bool
	c := &cobra.Command{
		Use: "logs [" + strings.Join(service.LogNames(), "|") + "]", Short: "Show the log of a process, by default of the control plane", Args: cobra.MaximumNArgs(1),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		part := service.Serve
		if len(args) == 1 {
			part = args[0]
		}
		if !slices.Contains(service.LogNames(), part) {
			return platform.Errorf(platform.Invalid, "no_such_log", "There is no log %q.", part).WithHint("The logs are: %s.", strings.Join(service.LogNames(), ", "))
		}
		return s.withControl("logs", func(cmd *cobra.Command, control *service.Control) error {
			return control.Logs(cmd.Context(), part, lines, follow, cmd.OutOrStdout())
		})(cmd, args)
	}
	c.Flags().IntVarP(&lines, "tail", "n", 100, "how many of the newest lines")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes")
	return c
}

// superviseCommand is what `service start` leaves running.
func (s *settings) superviseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run", Short: "Supervise both processes in the foreground", Args: cobra.NoArgs, Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			if err := asRoot("service run"); err != nil {
				return err
			}
			// Signals are the supervisor's own matter: not the context of the command line.
			return service.Run(context.Background(), func() (service.Config, error) {
				c, err := s.load()
				if err != nil {
					return service.Config{}, err
				}
				logTo(c.LogLevel)
				return s.service(c)
			})
		},
	}
}

func (s *settings) installService() *cobra.Command {
	return &cobra.Command{
		Use: "install", Short: "Let systemd start Lugsail at boot, where systemd runs", Args: cobra.NoArgs,
		RunE: s.withControl("install", func(cmd *cobra.Command, control *service.Control) error {
			c, err := s.load()
			if err != nil {
				return err
			}
			control.Config.EngineDir = engineRoot(cmd.Context(), c)
			return control.Install(cmd.Context(), c.DataDir, dirOf(c.KeyFile))
		}),
	}
}

func (s *settings) uninstallService() *cobra.Command {
	return &cobra.Command{
		Use: "uninstall", Short: "Stop Lugsail and take it out of systemd", Args: cobra.NoArgs,
		RunE: s.withControl("uninstall", func(cmd *cobra.Command, control *service.Control) error {
			return control.Uninstall(cmd.Context())
		}),
	}
}
