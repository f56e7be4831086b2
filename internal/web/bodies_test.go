package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/web/openapi"
)

// withBodies are the operations that take a JSON body.
func (r *rig) withBodies() []openapi.Operation {
	var all []openapi.Operation
	for _, o := range r.server.reference.operations {
		if o.Body != nil {
			all = append(all, o)
		}
	}
	return all
}

// concrete puts things that exist into a path.
func concrete(path string) string {
	return strings.NewReplacer("{app}", "mine", "{number}", "1", "{host}", "www.other.test").Replace(path)
}

func (r *rig) send(o openapi.Operation, body string) answer {
	r.t.Helper()
	r.server.limits = newLimits(time.Now)
	return r.do(ask{method: o.Method(), path: concrete(o.Path()), session: r.session, json: body})
}

// fieldsOf lists the fields of a body and of the structs in it, as a document around a value.
func fieldsOf(t reflect.Type, around string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var all []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		document := fmt.Sprintf(around, fmt.Sprintf(`{%q:%%s}`, name))
		all = append(all, document)
		all = append(all, fieldsOf(t.Field(i).Type, document)...)
	}
	return all
}

func TestA16_EveryBodyRefusesFieldsThatItDoesNotKnow(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	for _, o := range r.withBodies() {
		wrong := map[string]string{`{"admin":true}`: "field_unknown", `{"team_id":1}`: "field_unknown", `{"":1}`: "field_unknown"}
		for _, document := range fieldsOf(reflect.TypeOf(o.Body), "%s") {
			name := document[2 : strings.Index(document[2:], `"`)+2]
			wrong[fmt.Sprintf(`{%q:null}`, strings.ToUpper(name))] = "field_unknown"
			wrong[fmt.Sprintf(`{%q:null,%q:null}`, name, name)] = "field_twice"
			inner := strings.Replace(document, "%s", `{"admin":true}`, 1)
			if got := r.send(o, inner); got.StatusCode < 400 && !takesNames(o, name) {
				t.Errorf("%s with %s: %d", o.Route, inner, got.StatusCode)
			}
		}
		for body, code := range wrong {
			if got := r.send(o, body); got.StatusCode != http.StatusBadRequest || got.code() != code {
				t.Errorf("%s with %s: %d %s, want 400 %s", o.Route, body, got.StatusCode, got.code(), code)
			}
		}
	}
}

// takesNames tells whether a field is an object of any names.
func takesNames(o openapi.Operation, field string) bool {
	t := reflect.TypeOf(o.Body)
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name == field {
			return t.Field(i).Type.Kind() == reflect.Map
		}
	}
	return false
}

var oddValues = []string{
	"null", "true", "0", "-1", "-0.0", "1.5", "1e400", "NaN", "Infinity", "9223372036854775808", "-9223372036854775809", "99999999999999999999999",
	`""`, `" "`, `"\u0000"`, `"\ud800"`, `"../../etc/passwd"`, `"a;id"`, `"$(id)"`, `"' or 1=1 --"`, `"%s%n"`, `"\u001b]0;x\u0007"`,
	`[]`, `[null]`, `[1,"a",{}]`, `{}`, `{"":""}`, `{"a":{"b":{"c":[]}}}`, `{"A":null}`, `{"web":-1}`, `{"web":1e9}`,
	"\xff\xfe", "{", "}", "",
}

func TestA76_EveryBodyTakesOddValuesWithoutAFault(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	odd := append([]string{`"` + strings.Repeat("a", 300_000) + `"`, strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000), `"` + strings.Repeat("a", 2<<20) + `"`}, oddValues...)
	for _, o := range r.withBodies() {
		documents := append(fieldsOf(reflect.TypeOf(o.Body), "%s"), "%s")
		for _, document := range documents {
			for _, value := range odd {
				body := strings.Replace(document, "%s", value, 1)
				if got := r.send(o, body); got.StatusCode >= 500 {
					t.Errorf("%s with %.80q: %d %s", o.Route, body, got.StatusCode, got.body)
				}
			}
		}
	}
}

func FuzzAPIBodies(f *testing.F) {
	r := newRig(f)
	r.serving("mine")
	all := r.withBodies()
	for i, o := range all {
		f.Add(uint8(i), "{}")
		for _, document := range fieldsOf(reflect.TypeOf(o.Body), "%s") {
			for _, value := range []string{`"x"`, "1", "null", `["read"]`, `{"web":2}`} {
				f.Add(uint8(i), strings.Replace(document, "%s", value, 1))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		r.t = t
		o := all[int(which)%len(all)]
		got := r.send(o, body)
		if got.StatusCode >= 500 {
			t.Fatalf("%s with %q: %d %s", o.Route, body, got.StatusCode, got.body)
		}
		if got.StatusCode >= 400 && (got.code() == "" || !json.Valid([]byte(got.body))) {
			t.Fatalf("%s with %q: %d without a problem: %s", o.Route, body, got.StatusCode, got.body)
		}
	})
}
