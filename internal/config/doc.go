// Package config owns the configuration: reading it the way Ory Kratos does,
// checking it against the schema in package api, and handing it out as an
// immutable Snapshot.
//
// Later layers win: schema defaults, files in the order given, command-line
// flags, environment variables. Objects merge deeply, lists of files replace each
// other, lists of the environment are laid over element by element. Where a value
// came from is remembered, so that every complaint names its key and its source.
//
// It refuses to answer with half a configuration: Load gives a Snapshot that
// passed validation, or an *InvalidError with everything that is wrong. It opens
// no files but the ones it was named, fetches nothing and starts nothing.
//
// Invariants:
//   - A Snapshot never changes after Load returned it; whoever holds one reads
//     plain fields without locks.
//   - A field has the name of its key: "serve.public.base_url" is
//     Serve.Public.BaseURL. A test walks the schema and finds a field for each key.
//   - No value of the configuration appears in an Issue: values may be secrets.
package config
