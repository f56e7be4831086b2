package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// MaxJSON and MaxForm bound bodies. Config vars (64 KiB, escaped) are the largest honest ones.
const (
	MaxJSON = 1 << 20
	MaxForm = 512 << 10
)

// ReadForm reads the form that a page sends; its fields are then in the request.
func ReadForm(c echo.Context) error {
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response(), r.Body, MaxForm)
	err := r.ParseForm()
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return TooLarge()
	}
	if err != nil {
		return WithStatus(http.StatusBadRequest,
			platform.Errorf(platform.Invalid, "form_invalid", "The form cannot be read.").WithHint("Go back and send it again.").Because(err))
	}
	return nil
}

// Decode reads the JSON body into v, a pointer to a struct. An empty body leaves v as it is.
func Decode(c echo.Context, v any) error {
	c.Set(decodedKey, reflect.TypeOf(v))
	body, err := ReadBody(c)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	if err := jsonType(c.Request()); err != nil {
		return err
	}
	if err := checkKeys(body, reflect.TypeOf(v)); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return badJSON(err)
	}
	return nil
}

// Decoded is the type that the handler took the body as; nil when it took none.
func Decoded(c echo.Context) reflect.Type {
	t, _ := c.Get(decodedKey).(reflect.Type)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// ReadBody reads a JSON body whole; one that is too large or breaks off is refused.
func ReadBody(c echo.Context) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, MaxJSON))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, TooLarge()
	}
	if err != nil {
		return nil, WithStatus(http.StatusBadRequest,
			platform.Errorf(platform.Invalid, "body_unreadable", "The body of the request broke off.").Because(err))
	}
	return body, nil
}

// TooLarge is the answer to a body above the limit.
func TooLarge() error {
	return WithStatus(http.StatusRequestEntityTooLarge,
		platform.Errorf(platform.Invalid, "body_too_large", "The request is larger than Lugsail takes.").
			WithHint("All config vars of an app together may have 64 KiB."))
}

// jsonType refuses what a foreign page's form could send without asking first.
func jsonType(r *http.Request) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && t == "application/json" {
		return nil
	}
	return WithStatus(http.StatusUnsupportedMediaType,
		platform.Errorf(platform.Invalid, "not_json", "The API takes JSON only.").
			WithHint("Send the header Content-Type: application/json."))
}

func badJSON(err error) error {
	e := platform.Errorf(platform.Invalid, "json_invalid", "The body is not valid JSON for this request.").Because(err)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) && wrong.Field != "" {
		e = platform.Errorf(platform.Invalid, "field_invalid", "The field %s cannot be a JSON %s.", wrong.Field, wrong.Value).Because(err)
	}
	return WithStatus(http.StatusBadRequest, e)
}

// maxDepth is deeper than any body of the API, and shallow enough for the stack.
const maxDepth = 16

// checkKeys walks the document beside the type: encoding/json itself would take
// ADMIN for admin and the last of two equal keys.
func checkKeys(body []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := checkValue(d, t, maxDepth); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badJSON(errors.New("more than one value"))
	}
	return nil
}

func checkValue(d *json.Decoder, t reflect.Type, depth int) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	token, err := d.Token()
	if err != nil {
		return badJSON(err)
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == 0 {
		return badJSON(errors.New("nested too deeply"))
	}
	if open == '{' {
		err = checkObject(d, t, depth-1)
	} else {
		err = checkArray(d, t, depth-1)
	}
	if err != nil {
		return err
	}
	if _, err := d.Token(); err != nil { // the closing one
		return badJSON(err)
	}
	return nil
}

func checkArray(d *json.Decoder, t reflect.Type, depth int) error {
	for d.More() {
		if err := checkValue(d, elem(t), depth); err != nil {
			return err
		}
	}
	return nil
}

func checkObject(d *json.Decoder, t reflect.Type, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return badJSON(err)
		}
		key, _ := token.(string) // the decoder gives only strings here
		if seen[key] {
			return fieldError("field_twice", "The field %s stands twice in the body.", key)
		}
		seen[key] = true
		of, known := field(t, key)
		if !known {
			return fieldError("field_unknown", "This request has no field %s.", key)
		}
		if err := checkValue(d, of, depth); err != nil {
			return err
		}
	}
	return nil
}

func fieldError(code, message, key string) error {
	if len(key) > 60 {
		key = key[:60] + "…"
	}
	return WithStatus(http.StatusBadRequest, platform.Errorf(platform.Invalid, code, message, key))
}

// field finds the type of an object's key; a map takes any key.
func field(t reflect.Type, key string) (reflect.Type, bool) {
	if t == nil || t.Kind() != reflect.Struct {
		return elem(t), true
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == key {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}

func elem(t reflect.Type) reflect.Type {
	if t == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Array:
		return t.Elem()
	}
	return nil
}
