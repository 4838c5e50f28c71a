// Package geotest writes small MaxMind DB files for tests. The format is that of
// https://maxmind.github.io/MaxMind-DB/, version 2.0: a binary tree of networks, 16
// zero bytes, the entries, and the metadata behind a marker.
package geotest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Map is a map of an entry. Values are Map, string, float64 and uint16.
type Map = map[string]any

// City is an entry as files with cities have it.
func City(name, country string, latitude, longitude float64, accuracy uint16) Map {
	return Map{
		"city": Map{"names": Map{"en": name, "fr": name + " (fr)"}}, "country": Map{"iso_code": country},
		"location": Map{"latitude": latitude, "longitude": longitude, "accuracy_radius": accuracy},
	}
}

// Country is an entry as files with countries have it.
func Country(code string) Map { return Map{"country": Map{"iso_code": code}} }

// Write writes a file with an entry for each network into a directory of the test
// and returns its path.
func Write(t testing.TB, entries map[string]Map) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	Replace(t, path, File(entries))
	return path
}

// Replace puts another edition in the place of a file, as a whole.
func Replace(t testing.TB, path string, raw []byte) {
	t.Helper()
	fresh := path + ".new"
	if err := os.WriteFile(fresh, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}

// node has a branch for each value of the next bit: another node, a place in the data,
// or nothing.
type node struct {
	next [2]*node
	at   [2]int // offset of the entry plus one; 0 for none
}

// File is a file with an entry for each network. Networks must not overlap.
func File(entries map[string]Map) []byte {
	root := &node{}
	var data []byte
	for _, network := range slices.Sorted(maps.Keys(entries)) {
		root.insert(netip.MustParsePrefix(network), len(data)+1)
		data = appendValue(data, entries[network])
	}
	var nodes []*node
	root.list(&nodes)
	file := appendTree(nil, nodes)
	file = append(file, make([]byte, 16)...)
	file = append(file, data...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	return appendValue(file, Map{
		"node_count": uint32(len(nodes)), "record_size": uint16(24), "ip_version": uint16(6),
		"database_type": "Test-City", "languages": []string{"en"},
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0),
		"build_epoch": uint64(1_700_000_000), "description": Map{"en": "places that do not exist"},
	})
}

// insert puts an entry at the end of the path of a network. IPv4 lies below ::/96.
func (n *node) insert(network netip.Prefix, at int) {
	bits, length := network.Addr().As16(), network.Bits()
	if network.Addr().Is4() {
		bits, length = [16]byte{}, length+96
		v4 := network.Addr().As4()
		copy(bits[12:], v4[:])
	}
	for i := range length {
		bit := bits[i/8] >> (7 - i%8) & 1
		if i == length-1 {
			n.at[bit] = at
			return
		}
		if n.next[bit] == nil {
			n.next[bit] = &node{}
		}
		n = n.next[bit]
	}
}

func (n *node) list(all *[]*node) {
	*all = append(*all, n)
	for _, next := range n.next {
		if next != nil {
			next.list(all)
		}
	}
}

// appendTree writes two records of 24 bits for each node: the number of another node,
// the number of nodes for nothing, or a place behind it.
func appendTree(b []byte, nodes []*node) []byte {
	number := map[*node]int{}
	for i, n := range nodes {
		number[n] = i
	}
	for _, n := range nodes {
		for bit := range 2 {
			record := len(nodes)
			switch {
			case n.next[bit] != nil:
				record = number[n.next[bit]]
			case n.at[bit] > 0:
				record += 16 + n.at[bit] - 1
			}
			b = append(b, byte(record>>16), byte(record>>8), byte(record))
		}
	}
	return b
}

// appendValue writes a value: a byte with type and size, then the content. Types from
// 8 on have a byte of their own.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(appendControl(b, 2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(appendControl(b, 3, 8), math.Float64bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(appendControl(b, 5, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(appendControl(b, 6, 4), v)
	case uint64:
		return binary.BigEndian.AppendUint64(append(b, 8, 9-7), v)
	case []string:
		b = append(b, byte(len(v)), 11-7)
		for _, one := range v {
			b = appendValue(b, one)
		}
		return b
	case Map:
		b = appendControl(b, 7, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(appendValue(b, key), v[key])
		}
		return b
	}
	panic(fmt.Sprintf("geotest: no type for %T", v))
}

// appendControl writes type and size; sizes from 29 to 284 take one more byte.
func appendControl(b []byte, kind, size int) []byte {
	if size < 29 {
		return append(b, byte(kind<<5|size))
	}
	return append(b, byte(kind<<5|29), byte(size-29))
}
