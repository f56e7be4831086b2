package proxy

import (
	"context"
	"errors"
	"log/slog"

	"go.uber.org/zap/zapcore"
)

// zapToSlog carries certmagic's warnings and errors to slog, and drops the rest.
type zapToSlog struct{ fields []zapcore.Field }

// Enabled lets warnings and errors pass.
func (z zapToSlog) Enabled(l zapcore.Level) bool { return l >= zapcore.WarnLevel }

// With adds fields to all entries.
func (z zapToSlog) With(fields []zapcore.Field) zapcore.Core {
	return zapToSlog{append(append([]zapcore.Field{}, z.fields...), fields...)}
}

// Check accepts an entry that is enabled.
func (z zapToSlog) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if z.Enabled(e.Level) {
		return c.AddCore(e, z)
	}
	return c
}

// Write hands an entry over.
func (z zapToSlog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range append(append([]zapcore.Field{}, z.fields...), fields...) {
		if err, ok := f.Interface.(error); ok && errors.Is(err, context.Canceled) {
			return nil // the name left the table, or the proxy ends
		}
		f.AddTo(enc)
	}
	level := slog.LevelWarn
	if e.Level >= zapcore.ErrorLevel {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("text", e.Message)}
	for k, v := range enc.Fields {
		attrs = append(attrs, slog.Any(k, v))
	}
	slog.LogAttrs(context.Background(), level, "certificates", attrs...)
	return nil
}

// Sync has nothing to do.
func (zapToSlog) Sync() error { return nil }
