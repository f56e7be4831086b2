// Package blueprint reads blueprints: those that Lugsail brings, and nothing else of the system.
//
// A blueprint is a folder. What it is and asks for stands in blueprint.yaml; the rest of the folder is the source
// that the usual builders build. The file is read strictly: a key that nobody knows is a mistake with a line number,
// because a person who writes one has no other way to find out.
package blueprint
