// Package api holds the documents that describe Cardea to machines. They are
// sources of truth: the code is tested against them, never the other way round.
package api

import _ "embed"

// ConfigSchema is the JSON Schema (draft 7) of the configuration file. Every key
// that Ory Kratos reads is in it; Cardea's own settings are under "cardea".
//
//go:embed config.schema.json
var ConfigSchema string

// OpenAPI describes both ports: OpenAPI 3.1 in YAML. Operations, parameters and
// schemas have the names that the SDKs of Ory Kratos know; "x-port" says on
// which port an operation is.
//
//go:embed openapi.yaml
var OpenAPI string
