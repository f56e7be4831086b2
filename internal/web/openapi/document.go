package openapi

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Config is what the document says beside the operations.
type Config struct {
	Operations []Operation
	Problem    any                       // a value of the type of an error's body
	Enums      map[reflect.Type][]string // the values of types that have few
	Paths      map[string]string         // what the names in paths mean
	Shared     func(o Operation) Codes   // the problems that every route of its kind can answer
	Groups     []string                  // the order of the headings
}

const jsonType = "application/json"

// Document makes the OpenAPI document. It panics where a description cannot be true of any
// route, such as a type without a form in JSON: the first test finds that.
func Document(c Config) Object {
	s := &schemas{enums: c.Enums, named: map[string]reflect.Type{}, made: Object{}}
	problem := s.answer(reflect.TypeOf(c.Problem))
	paths := Object{}
	for _, o := range c.Operations {
		at, ok := paths[o.Path()].(Object)
		if !ok {
			at = Object{}
			paths[o.Path()] = at
		}
		at[strings.ToLower(o.Method())] = operation(c, s, o, problem)
	}
	tags := []any{}
	for _, g := range c.Groups {
		tags = append(tags, Object{"name": g})
	}
	return Object{
		"openapi": "3.1.0",
		"info": Object{
			"title": "Lugsail", "version": "1", "summary": "Apps on a server of your own",
			"description": strings.Join(about, " "),
		},
		"servers":    []any{Object{"url": "/", "description": "the server that gave this document"}},
		"tags":       tags,
		"paths":      paths,
		"components": Object{"schemas": s.made, "securitySchemes": schemes()},
	}
}

// about says what holds for every operation.
var about = []string{
	"Send a token in the header Authorization: Bearer lgs_…; `lugsail tokens create` makes one, and so does the console under Account.",
	"Bodies are JSON, and a field that a request does not know is refused.",
	"Every error is application/problem+json with a stable code, a sentence of what happened and one of what to do.",
	"Work that takes long answers 202 with its deployment.",
	"A list that can grow takes limit and cursor, and gives the cursor of its next page as next, null at the end.",
	"A POST with the header Idempotency-Key is done once: the same key and body get the same answer again for 24 hours.",
	"The headers RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset tell how many requests are left, and in how many seconds all are there again.",
}

func schemes() Object {
	return Object{
		"token":   Object{"type": "http", "scheme": "bearer", "description": "an API token, lgs_…"},
		"session": Object{"type": "apiKey", "in": "cookie", "name": "__Host-lugsail", "description": "the session of the console's own pages"},
	}
}

func operation(c Config, s *schemas, o Operation, problem Object) Object {
	out := Object{
		"operationId": o.ID(), "summary": o.Summary, "tags": []string{o.Group},
		"responses": responses(c, s, o, problem), "security": security(o.Access),
	}
	if notes := notes(o); notes != "" {
		out["description"] = notes
	}
	if all := parameters(c, o); len(all) > 0 {
		out["parameters"] = all
	}
	if content := content(s, o); content != nil {
		out["requestBody"] = Object{"content": content, "required": needsBody(o, content)}
	}
	return out
}

func notes(o Operation) string {
	text := o.Notes
	if right := o.Access.Right; right != "" {
		text += fmt.Sprintf(" Needs the right %q.", right)
	}
	return strings.TrimSpace(text)
}

func security(a Access) []any {
	if a.Public {
		return []any{}
	}
	return []any{Object{"token": []string{}}, Object{"session": []string{}}}
}

func parameters(c Config, o Operation) []any {
	var all []any
	for _, name := range o.PathParams() {
		schema := Object{"type": "string"}
		if name == "number" {
			schema = Object{"type": "integer", "minimum": 1}
		}
		all = append(all, Object{"name": name, "in": "path", "required": true, "description": c.Paths[name], "schema": schema})
	}
	for _, p := range o.Query {
		schema := Object{"type": p.Type}
		if p.Max > 0 {
			schema["minimum"], schema["maximum"] = p.Min, p.Max
		}
		all = append(all, Object{"name": p.Name, "in": "query", "required": false, "description": p.Means, "schema": schema})
	}
	if o.Method() == http.MethodPost && !o.Access.Public && o.Events == nil {
		all = append(all, Object{
			"name": "Idempotency-Key", "in": "header", "required": false, "description": "does the request once, however often it is sent within 24 hours",
			"schema": Object{"type": "string", "minLength": 1, "maxLength": 255},
		})
	}
	return all
}

// needsBody reports whether an empty body is refused: a stream, or an object of which some fields are required.
func needsBody(o Operation, content Object) bool {
	if o.Body == nil {
		return true
	}
	_, some := content[jsonType].(Object)["schema"].(Object)["required"]
	return some && len(o.Media) == 0
}

func content(s *schemas, o Operation) Object {
	all := Object{}
	if o.Body != nil {
		all[jsonType] = Object{"schema": s.body(reflect.TypeOf(o.Body))}
	}
	for _, media := range o.Media {
		all[media] = Object{"schema": Object{}}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func responses(c Config, s *schemas, o Operation, problem Object) Object {
	all := Object{strconv.Itoa(o.Status): success(s, o)}
	if o.Tagged {
		all[strconv.Itoa(http.StatusNotModified)] = Object{"description": http.StatusText(http.StatusNotModified)}
	}
	for status, codes := range merged(c.Shared(o), o.Errors) {
		all[strconv.Itoa(status)] = Object{
			"description": http.StatusText(status) + ": " + strings.Join(codes, ", "),
			"content": Object{"application/problem+json": Object{"schema": Object{
				"allOf":      []any{problem},
				"properties": Object{"status": Object{"const": status}, "code": Object{"enum": codes}},
			}}},
		}
	}
	return all
}

// merged lists the codes of each status, sorted.
func merged(sets ...Codes) map[int][]string {
	all := map[int][]string{}
	for _, set := range sets {
		for status, codes := range set {
			all[status] = append(all[status], strings.Fields(codes)...)
		}
	}
	for status := range all {
		slices.Sort(all[status])
		all[status] = slices.Compact(all[status])
	}
	return all
}

func success(s *schemas, o Operation) Object {
	out := Object{"description": http.StatusText(o.Status)}
	contents := Object{}
	if o.Answer != nil {
		contents[jsonType] = Object{"schema": s.answer(reflect.TypeOf(o.Answer))}
	}
	if o.Type != "" {
		contents[o.Type] = Object{"schema": Object{}}
	}
	if o.Events != nil {
		contents["text/event-stream"] = Object{"schema": Object{"type": "string", "description": "server-sent events: " + events(o)}, "x-events": s.events(o)}
	}
	if len(contents) > 0 {
		out["content"] = contents
	}
	return out
}

func events(o Operation) string {
	return strings.Join(slices.Sorted(maps.Keys(o.Events)), ", ")
}

// events describes the data of each event; OpenAPI 3.1 has no word for them.
func (s *schemas) events(o Operation) Object {
	all := Object{}
	for name, data := range o.Events {
		all[name] = s.answer(reflect.TypeOf(data))
	}
	return all
}
