package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// elsewhere are codes that no answer of the API has as its own.
var elsewhere = []string{
	"form_invalid", "file_missing", "passwords_differ", "session_invalid", // the console's forms
	"not_found", "method_not_allowed", // there is no such route
	"not_ready", "ca_not_ready", "asset_not_found", // other addresses
	"command_time_up", "message_invalid", "replica_not_found", "nothing_runs", // told inside of a terminal's stream
	"key_unknown", "addon_files", "file_exists", "dotenv_line", "dotenv_quote", // SSH, the command line
	"step_over", "passkey_refused", "passkey_not_begun", "passkey_needs_name", "passkey_name_invalid", "passkeys_too_many", // a browser's own
	"account_not_found", "link_invalid", "link_used",
	"addon_not_made", "build_out_of_memory", "build_processes", "build_output_limit", "build_timeout", // told by a deployment
}

var codeForm = regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)+$`)

// codesOf reads the codes of the errors that a file makes.
func codesOf(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	must(t, err)
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "Errorf" {
			if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "Errorf" {
				return true
			}
		}
		if text, ok := call.Args[1].(*ast.BasicLit); ok && text.Kind == token.STRING {
			if code, err := strconv.Unquote(text.Value); err == nil && codeForm.MatchString(code) {
				codes = append(codes, code)
			}
		}
		return true
	})
	return codes
}

func TestAPI_EveryCodeThatItsRulesAnswerIsDescribed(t *testing.T) {
	r := newRig(t)
	document := string(r.server.reference.document)
	found := 0
	for _, pattern := range []string{
		"../../platform/*.go", "../../platform/app/*.go", "../../platform/account/*.go", "../../platform/plan/*.go", "../../platform/hook/*.go",
		"*.go", "api/*.go", "request/*.go", "../files/*.go", "../store/errors.go", "../store/postgres_errors.go",
	} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, code := range codesOf(t, name) {
				found++
				if !strings.Contains(document, `"`+code+`"`) && !slices.Contains(elsewhere, code) {
					t.Errorf("%s answers %s, which no operation names in its Errors", name, code)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d codes were found", found)
	}
}
