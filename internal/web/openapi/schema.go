package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Object is a JSON object of the document.
type Object = map[string]any

// schemas makes schemas of types; named structs of answers become components.
type schemas struct {
	enums map[reflect.Type][]string
	named map[string]reflect.Type
	made  Object
}

// answer is the schema of what the API gives.
func (s *schemas) answer(t reflect.Type) Object { return s.of(t, true) }

// body is the schema of what the API takes. It refers to nothing.
func (s *schemas) body(t reflect.Type) Object { return s.of(t, false) }

func (s *schemas) of(t reflect.Type, out bool) Object {
	if values, ok := s.enums[t]; ok {
		return Object{"type": "string", "enum": values}
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return Object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return Object{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(s.of(t.Elem(), out))
	case reflect.Struct:
		return s.structure(t, out)
	case reflect.Slice, reflect.Array:
		return Object{"type": "array", "items": s.of(t.Elem(), out)}
	case reflect.Map:
		return Object{"type": "object", "additionalProperties": s.of(t.Elem(), out)}
	case reflect.Interface:
		return Object{}
	}
	return scalar(t)
}

func scalar(t reflect.Type) Object {
	switch t.Kind() {
	case reflect.String:
		return Object{"type": "string"}
	case reflect.Bool:
		return Object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return Object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Object{"type": "integer", "format": "int64"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Object{"type": "integer", "minimum": 0}
	}
	panic(fmt.Sprintf("the API has no words for the type %s", t)) // found by the first test
}

func nullable(schema Object) Object {
	if kind, ok := schema["type"].(string); ok && schema["enum"] == nil {
		schema["type"] = []string{kind, "null"}
		return schema
	}
	return Object{"anyOf": []any{schema, Object{"type": "null"}}}
}

func (s *schemas) structure(t reflect.Type, out bool) Object {
	if !out || t.Name() == "" {
		return s.object(t, out)
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if other, taken := s.named[name]; taken && other != t {
		panic(fmt.Sprintf("two types of the API are called %s: %s and %s", name, other, t)) // found by the first test
	} else if !taken {
		s.named[name] = t
		s.made[name] = s.object(t, out)
	}
	return Object{"$ref": "#/components/schemas/" + name}
}

func (s *schemas) object(t reflect.Type, out bool) Object {
	properties, required := Object{}, []string{}
	s.fields(t, out, properties, &required)
	o := Object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		slices.Sort(required)
		o["required"] = required
	}
	return o
}

func (s *schemas) fields(t reflect.Type, out bool, properties Object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			s.fields(f.Type, out, properties, required)
			continue
		}
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("the field %s.%s has no name in JSON", t, f.Name)) // found by the first test
		}
		properties[name] = s.field(f, out)
		says := f.Tag.Get("openapi")
		if out && !strings.Contains(options, "omit") || !out && strings.Contains(says, "required") {
			*required = append(*required, name)
		}
	}
}

func (s *schemas) field(f reflect.StructField, out bool) Object {
	schema := s.of(f.Type, out)
	if strings.Contains(f.Tag.Get("openapi"), "null") {
		schema = nullable(schema)
	}
	if means := f.Tag.Get("doc"); means != "" {
		schema["description"] = means // beside $ref too: 3.1 allows it
	}
	return schema
}
