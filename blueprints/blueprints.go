// Package blueprints is a folder per stack: blueprint.yaml, which `lugsail blueprints schema` describes, and what an
// app is made of. A new one needs no Go.
package blueprints

import "embed"

// Folders holds them all.
//
//go:embed all:*/*
var Folders embed.FS
