// Package ui holds the console's templates, style, script and drawings. It has no code:
// what is shown is decided in internal/web/console. README.md tells how a page is made.
package ui

import "embed"

// Files has the folders templates and dist; make ui makes the second.
//
//go:embed templates dist
var Files embed.FS
