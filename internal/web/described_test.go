package web

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
)

// description holds every answer of the API that a test sees against the document.
type description struct {
	document map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	schemas  map[string]*jsonschema.Schema // by place in the document
}

var (
	describeOnce sync.Once
	described    *description
)

const documentURL = "https://lugsail.test/openapi.json"

func theDescription(t testing.TB, s *Server) *description {
	t.Helper()
	describeOnce.Do(func() {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.reference.document))
		must(t, err)
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.AssertFormat()
		must(t, c.AddResource(documentURL, document))
		described = &description{document: document.(map[string]any), compiler: c, schemas: map[string]*jsonschema.Schema{}}
	})
	return described
}

// check holds a JSON text against the schema at a place of the document.
func (d *description) check(place []string, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	pointer := ""
	for _, p := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p)
	}
	schema, ok := d.schemas[pointer]
	if !ok {
		var err error
		escaped := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer)
		if schema, err = d.compiler.Compile(documentURL + "#" + escaped); err != nil {
			return err
		}
		d.schemas[pointer] = schema
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// operation finds what describes a request; false where no route of the API takes it.
func (r *rig) operation(method, path string) (openapi.Operation, bool) {
	path, _, _ = strings.Cut(path, "?")
	var found openapi.Operation
	best := -1
	for _, o := range r.server.reference.operations {
		if fixed, ok := fits(o, method, path); ok && fixed > best {
			found, best = o, fixed
		}
	}
	return found, best >= 0
}

// fits tells how many parts of a path are written in the route itself.
func fits(o openapi.Operation, method, path string) (fixed int, ok bool) {
	if o.Method() != method {
		return 0, false
	}
	want, got := strings.Split(o.Path(), "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return 0, false
	}
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "{") && got[i] != "":
		case part == got[i]:
			fixed++
		default:
			return 0, false
		}
	}
	return fixed, true
}

// checkAnswer fails the test when the API gives what its description does not say.
func (r *rig) checkAnswer(a ask, got answer) {
	r.t.Helper()
	method := a.method
	if method == "" {
		method = get
	}
	o, ok := r.operation(method, a.path)
	if !ok || r.undescribed || a.host != "" && a.host != testHost && a.host != localHost {
		return
	}
	place := []string{"paths", o.Path(), strings.ToLower(method), "responses", strconv.Itoa(got.StatusCode)}
	var at any = theDescription(r.t, r.server).document
	for _, p := range place {
		at = at.(map[string]any)[p]
		if at == nil {
			r.t.Errorf("%s answered %d, which its description does not know\n%s", o.Route, got.StatusCode, got.body)
			return
		}
	}
	kind, _, _ := mime.ParseMediaType(got.Header.Get("Content-Type"))
	content, _ := at.(map[string]any)["content"].(map[string]any)
	if content == nil && got.body == "" || content != nil && content[kind] != nil && kind != "application/json" && kind != "application/problem+json" {
		return
	}
	if content[kind] == nil {
		r.t.Errorf("%s answered %d as %q, which its description does not know\n%s", o.Route, got.StatusCode, kind, got.body)
		return
	}
	if err := described.check(append(place, "content", kind, "schema"), got.body); err != nil {
		r.t.Errorf("%s answered %d in another form than its description says: %v\n%s", o.Route, got.StatusCode, err, got.body)
	}
}

// checkEvent does the same for an event of a stream.
func (r *rig) checkEvent(path string, e sse) {
	r.t.Helper()
	o, ok := r.operation(get, path)
	if !ok || e.event == "" {
		return
	}
	place := []string{"paths", o.Path(), "get", "responses", "200", "content", "text/event-stream", "x-events", e.event}
	if err := theDescription(r.t, r.server).check(place, e.data); err != nil {
		r.t.Errorf("%s sent an event %q in another form than its description says: %v\n%s", o.Route, e.event, err, e.data)
	}
}

// watchBodies makes every handler of the API tell which type it took the body as.
func (r *rig) watchBodies() {
	for i, route := range r.server.routes {
		o, ok := r.operation(route.method, strings.NewReplacer(":", "").Replace(route.path))
		if !ok || o.Route != route.method+" "+route.path {
			continue
		}
		handler := route.handler
		r.server.routes[i].handler = func(c echo.Context) error {
			err := handler(c)
			if took := request.Decoded(c); took != nil && took != reflect.TypeOf(o.Body) {
				r.t.Errorf("%s takes %v, but its description says %v", o.Route, took, reflect.TypeOf(o.Body))
			}
			return err
		}
	}
	r.server.handler = r.server.build()
}

