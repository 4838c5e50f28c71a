//go:build unix

package breach

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
)

// memory is a file that the system shows as memory: pages that nobody asks for take
// none, and all processes share those that are there.
type memory []byte

func mapFile(source *os.File, size int64) (mapped, error) {
	if size > math.MaxInt {
		return nil, fmt.Errorf("%s is too large for this machine", source.Name())
	}
	b, err := syscall.Mmap(int(source.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s into memory: %w", source.Name(), err)
	}
	return memory(b), source.Close()
}

func (m memory) print(offset int64) (uint16, error) {
	return binary.LittleEndian.Uint16(m[offset:]), nil
}

func (m memory) ReadAt(p []byte, offset int64) (n int, err error) {
	if offset > int64(len(m)) {
		return 0, io.EOF
	}
	if n = copy(p, m[offset:]); n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m memory) Close() error { return syscall.Munmap(m) }
