package arch

import "strings"

// module is the path that all packages of the repository begin with.
const module = "github.com/lugsail/lugsail/"

// helpers may be imported by every package under internal and cmd.
var helpers = []string{"internal/command", "internal/atomicfile", "internal/disk"}

// table is the import table: what a package may import of the repository, beside the
// helpers. Names of third-party libraries are in homes. "platform" is the root package only.
var table = map[string][]string{
	// What Lugsail is. The standard library only.
	"platform":          {},
	"platform/plan":     {"platform"},
	"platform/source":   {"platform"},
	"platform/build":    {"platform", "platform/source"},
	"platform/release":  {"platform"},
	"platform/run":      {"platform", "platform/plan"},
	"platform/route":    {"platform"},
	"platform/observe":  {"platform"},
	"platform/account":  {"platform"},
	"platform/hook":     {"platform"},
	"platform/deploy":   {"platform", "platform/plan", "platform/source", "platform/build", "platform/release", "platform/run", "platform/route", "platform/observe"},
	"platform/app":      {"platform", "platform/plan", "platform/source", "platform/build", "platform/release", "platform/run", "platform/route", "platform/observe", "platform/deploy", "platform/hook", "platform/addon", "platform/volume"},
	"platform/backup":   {"platform"},
	"platform/addon":    {"platform"},
	"platform/volume":   {"platform"},
	"platform/job":      {"platform"},
	"platform/function": {"platform"},

	// How. Adapters know the nouns, and nothing of each other.
	"internal/archive":     {"platform", "platform/source"},
	"internal/atomicfile":  {},
	"internal/base":        {"platform"},
	"internal/blueprint":   {"platform", "platform/plan", "blueprints"},
	"blueprints":           {},
	"blueprints/go":        {}, // what people clone
	"internal/cnb":         {"platform"},
	"internal/command":     {},
	"internal/config":      {"platform"},
	"internal/diagnostics": {},
	"internal/disk":        {"platform"},
	"internal/files":       {"platform"},
	"internal/flow":        {},
	"internal/docker":      {"platform"},
	"internal/dockerfile":  {"platform", "internal/procfile"},
	"internal/procfile":    {},
	"internal/enginetest":  {"platform"},
	"internal/firewall":    {"platform"},
	"internal/gitserver":   {"platform", "platform/source"},
	"internal/host":        {"platform"},
	"internal/notify":      {"platform"},
	"internal/outbound":    {"platform"},
	"internal/passkey":     {"platform"},
	"internal/proxy":       {"platform"},
	"internal/registry":    {"platform"},
	"internal/restic":      {"platform"},
	"internal/secret":      {"platform"},
	"internal/service":     {"platform"},
	"internal/store":       {"platform"},

	// Doors.
	"internal/cli":         {"platform", "internal/flow"},
	"internal/sftp":        {"platform", "internal/files"},
	"internal/web":         {"platform", "platform/app", "platform/account", "internal/web/api", "internal/web/console", "internal/web/openapi", "internal/web/request", "ui"},
	"internal/web/api":     {"platform", "internal/flow", "platform/app", "platform/release", "platform/hook", "platform/account", "platform/observe", "platform/plan", "internal/web/openapi", "internal/web/request"},
	"internal/web/console": {"platform", "platform/app", "platform/release", "platform/account", "platform/observe", "platform/plan", "internal/web/openapi", "internal/web/request", "ui"},
	"internal/web/openapi": {},
	"internal/web/request": {"platform"},
	"ui":                   {},

	// Tests and tools.
	"internal/acmetest":        {},
	"internal/arch":            {},
	"internal/e2e":             {"platform"},
	"internal/e2e/bench":       {"platform"},
	"internal/e2e/browser":     {},
	"internal/testenv/summary": {},

	// Wiring by hand may know everything; a buildpack runs inside the build.
	"cmd/lugsail":           {"*"},
	"cmd/lugsail-buildpack": {"internal/buildpack"},
}

// families are packages whose subpackages share one row.
var families = map[string][]string{
	"internal/buildpack":      {"internal/buildpack", "internal/procfile"},
	"internal/testenv":        {"platform"},
	"internal/e2e/apps":       {},
	"internal/cnb/embedded":   {},
	"internal/base/embedded":  {},
	"internal/secret/testing": {},
}

