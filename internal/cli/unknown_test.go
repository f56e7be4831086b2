package cli

import (
	"strings"
	"testing"
)

func TestHelp_OfAnUnknownCommandIsAnError(t *testing.T) {
	w := newWorld(t)
	for args, want := range map[string]string{
		"help foo": "There is no command \"foo\".\n→ lugsail --help", "help deplyo": "Did you mean deploy?", "help config ste": "Did you mean set?",
		"help keys lst": "There is no command \"keys lst\". Did you mean list?\n→ lugsail keys --help", "help config:set": "Here: lugsail config set", "completion bsah": "Did you mean bash?",
	} {
		if code, out, errs := w.run(strings.Fields(args)...); code != ExitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q %q, want %q", args, code, out, errs, want)
		}
	}
	for args, want := range map[string]string{
		"help": "Apps:", "help deploy": "lugsail deploy [FOLDER", "help config set": "lugsail config set [NAME=value...]", "help exit-codes": "interrupted", "completion": "fish", "help completion": "fish",
	} {
		if code, out, errs := w.run(strings.Fields(args)...); code != ExitOK || errs != "" || !strings.Contains(out, want) {
			t.Errorf("%s: %d %q %q, want %q", args, code, out, errs, want)
		}
	}
}
