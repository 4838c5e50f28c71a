//go:build race

package store

// manyRows is small here: the race detector slows the translated SQLite down twentyfold.
const manyRows = "5000"
