package blueprint

import _ "embed" // for the schema

// Schema says what stands in blueprint.yaml, as JSON Schema.
//
//go:embed schema.json
var Schema []byte
