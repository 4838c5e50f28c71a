package jsonnet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// meter reads a process' memory. The file is kept open: it stays bound to the
// process even when its number is given to another.
type meter struct{ statm *os.File }

// newMeter gives nil when /proc is not there.
func newMeter(pid int) *meter {
	f, err := os.Open(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return nil
	}
	return &meter{f}
}

// private gives the resident bytes that are not shared: neither the binary's pages
// nor any other file's count.
func (m *meter) private() (bytes int64, known bool) {
	if m == nil {
		return 0, false
	}
	fields, ok := statm(m.statm)
	return (fields[statmResident] - fields[statmShared]) * int64(os.Getpagesize()), ok
}

func (m *meter) close() {
	if m != nil {
		m.statm.Close()
	}
}

// The places of proc_pid_statm(5), in pages.
const (
	statmResident = 1
	statmShared   = 2
	statmData     = 5
	statmFields   = 7
)

func statm(f *os.File) (fields [statmFields]int64, ok bool) {
	var buf [256]byte
	n, _ := f.ReadAt(buf[:], 0)
	words := bytes.Fields(buf[:n])
	if len(words) < statmFields {
		return fields, false
	}
	for i := range fields {
		v, err := strconv.ParseInt(string(words[i]), 10, 64)
		if err != nil {
			return fields, false
		}
		fields[i] = v
	}
	return fields, true
}
