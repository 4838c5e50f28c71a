package breach

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime/debug"
	"time"
)

const (
	shardCount = 256
	headerSize = 64
	rowSize    = 32
	tableSize  = shardCount*rowSize + 4
	shardsAt   = headerSize + tableSize
	version    = 1
	printSize  = 2
)

var (
	magic      = [8]byte{'C', 'A', 'R', 'D', 'E', 'A', 'B', 'P'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// ErrDamaged is a file that is not what was written.
var ErrDamaged = errors.New("this is no intact file of breached passwords")

// Info is what a file says of itself.
type Info struct {
	Entries  uint64
	MinCount uint32 // how often what is listed was seen at least
	Made     time.Time
	Size     int64 // bytes
}

// row is what the table says of a shard.
type row struct {
	shape
	seed   uint64
	offset uint64 // of the first fingerprint, from the beginning of the file
	keys   uint32
	sum    uint32 // CRC-32C of the fingerprints
}

// File is an open file. Safe for concurrent use until it is closed.
type File struct {
	info Info
	rows [shardCount]row
	data mapped
}

// mapped is a file's content, in memory or read on demand.
type mapped interface {
	io.ReaderAt
	io.Closer
	// print is the fingerprint at an offset.
	print(offset int64) (uint16, error)
}

// Open opens a file and checks everything but its fingerprints. The error is
// ErrDamaged, or what the system says.
func Open(path string) (*File, error) {
	source, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := read(source)
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return f, nil
}

// read takes over the open file when there is no error.
func read(source *os.File) (*File, error) {
	stat, err := source.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, shardsAt)
	if _, err := io.ReadFull(source, head); err != nil {
		return nil, fmt.Errorf("%w: it is too short", ErrDamaged)
	}
	f := &File{info: Info{Size: stat.Size()}}
	if err := f.parse(head); err != nil {
		return nil, err
	}
	if f.data, err = mapFile(source, stat.Size()); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) parse(head []byte) error {
	header, table := head[:headerSize], head[headerSize:]
	le := binary.LittleEndian
	switch {
	case !bytes.Equal(header[:8], magic[:]):
		return ErrDamaged
	case le.Uint32(header[8:]) != version:
		return fmt.Errorf("%w: it has version %d, not %d", ErrDamaged, le.Uint32(header[8:]), version)
	case le.Uint32(header[headerSize-4:]) != crc32.Checksum(header[:headerSize-4], castagnoli),
		le.Uint32(table[tableSize-4:]) != crc32.Checksum(table[:tableSize-4], castagnoli):
		return fmt.Errorf("%w: its check sum is wrong", ErrDamaged)
	}
	f.info.MinCount = le.Uint32(header[12:])
	f.info.Entries = le.Uint64(header[16:])
	f.info.Made = time.Unix(int64(le.Uint64(header[24:])), 0).UTC()
	end := uint64(shardsAt)
	for i := range f.rows {
		b := table[i*rowSize:]
		r := row{
			offset: le.Uint64(b), seed: le.Uint64(b[8:]), keys: le.Uint32(b[16:]), sum: le.Uint32(b[20:]),
			shape: shape{segmentLog: le.Uint32(b[24:]), segments: le.Uint32(b[28:])},
		}
		if r.segmentLog > maxSegmentLog || r.offset != end || (r.segments == 0) != (r.keys == 0) {
			return fmt.Errorf("%w: its table is wrong", ErrDamaged)
		}
		end += uint64(r.slots()) * printSize
		f.rows[i] = r
	}
	if end != uint64(f.info.Size) {
		return fmt.Errorf("%w: it has %d bytes and should have %d", ErrDamaged, f.info.Size, end)
	}
	return nil
}

func (f *File) header() []byte {
	le := binary.LittleEndian
	b := make([]byte, shardsAt)
	copy(b, magic[:])
	le.PutUint32(b[8:], version)
	le.PutUint32(b[12:], f.info.MinCount)
	le.PutUint64(b[16:], f.info.Entries)
	le.PutUint64(b[24:], uint64(f.info.Made.Unix()))
	le.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	table := b[headerSize:]
	for i, r := range f.rows {
		t := table[i*rowSize:]
		le.PutUint64(t, r.offset)
		le.PutUint64(t[8:], r.seed)
		le.PutUint32(t[16:], r.keys)
		le.PutUint32(t[20:], r.sum)
		le.PutUint32(t[24:], r.segmentLog)
		le.PutUint32(t[28:], r.segments)
	}
	le.PutUint32(table[tableSize-4:], crc32.Checksum(table[:tableSize-4], castagnoli))
	return b
}

// Info is what the file says of itself.
func (f *File) Info() Info { return f.info }

// Close gives the file back. Nobody may ask it any more.
func (f *File) Close() error { return f.data.Close() }

// Digest is the SHA-1 of a password.
type Digest [20]byte

// key is the half of a digest that has nothing to do with the choice of the shard.
func (d Digest) key() uint64 { return binary.BigEndian.Uint64(d[12:]) }

// Contains says whether a digest is in the list. It is wrong for one in 65,536 of those
// that are not. An error means that the file cannot be read any more: somebody cut it
// off where it is, instead of putting another one in its place.
func (f *File) Contains(d Digest) (found bool, err error) {
	r := &f.rows[d[0]]
	if r.segments == 0 {
		return false, nil
	}
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	hash := mix(d.key(), r.seed)
	value := fingerprint(hash)
	for _, at := range r.places(hash) {
		p, err := f.data.print(int64(r.offset) + printSize*int64(at))
		if err != nil {
			return false, err
		}
		value ^= p
	}
	return value == 0, nil
}

// recoverFault makes an error of memory that is not there any more, and puts back how
// the goroutine dealt with that before.
func recoverFault(before bool, err *error) {
	debug.SetPanicOnFault(before)
	fault := recover()
	if fault == nil {
		return
	}
	if e, ok := fault.(interface{ Addr() uintptr }); ok {
		*err = fmt.Errorf("%w: address %#x is gone", ErrDamaged, e.Addr())
		return
	}
	panic(fault)
}

// Verify reads the whole file and compares its check sums. step is called after each
// of the 256 shards.
func (f *File) Verify(step func()) (err error) {
	defer recoverFault(debug.SetPanicOnFault(true), &err)
	for i := range f.rows {
		r := &f.rows[i]
		b := make([]byte, r.slots()*printSize)
		if _, err := f.data.ReadAt(b, int64(r.offset)); err != nil {
			return err
		}
		if crc32.Checksum(b, castagnoli) != r.sum {
			return fmt.Errorf("%w: shard %02x is damaged", ErrDamaged, i)
		}
		step()
	}
	return nil
}
