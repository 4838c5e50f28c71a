//go:build !race

package store

// manyRows is how many identities the query plans are made for.
const manyRows = "100000"