func TestAPI_EveryRouteIsDescribed(t *testing.T) {
	r := newRig(t)
	described := map[string]bool{}
	for _, o := range r.server.reference.operations {
		if described[o.Route] {
			t.Errorf("%s is described twice", o.Route)
		}
		described[o.Route] = true
		if o.Summary == "" || o.Group == "" || o.Status == 0 {
			t.Errorf("%s has no summary, group or status", o.Route)
		}
	}
	for _, route := range r.server.routes {
		name := route.method + " " + route.path
		if strings.HasPrefix(route.path, "/api/") && !described[name] {
			t.Errorf("%s has no description. Write one beside its handler, as in internal/web/api/domains.go, and name the list in api.Operations", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is described, but there is no such route", name)
	}
}

func TestAPI_TheDocumentIsOpenAPI31(t *testing.T) {
	r := newRig(t)
	got := r.do(ask{path: "/api/v1/openapi.json"}).want(t, http.StatusOK)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	must(t, err)
	c := jsonschema.NewCompiler()
	schema, err := c.Compile("testdata/openapi-3.1.json") // as published at spec.openapis.org/oas/3.1/schema
	must(t, err)
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
	all := document.(map[string]any)
	ids := map[string]string{}
	for path, item := range all["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			id := o.(map[string]any)["operationId"].(string)
			if ids[id] != "" {
				t.Errorf("%s %s has the id %s of %s", method, path, id, ids[id])
			}
			ids[id] = method + " " + path
		}
	}
	if len(ids) < 30 || all["openapi"] != "3.1.0" {
		t.Errorf("%d operations, version %v", len(ids), all["openapi"])
	}
	compileAll(t, r, document, "")
	again := r.do(ask{path: "/api/v1/openapi.json", header: http.Header{"If-None-Match": {got.Header.Get("ETag")}}})
	if again.StatusCode != http.StatusNotModified || again.body != "" {
		t.Errorf("the same document again: %d %s", again.StatusCode, again.body)
	}
}

// compileAll finds every schema of the document and follows what it refers to.
func compileAll(t *testing.T, r *rig, at any, pointer string) {
	t.Helper()
	switch v := at.(type) {
	case map[string]any:
		for key, value := range v {
			below := pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key)
			if key == "schema" {
				if _, err := theDescription(t, r.server).compiler.Compile(documentURL + "#" + below); err != nil {
					t.Errorf("%s: %v", below, err)
				}
				continue
			}
			compileAll(t, r, value, below)
		}
	case []any:
		for i, value := range v {
			compileAll(t, r, value, pointer+"/"+strconv.Itoa(i))
		}
	}
}

func TestA75_TheDescriptionTellsNothingOfThisServer(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	got := r.do(ask{path: "/api/v1/openapi.json"}).want(t, http.StatusOK).body
	for _, secret := range []string{canary, testEmail, testHost, "mine.", "\"test\"", r.session, "203.0.113.7"} {
		if strings.Contains(got, secret) {
			t.Errorf("the document has %q", secret)
		}
	}
	if !json.Valid([]byte(got)) {
		t.Error("the document is no JSON")
	}
}

func TestReference_ShowsEveryOperationToPeople(t *testing.T) {
	r := newRig(t)
	page := r.do(ask{path: "/docs/api", session: r.session}).want(t, http.StatusOK).body
	for _, o := range r.server.reference.operations {
		if !strings.Contains(page, `id="`+o.ID()+`"`) || !strings.Contains(page, "<code>"+o.Method()+" "+o.Path()+"</code>") {
			t.Errorf("%s is not in the reference", o.Route)
		}
	}
	for _, wanted := range []string{
		`https://` + testHost + `/api/v1/apps/my-shop/scale`, "Authorization: Bearer $LUGSAIL_TOKEN", `href="#type-Deployment"`, `id="type-Deployment"`, "does_not_fit", "<code>lugsail tokens create</code>",
	} {
		if !strings.Contains(page, wanted) {
			t.Errorf("the reference lacks %s", wanted)
		}
	}
	for _, unwanted := range []string{"<script>", " style=", " onclick=", "http://", "//cdn"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("the reference has %s", unwanted)
		}
	}
	if account := r.do(ask{path: "/account", session: r.session}).body; !strings.Contains(account, `href="/docs/api"`) {
		t.Error("the account's page does not lead to the reference")
	}
}
