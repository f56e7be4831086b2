// Package openapi describes the API: one Operation for each route, and from them all the
// OpenAPI 3.1 document (spec.openapis.org/oas/v3.1).
//
// Schemas come from the Go types that the handlers take and give, by the rules of
// encoding/json. It is small code of our own, since the libraries that know version 3.1
// leave required fields and null to tags, and here the type decides: a field of an answer
// is always there unless it says omitempty, may be null only where it is a pointer or says
// openapi:"null", and nothing else comes beside it. Tests hold every answer against that.
//
// What surprises: bodies of requests and answers follow different rules. Every field of a
// request may be left out, unless its tag says openapi:"required".
package openapi