// homes says where a third-party library may be imported. The longest prefix counts.
var homes = map[string][]string{
	"gorm.io/":                                   {"internal/store"},
	"github.com/jackc/":                          {"internal/store"},
	"github.com/glebarez/":                       {"internal/store"},
	"modernc.org/":                               {"internal/store"},
	"github.com/go-gormigrate/":                  {"internal/store"},
	"github.com/gofrs/flock":                     {"internal/store"},
	"github.com/docker/docker/":                  {"internal/docker"},
	"github.com/docker/go-connections/":          {"internal/docker", "internal/cnb"},
	"github.com/containerd/":                     {"internal/docker", "internal/cnb", "internal/dockerfile", "internal/registry"},
	"github.com/moby/moby/":                      {"internal/cnb", "internal/dockerfile"},
	"github.com/moby/buildkit/":                  {"internal/dockerfile"},
	"github.com/tonistiigi/fsutil":               {"internal/dockerfile"},
	"github.com/buildpacks/pack/":                {"internal/cnb"},
	"github.com/buildpacks/imgutil":              {"internal/cnb"},
	"github.com/buildpacks/lifecycle/":           {"internal/cnb"},
	"github.com/buildpacks/libcnb/":              {"internal/buildpack", "cmd/lugsail-buildpack"},
	"github.com/BurntSushi/toml":                 {"internal/buildpack", "internal/cnb", "cmd/lugsail-buildpack"},
	"github.com/Masterminds/semver/":             {"internal/buildpack", "internal/cnb"},
	"github.com/google/go-containerregistry/":    {"internal/cnb", "internal/base"},
	"github.com/distribution/distribution/":      {"internal/registry"},
	"github.com/distribution/reference":          {"internal/registry", "internal/cnb", "internal/docker", "internal/dockerfile"},
	"github.com/opencontainers/":                 {"internal/docker", "internal/cnb", "internal/dockerfile", "internal/registry"},
	"github.com/klauspost/compress/":             {"internal/archive", "internal/cnb"},
	"github.com/sirupsen/logrus":                 {"internal/registry"},
	"github.com/caddyserver/":                    {"internal/proxy"},
	"github.com/mholt/acmez/":                    {"internal/proxy"},
	"github.com/letsencrypt/":                    {"internal/acmetest"},
	"go.uber.org/zap":                            {"internal/proxy"},
	"github.com/coder/websocket":                 {"internal/proxy", "internal/web", "internal/cli"},
	"github.com/labstack/echo/":                  {"internal/web"},
	"github.com/santhosh-tekuri/jsonschema/":     {"internal/web"},
	"github.com/chromedp/":                       {"internal/e2e/browser"},
	"github.com/pkg/sftp":                        {"internal/sftp"},
	"github.com/spf13/":                          {"internal/cli", "cmd/lugsail"},
	"github.com/rogpeppe/go-internal/testscript": {"internal/e2e", "internal/cli"},
	"gopkg.in/yaml.v3":                           {"internal/config", "internal/blueprint"},
	"github.com/pquerna/otp/":                    {"internal/secret"},
	"github.com/boombuler/barcode/":              {"internal/secret"},
	"github.com/go-webauthn/webauthn/":           {"internal/passkey"},
	"golang.org/x/":                              {"internal", "cmd"},
}

// containers are packages whose strings name programs inside containers, where a
// Procfile's line is the app's own business and a shell reads it.
var containers = []string{"internal/buildpack", "internal/cnb", "internal/dockerfile", "cmd/lugsail-buildpack", "internal/e2e"}

// drivers are packages whose tests start programs as a person would.
var drivers = []string{"internal/e2e"}

// row finds what a package may import; false when nobody wrote it down.
func row(pkg string) ([]string, bool) {
	if allowed, ok := table[pkg]; ok {
		return allowed, true
	}
	for family, allowed := range families {
		if within(pkg, family) {
			return allowed, true
		}
	}
	return nil, false
}

// within reports whether pkg is parent or lies below it.
func within(pkg, parent string) bool {
	return pkg == parent || strings.HasPrefix(pkg, parent+"/")
}

func withinAny(pkg string, parents []string) bool {
	for _, p := range parents {
		if within(pkg, p) {
			return true
		}
	}
	return false
}

// home finds where a library may be imported.
func home(library string) ([]string, bool) {
	best := ""
	for prefix := range homes {
		if strings.HasPrefix(library+"/", prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return homes[best], best != ""
}
