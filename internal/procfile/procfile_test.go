package procfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestParse(t *testing.T) {
	lines, refused := Parse([]byte("\ufeff# comment\r\nweb: node server.js --port $PORT\r\n\r\nClock_Worker : ./clock\n"))
	want := []Line{{"web", "node server.js --port $PORT"}, {"clock-worker", "./clock"}}
	if refused != "" || !slices.Equal(lines, want) {
		t.Errorf("got %q, %s", lines, refused)
	}
}

func TestParse_TakesOneLongLine(t *testing.T) {
	command := strings.Repeat("a", MaxSize-len("web: "))
	lines, refused := Parse([]byte("web: " + command))
	if refused != "" || len(lines) != 1 || lines[0].Command != command {
		t.Errorf("%d lines, %s", len(lines), refused)
	}
}

func TestParse_RefusesWhatIsNoProcfile(t *testing.T) {
	var many strings.Builder
	for i := range maxLines + 1 {
		many.WriteString("p" + strings.Repeat("a", i) + ": x\n")
	}
	for name, c := range map[string]struct{ text, says string }{
		"no colon":   {"web: a\nweb node", "Line 2"},
		"no command": {"web:", "Line 1"}, "twice": {"web: a\nweb: b", "web is there twice"}, "strange name": {"1web: a", "1web is not"},
		"binary": {"web: a\x00b", "no text file"}, "large": {"web: " + strings.Repeat("a", 70000), "too large"}, "many": {many.String(), "21 process types"},
		"control characters": {"\x1b[31mweb", "Line 1 of the Procfile cannot be read:  [31mweb"},
	} {
		if lines, refused := Parse([]byte(c.text)); !strings.Contains(refused, c.says) || lines != nil {
			t.Errorf("%s: %q, %q", name, refused, lines)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web: node server.js\n", "\ufeffweb: x\r\nworker : y\n# no\n\nrelease: z", "web: a\nweb: b", "web", ":", "web: \x00", "A_b: c", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, refused := Parse(data)
		if refused != "" && lines != nil || len(lines) > maxLines {
			t.Fatalf("%q gives %d process types and says %q", data, len(lines), refused)
		}
		for _, line := range lines {
			if platform.ValidateProcessType(line.Type) != nil || line.Command == "" {
				t.Fatalf("%q gives %+v", data, line)
			}
		}
	})
}
