package console

import (
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
	"github.com/lugsail/lugsail/ui"
)

// shared are the templates that every page may use.
var shared = []string{"layout.html", "icons.html", "parts.html", "charts.html", "apphead.html", "serverhead.html", "bypasskey.html"}

func (c *Console) loadPages() (map[string]*template.Template, error) {
	files, err := fs.Glob(ui.Files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("listing templates: %w", err)
	}
	base := template.New("base").Funcs(c.functions()).Option("missingkey=error")
	for _, name := range shared {
		if base, err = base.ParseFS(ui.Files, "templates/"+name); err != nil {
			return nil, fmt.Errorf("reading template %s: %w", name, err)
		}
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := path.Base(file)
		if slices.Contains(shared, name) {
			continue
		}
		page, err := base.Clone()
		if err == nil {
			page, err = page.ParseFS(ui.Files, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", name, err)
		}
		pages[strings.TrimSuffix(name, ".html")] = page
	}
	return pages, nil
}

func (c *Console) functions() template.FuncMap {
	return template.FuncMap{
		"asset":     c.assets.address,
		"icon":      c.assets.icon,
		"iconOf":    c.blueprintIcon,
		"inBrowser": inBrowser,
		"term":      help,
		"now":       func() string { return c.now().UTC().Format(time.RFC3339) },
		"ago":       func(t time.Time) string { return ago(c.now().Sub(t)) },
		"left":      func(t time.Time) string { return left(t.Sub(c.now())) },
		"stamp":     func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
		"machine":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"bytes":     plan.Bytes,
		"storage":   storage,
		"amount":    platform.Bytes,
		"bytes64":   func(n uint64) string { return plan.Bytes(int64(min(n, math.MaxInt64))) },
		"day":       func(t time.Time) string { return t.UTC().Format("2 January 2006") },
		"copyFrom":  copyFrom,
		"newest":    newestCopy,
		"short":     shortCommit,
		"host":      func(url string) string { return strings.TrimPrefix(url, "https://") },
		"dollars":   dollars,
		"vcpu":      func(n float64) string { return fmt.Sprintf("%g vCPU", n) },
		"took":      took,
		"version":   func() string { return c.version },
		"stepName":  func(n platform.StepName) string { return stepNames[n] },
		"list":      func(v ...any) []any { return v },
		"plural":    plural,
		"arch":      func() string { return runtime.GOARCH },
		"capital":   capital,
		"mark":      formMark,
		"port":      c.port,
		"tunnel":    func() string { return fmt.Sprintf("%[1]d:localhost:%[1]d", c.apps.Addresses.Port) },
		"program":   program,
		"browser":   browser,
		"action":    action,
		"builders":  builders,
		"same":      strings.EqualFold,
		"names":     func(all []string) string { return strings.Join(all, ", ") },
		"door":      door,
		"codes":     codes,
		"without":   func(name, text string) string { return strings.TrimPrefix(text, name+" ") },
	}
}

var stepNames = map[platform.StepName]string{
	platform.StepFetch: "Fetch", platform.StepSave: "Save", platform.StepAddons: "Add-ons", platform.StepData: "Data", platform.StepBuild: "Build", platform.StepRelease: "Release", platform.StepCommand: "Release command", platform.StepStart: "Start",
	platform.StepHealth: "Check", platform.StepSwitch: "Switch", platform.StepRetire: "Retire old",
}

// capital begins a heading as headings begin.
func capital(text string) string {
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// port is what stands behind names in addresses; "" where it is the usual one.
func (c *Console) port() string {
	if c.apps.Addresses.Port == 443 {
		return ""
	}
	return fmt.Sprintf(":%d", c.apps.Addresses.Port)
}

// program is where scp finds the command line, the very program that runs here, seen from the
// computer of somebody who came to the console at that address.
func program(consoleURL string) string {
	path, err := os.Executable()
	if err != nil {
		path = "/usr/local/bin/lugsail" // as it is installed
	}
	host := "SERVER"
	if u, err := url.Parse(consoleURL); err == nil && !strings.HasSuffix(u.Hostname(), "localhost") {
		host = u.Hostname()
	}
	return "root@" + host + ":" + path
}

// copyFrom is the command that fetches something from the server.
func copyFrom(consoleURL, dir, name string) string {
	host, _, _ := strings.Cut(program(consoleURL), ":")
	if name == "" {
		return fmt.Sprintf("scp %s:%s .", host, dir)
	}
	return fmt.Sprintf("scp -r %s:%s .", host, path.Join(dir, name))
}

func newestCopy(copies []copyRow) string {
	if len(copies) == 0 {
		return "FILE"
	}
	return copies[0].Path
}

// ago writes how long something is past, as people say it.
func ago(d time.Duration) string {
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	case d < 48*time.Hour:
		return "yesterday"
	}
	return plural(int(d.Hours()/24), "day") + " ago"
}

func left(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < 12*time.Hour:
		return "ends today"
	}
	return "ends in " + plural(int((d+12*time.Hour).Hours()/24), "day")
}

// took writes a length of time: "0.6 s", "1 min 5 s", never broken into two lines. An unfinished or unknown one is "".
func took(from, to *time.Time) string {
	if from == nil || to == nil {
		return ""
	}
	d := to.Sub(*from)
	if d < time.Minute {
		return fmt.Sprintf("%.1f\u00a0s", max(0, d.Seconds()))
	}
	return fmt.Sprintf("%d\u00a0min\u00a0%d\u00a0s", int(d.Minutes()), int(d.Seconds())%60)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// storage writes a size of disk or transfer, of 1000 as disks are sold.
func storage(n int64) string {
	if n >= 1e12 {
		return fmt.Sprintf("%g TB", float64(n)/1e12)
	}
	return fmt.Sprintf("%g GB", float64(n)/1e9)
}

func dollars(n float64) string {
	if n == float64(int(n)) {
		return fmt.Sprintf("$%d", int(n))
	}
	return fmt.Sprintf("$%.2f", n)
}

func shortCommit(id string) string {
	if len(id) > 7 {
		return id[:7]
	}
	return id
}

// span is a part of a sentence; Code is what stood between backticks.
type span struct {
	Text string
	Code bool
}

func codes(text string) []span {
	var spans []span
	for i, part := range strings.Split(text, "`") {
		spans = append(spans, span{Text: part, Code: i%2 == 1})
	}
	return spans
}
