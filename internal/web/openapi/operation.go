package openapi

import "strings"

// Operation describes what one route does.
type Operation struct {
	Route   string // "GET /api/v1/apps/:app"
	Group   string // the heading that it stands under, "Apps"
	Summary string // a few words
	Notes   string // what else there is to know; sentences
	Query   []Param
	Body    any            // a value of the type of a JSON body; nil: none
	Media   []string       // media types of a body that is not JSON
	Status  int            // of the answer when all went well
	Answer  any            // a value of the type of that answer; nil: it has no body
	Type    string         // media type of an answer that is not JSON
	Events  map[string]any // of a stream of server-sent events: a value of the type of each one's data
	Tagged  bool           // has an ETag, and answers 304 to who knows it
	Errors  Codes          // beside those that every route of its kind can answer
	Access  Access         // told by the list of routes
}

// Codes are the codes of problems by status, separated by spaces.
type Codes map[int]string

// Param is a parameter of the query.
type Param struct {
	Name  string
	Type  string // "integer", "string", "boolean"
	Means string
	Min   int64
	Max   int64 // 0: no bounds
}

// Access says who may ask.
type Access struct {
	Public bool   // nobody needs to be known
	Right  string // "read", "deploy" …
	AnyApp bool   // tokens of one app may ask too
}

// Method is the HTTP method.
func (o Operation) Method() string {
	method, _, _ := strings.Cut(o.Route, " ")
	return method
}

// Path is the path as OpenAPI writes it, with {app} for :app.
func (o Operation) Path() string {
	_, path, _ := strings.Cut(o.Route, " ")
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// ID names the operation in clients: "getApp" of GET /api/v1/apps/:app.
func (o Operation) ID() string {
	id := strings.ToLower(o.Method())
	for part := range strings.SplitSeq(strings.TrimPrefix(o.Path(), "/api/v1/"), "/") {
		part = strings.Trim(part, "{}")
		for word := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == '_' || r == '.' || r == '-' }) {
			id += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	if strings.HasSuffix(o.Path(), "}") {
		id += "One"
	}
	return id
}

// PathParams are the names in the path.
func (o Operation) PathParams() []string {
	var names []string
	for part := range strings.SplitSeq(o.Path(), "/") {
		if strings.HasPrefix(part, "{") {
			names = append(names, strings.Trim(part, "{}"))
		}
	}
	return names
}
