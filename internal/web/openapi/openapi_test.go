package openapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Path string `json:"path,omitempty"`
}

type outer struct {
	inner
	Name   string         `json:"name" doc:"what it is called" openapi:"required"`
	At     *time.Time     `json:"at"`
	List   []inner        `json:"list"`
	Counts map[string]int `json:"counts"`
	Maybe  *inner         `json:"maybe"`
	None   []string       `json:"none" openapi:"null"`
	Kind   kind           `json:"kind"`
	hidden int
	Secret string `json:"-"`
}

type kind string

func newSchemas() *schemas {
	return &schemas{enums: map[reflect.Type][]string{reflect.TypeFor[kind](): {"a", "b"}}, named: map[string]reflect.Type{}, made: Object{}}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSchemas_AnswersHaveAllFieldsAndNoOthers(t *testing.T) {
	s := newSchemas()
	if got := text(t, s.answer(reflect.TypeOf(outer{hidden: 1}))); got != `{"$ref":"#/components/schemas/Outer"}` {
		t.Errorf("a named struct: %s", got)
	}
	got := s.made["Outer"].(Object)
	if required := text(t, got["required"]); required != `["at","counts","kind","list","maybe","name","none"]` {
		t.Errorf("required: %s", required)
	}
	want := `{"at":{"format":"date-time","type":["string","null"]},"counts":{"additionalProperties":{"format":"int64","type":"integer"},"type":"object"},` +
		`"kind":{"enum":["a","b"],"type":"string"},"list":{"items":{"$ref":"#/components/schemas/Inner"},"type":"array"},` +
		`"maybe":{"anyOf":[{"$ref":"#/components/schemas/Inner"},{"type":"null"}]},"name":{"description":"what it is called","type":"string"},` +
		`"none":{"items":{"type":"string"},"type":["array","null"]},"path":{"type":"string"}}`
	if properties := text(t, got["properties"]); properties != want || got["additionalProperties"] != false {
		t.Errorf("properties:\n%s\nwant\n%s", properties, want)
	}
}

func TestSchemas_FieldsOfABodyMayBeLeftOut(t *testing.T) {
	s := newSchemas()
	got := text(t, s.body(reflect.TypeFor[outer]()))
	if !strings.Contains(got, `"required":["name"]`) || strings.Contains(got, "$ref") || len(s.made) != 0 {
		t.Errorf("body: %s", got)
	}
}

func TestSchemas_TwoTypesOfOneNameAreRefused(t *testing.T) {
	s := newSchemas()
	s.answer(reflect.TypeFor[inner]())
	defer func() {
		if recover() == nil {
			t.Error("the second type took the name of the first")
		}
	}()
	type inner struct{}
	s.answer(reflect.TypeFor[inner]())
}

func TestOperation_NamesAndPaths(t *testing.T) {
	o := Operation{Route: "DELETE /api/v1/apps/:app/domains/:host"}
	if o.Path() != "/api/v1/apps/{app}/domains/{host}" || o.ID() != "deleteAppsAppDomainsHostOne" || len(o.PathParams()) != 2 {
		t.Errorf("%s %s %v", o.Path(), o.ID(), o.PathParams())
	}
}

func TestReference_ExamplesAreBodies(t *testing.T) {
	e := entry(Config{Enums: newSchemas().enums, Shared: func(Operation) Codes { return nil }}, newSchemas(), Operation{
		Route: "POST /api/v1/things", Access: Access{Right: "manage"}, Body: outer{},
	})
	got := e.Curl("https://console.test")
	want := `curl -X POST -H "Authorization: Bearer $LUGSAIL_TOKEN" -H "Content-Type: application/json" -d '{"at":"2026-01-02T15:04:05Z","counts":{"NAME":1}`
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " https://console.test/api/v1/things") || !strings.Contains(got, `"kind":"a"`) {
		t.Errorf("%s", got)
	}
}

func TestOperation_SaysWhichBodiesAreRequired(t *testing.T) {
	type free struct {
		Name string `json:"name"`
	}
	for name, c := range map[string]struct {
		o    Operation
		want bool
	}{
		"some fields are required": {Operation{Body: outer{}}, true},
		"no field is required":     {Operation{Body: free{}}, false},
		"an archive":               {Operation{Media: []string{"application/zip"}}, true},
		"either":                   {Operation{Body: outer{}, Media: []string{"application/zip"}}, false},
	} {
		if got := needsBody(c.o, content(newSchemas(), c.o)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
