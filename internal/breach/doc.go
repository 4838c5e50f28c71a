// Package breach knows breached passwords offline: a file that says of a SHA-1
// whether it is in a list, without holding the list.
//
// The file is a row of binary fuse filters (T. M. Graf and D. Lemire, "Binary Fuse
// Filters: Fast and Smaller Than Xor Filters", 2022), one for each first byte of a
// SHA-1, with fingerprints of 16 bits: about 2.3 bytes an entry. What is in the list
// is always found; of what is not, one in 65,536 is found as well, which costs somebody
// another try at a new password and nothing else.
//
// The layout is this package's own and is fixed by its version, all numbers little
// endian:
//
//	header   64 bytes: magic, version, smallest count, entries, time of making, check sum
//	table    256 × 32 bytes: where a shard is, its seed, its shape, its check sum; then a check sum
//	shards   16-bit fingerprints
//
// The package refuses files that are cut off, of another version, or damaged in header
// or table when it opens them; Verify reads the fingerprints as well.
package breach
