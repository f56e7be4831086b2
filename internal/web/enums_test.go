package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/web/api"
)

// constants reads the string constants of each type of package platform.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../platform/*.go")
	must(t, err)
	found := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			of, ok := spec.Type.(*ast.Ident)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if text, ok := spec.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
				value, err := strconv.Unquote(text.Value)
				must(t, err)
				found[of.Name] = append(found[of.Name], value)
			}
			return true
		})
	}
	return found
}

func TestAPI_EnumsAreTheConstants(t *testing.T) {
	all := constants(t)
	for typ, values := range api.Enums() {
		want := all[typ.Name()]
		slices.Sort(want)
		got := slices.Clone(values)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("api.Enums says %s is one of %v, but platform says %v", typ, got, want)
		}
	}
	named := []any{}
	for _, o := range api.Operations() {
		named = append(named, o.Body, o.Answer)
		for _, e := range o.Events {
			named = append(named, e)
		}
	}
	for _, v := range named {
		everyString(reflect.TypeOf(v), map[reflect.Type]bool{}, func(typ reflect.Type) {
			if api.Enums()[typ] == nil && len(all[typ.Name()]) > 0 {
				t.Errorf("%s has constants, but api.Enums does not list them", typ)
			}
		})
	}
}

// everyString walks the types inside a type and tells of those that are strings with a name.
func everyString(t reflect.Type, seen map[reflect.Type]bool, tell func(reflect.Type)) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		everyString(t.Elem(), seen, tell)
	case reflect.Struct:
		for i := range t.NumField() {
			everyString(t.Field(i).Type, seen, tell)
		}
	case reflect.String:
		if t.PkgPath() != "" {
			tell(t)
		}
	}
}
