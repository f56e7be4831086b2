// Package ui holds the console's templates, style, script and drawings. It has no code:
// what is shown is decided in internal/web/console.
package ui

import "embed"

// Files has the folders templates and assets.
//
//go:embed templates assets
var Files embed.FS
