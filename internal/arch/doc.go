// Package arch holds the rules of the repository that a compiler does not know: which
// package may import which, where each third-party library lives, that one package
// starts programs and none starts a shell, and that what Lugsail is (platform) is
// documented. It has tests only.
//
// What surprises: a new package fails the test until it has a row in table.go. That is
// the moment to think about what it may know.
package arch
