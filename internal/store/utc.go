package store

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"gorm.io/gorm"
)

// useUTC makes every time that is written UTC and cut to microseconds (what PostgreSQL keeps),
// in the caller's value too, so that it equals what will be read.
func useUTC(db *gorm.DB) error {
	before := func(tx *gorm.DB) { timesToUTC(reflect.ValueOf(tx.Statement.Dest)) }
	if err := db.Callback().Create().Before("gorm:create").Register("lugsail:utc_create", before); err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	if err := db.Callback().Update().Before("gorm:update").Register("lugsail:utc_update", before); err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	return nil
}

// timesToUTC walks a pointer to a row, or to a slice of rows.
func timesToUTC(v reflect.Value) {
	v = reflect.Indirect(v)
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			timesToUTC(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			setUTC(v.Field(i))
		}
	}
}

// setUTC also makes text of what comes from strangers, such as the title of a commit.
func setUTC(field reflect.Value) {
	if !field.CanSet() {
		return
	}
	if field.Kind() == reflect.String {
		if kept := asText(field.String()); kept != field.String() {
			field.SetString(kept)
		}
		return
	}
	switch t := field.Interface().(type) {
	case time.Time:
		field.Set(reflect.ValueOf(t.UTC().Truncate(time.Microsecond)))
	case *time.Time:
		if t != nil {
			u := t.UTC().Truncate(time.Microsecond)
			field.Set(reflect.ValueOf(&u))
		}
	}
}

// asText gives what both kinds of database keep: PostgreSQL refuses zero bytes and what is not UTF-8.
func asText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
