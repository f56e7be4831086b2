package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/lugsail/lugsail/platform"
)

// finding is what one check has found.
type finding struct{ Check, Level, Text, Hint string }

func (p *program) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor [APP]", Short: "Check the server up, or an app, and say what to do", Args: args(0, 1),
		Long: "Looks at the server, or at an app, and says what is wrong and what to do about it.\n\n" +
			"The server is for its owner: root on the server itself, or whoever is signed in as the owner.\n" +
			"The exit code is 1 when something is bad; warnings alone leave it 0.",
		ValidArgsFunction: p.completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := p.examine(cmd.Context(), args)
			if err != nil {
				return err
			}
			var answer struct{ Findings []finding }
			if err := json.Unmarshal(raw, &answer); err != nil {
				return platform.Errorf(platform.Unavailable, "answer_unknown", "The server gave an answer that this program does not understand.").
					WithHint("`lugsail version` shows whether it and this program fit together.").Because(err)
			}
			if err := p.answer(raw, func() { p.showFindings(answer.Findings) }); err != nil {
				return err
			}
			return verdict(answer.Findings)
		},
	}
}

// examine asks for a check-up: of an app, else of the server, by the machine itself where this is its root.
func (p *program) examine(ctx context.Context, args []string) (json.RawMessage, error) {
	if len(args) == 0 && p.Doctor != nil {
		if raw, here, err := p.Doctor(ctx); here || err != nil {
			return raw, err
		}
	}
	c, err := p.client()
	if err != nil {
		return nil, err
	}
	at := "/api/v1/doctor"
	if len(args) > 0 {
		if err := platform.ValidateAppName(args[0]); err != nil {
			return nil, err
		}
		at = path(args[0], "doctor")
	}
	return c.call(ctx, http.MethodGet, at, nil, nil)
}

func (p *program) showFindings(findings []finding) {
	for _, f := range findings {
		p.printf("%s %s\n", mark(p.Stdout, f.Level), clean(f.Text))
		if f.Hint != "" {
			p.printf("     → %s\n", clean(f.Hint))
		}
	}
}

// mark is a level in four letters, in colour on a terminal.
func mark(w io.Writer, level string) string {
	word, colour := "ok  ", "\x1b[32m"
	switch level {
	case "warn":
		word, colour = "warn", "\x1b[33m"
	case "bad":
		word, colour = "bad ", "\x1b[31m"
	}
	if !colours(w) {
		return word
	}
	return colour + word + "\x1b[0m"
}

// verdict is an error when something is bad.
func verdict(findings []finding) error {
	bad := 0
	for _, f := range findings {
		if f.Level == "bad" {
			bad++
		}
	}
	switch bad {
	case 0:
		return nil
	case 1:
		return platform.Errorf(platform.Invalid, "findings_bad", "1 finding is bad.").WithHint("Do what stands below it, and ask again.")
	}
	return platform.Errorf(platform.Invalid, "findings_bad", "%d findings are bad.", bad).WithHint("Do what stands below them, and ask again.")
}
