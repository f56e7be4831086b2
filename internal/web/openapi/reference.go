package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Reference is the document for people.
type Reference struct {
	About  []string
	Groups []Group
	Types  []Type
}

// Group is a heading with its operations.
type Group struct {
	Name    string
	Entries []Entry
}

// Entry is one operation.
type Entry struct {
	ID, Method, Path, Summary, Notes string
	Right                            string // "": nobody needs to be known
	Params, Body                     []Row
	Media                            []string
	Status                           int
	Answer                           []Row
	Events                           []Row
	Errors                           []Errors
	example                          string // of the body, JSON
}

// Row is a parameter or a field.
type Row struct{ Name, Type, Link, Means string }

// Errors are the codes of one status.
type Errors struct {
	Status int
	Text   string
	Codes  []string
}

// Type is a part of answers that has a name.
type Type struct {
	Name   string
	Fields []Row
}

// ReferenceOf makes the reference from the same descriptions as the document, with the words of its schemas.
func ReferenceOf(c Config) Reference {
	s := &schemas{enums: c.Enums, named: map[string]reflect.Type{}, made: Object{}}
	ref := Reference{About: about}
	for _, name := range c.Groups {
		group := Group{Name: name}
		for _, o := range c.Operations {
			if o.Group == name {
				group.Entries = append(group.Entries, entry(c, s, o))
			}
		}
		ref.Groups = append(ref.Groups, group)
	}
	for _, name := range slices.Sorted(maps.Keys(s.made)) {
		ref.Types = append(ref.Types, Type{Name: name, Fields: rows(s.made[name].(Object))})
	}
	return ref
}

func entry(c Config, s *schemas, o Operation) Entry {
	e := Entry{
		ID: o.ID(), Method: o.Method(), Path: o.Path(), Summary: o.Summary, Notes: o.Notes, Media: o.Media,
		Status: o.Status, Right: o.Access.Right,
	}
	for _, p := range parameters(c, o) {
		p := p.(Object)
		means, _ := p["description"].(string)
		e.Params = append(e.Params, Row{Name: p["name"].(string), Type: typeOf(p["schema"].(Object)).Type + ", " + p["in"].(string), Means: means})
	}
	if o.Body != nil {
		e.Body = rows(s.body(reflect.TypeOf(o.Body)))
		e.example = example(reflect.TypeOf(o.Body), c.Enums)
	}
	if o.Answer != nil {
		t := reflect.TypeOf(o.Answer)
		if t.Kind() == reflect.Struct {
			e.Answer = rows(s.object(t, true))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Events)) {
		row := typeOf(s.answer(reflect.TypeOf(o.Events[name])))
		row.Name = name
		e.Events = append(e.Events, row)
	}
	all := merged(c.Shared(o), o.Errors)
	for _, status := range slices.Sorted(maps.Keys(all)) {
		e.Errors = append(e.Errors, Errors{Status: status, Text: http.StatusText(status), Codes: all[status]})
	}
	return e
}

func rows(object Object) []Row {
	properties, _ := object["properties"].(Object)
	var all []Row
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		schema := properties[name].(Object)
		row := typeOf(schema)
		row.Name = name
		row.Means, _ = schema["description"].(string)
		all = append(all, row)
	}
	return all
}

// typeOf says in words what a schema takes, with the named type in it.
func typeOf(schema Object) Row {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		return Row{Type: name, Link: name}
	}
	if values, ok := schema["enum"].([]string); ok {
		return Row{Type: strings.Join(values, " | ")}
	}
	if either, ok := schema["anyOf"].([]any); ok {
		row := typeOf(either[0].(Object))
		row.Type += " or null"
		return row
	}
	kind, orNull := kindOf(schema)
	switch kind {
	case "array":
		row := typeOf(schema["items"].(Object))
		row.Type = "list of " + row.Type + orNull
		return row
	case "object":
		return mapOf(schema, orNull)
	case "":
		return Row{Type: "anything"}
	}
	if format, _ := schema["format"].(string); format == "date-time" {
		kind = "time"
	}
	return Row{Type: kind + orNull}
}

func kindOf(schema Object) (kind, orNull string) {
	if kinds, ok := schema["type"].([]string); ok {
		return kinds[0], " or null"
	}
	kind, _ = schema["type"].(string)
	return kind, ""
}

func mapOf(schema Object, orNull string) Row {
	if values, ok := schema["additionalProperties"].(Object); ok {
		row := typeOf(values)
		row.Type = "names with " + row.Type + orNull
		return row
	}
	var names []string
	for _, row := range rows(schema) {
		names = append(names, row.Name)
	}
	return Row{Type: "object of " + strings.Join(names, ", ") + orNull}
}

// Curl is the request for a terminal, with the console's own address.
func (e Entry) Curl(console string) string {
	address := console + strings.NewReplacer("{app}", "my-shop", "{number}", "1", "{host}", "shop.example.com", "{", "", "}", "").Replace(e.Path)
	parts := []string{"curl"}
	if e.Method != http.MethodGet {
		parts = append(parts, "-X "+e.Method)
	}
	if len(e.Events) > 0 {
		parts = append(parts, "-N")
	}
	if e.Right != "" {
		parts = append(parts, `-H "Authorization: Bearer $LUGSAIL_TOKEN"`)
	}
	switch {
	case e.example != "":
		parts = append(parts, `-H "Content-Type: application/json"`, "-d '"+e.example+"'")
	case len(e.Media) > 0:
		parts = append(parts, `-H "Content-Type: `+e.Media[0]+`"`, "--data-binary @FILE")
	}
	return strings.Join(append(parts, address), " ")
}

// example makes a body to begin with; the tag example says what a field could be.
func example(t reflect.Type, enums map[reflect.Type][]string) string {
	text, err := json.Marshal(sample(t, "", enums))
	if err != nil {
		panic(fmt.Sprintf("an example of %s: %v", t, err)) // found by the first test
	}
	return string(text)
}

func sample(t reflect.Type, says string, enums map[reflect.Type][]string) any {
	if values := enums[t]; len(values) > 0 {
		return values[0]
	}
	if t == reflect.TypeFor[time.Time]() {
		return "2026-01-02T15:04:05Z"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return sample(t.Elem(), says, enums)
	case reflect.Struct:
		out := Object{}
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				out[name] = sample(f.Type, f.Tag.Get("example"), enums)
			}
		}
		return out
	case reflect.Slice:
		return []any{sample(t.Elem(), says, enums)}
	case reflect.Map:
		if says == "" {
			says = "NAME"
		}
		return Object{says: sample(t.Elem(), "", enums)}
	case reflect.Bool:
		return true
	case reflect.String:
		if says == "" {
			says = "text"
		}
		return says
	}
	return 1
}
