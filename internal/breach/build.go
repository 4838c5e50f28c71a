package breach

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Shards is how many parts a file is built in: one for each first byte of a digest.
const Shards = shardCount

// partHead is how a finished part begins: seed, keys, segments' size, segments, check sum.
const partHead = 24

// Build is a file in the making: a folder beside it that holds the shards that are
// done. A build that was interrupted goes on where it was.
type Build struct {
	path     string
	minCount uint32
}

// Begin begins a build, or goes on with one. Entries that were seen less often than
// minCount are left out by those who add them; a build goes on with what it began with.
func Begin(path string, minCount uint32) (*Build, error) {
	b := &Build{path: path, minCount: minCount}
	if err := os.MkdirAll(b.folder(), 0o755); err != nil {
		return nil, err
	}
	note := filepath.Join(b.folder(), "min-count")
	want := strconv.FormatUint(uint64(minCount), 10)
	had, err := os.ReadFile(note)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return b, writeFile(note, []byte(want))
	case err != nil:
		return nil, err
	case string(had) != want:
		return nil, fmt.Errorf("a build with the smallest count %s is under way in %s: go on with that, or remove the folder", had, b.folder())
	}
	return b, nil
}

func (b *Build) folder() string { return b.path + ".parts" }

func (b *Build) part(shard int) string { return filepath.Join(b.folder(), fmt.Sprintf("%02x", shard)) }

// MinCount is how often an entry must have been seen to be added.
func (b *Build) MinCount() uint32 { return b.minCount }

// Has says whether a shard is done.
func (b *Build) Has(shard int) bool {
	_, err := os.Stat(b.part(shard))
	return err == nil
}

// Put adds a whole shard: digests that begin with this byte, in any order, repeated or
// not. It takes the slice over.
func (b *Build) Put(shard int, digests []Key) error {
	slices.Sort(digests)
	digests = slices.Compact(digests)
	f, err := newFilter(digests)
	if err != nil {
		return fmt.Errorf("shard %02x: %w", shard, err)
	}
	out := make([]byte, partHead+len(f.prints)*printSize)
	for i, p := range f.prints {
		binary.LittleEndian.PutUint16(out[partHead+i*printSize:], p)
	}
	le := binary.LittleEndian
	le.PutUint64(out, f.seed)
	le.PutUint32(out[8:], uint32(len(digests)))
	le.PutUint32(out[12:], f.segmentLog)
	le.PutUint32(out[16:], f.segments)
	le.PutUint32(out[20:], crc32.Checksum(out[partHead:], castagnoli))
	return writeFile(b.part(shard), out)
}

// Finish puts the shards together, all of which must be done, and takes the folder
// away. What stood at the path before is replaced at once and whole: a process that
// has it open keeps it.
func (b *Build) Finish(now time.Time) (Info, error) {
	f := &File{info: Info{MinCount: b.minCount, Made: now.UTC().Truncate(time.Second)}}
	offset := uint64(shardsAt)
	for shard := range f.rows {
		r, err := b.readHead(shard)
		if err != nil {
			return Info{}, err
		}
		r.offset = offset
		offset += uint64(r.slots()) * printSize
		f.info.Entries += uint64(r.keys)
		f.rows[shard] = r
	}
	f.info.Size = int64(offset)
	err := replaceFile(b.path, func(w io.Writer) error {
		if _, err := w.Write(f.header()); err != nil {
			return err
		}
		for shard := range f.rows {
			if err := b.copyPrints(w, shard); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	return f.info, os.RemoveAll(b.folder())
}

func (b *Build) readHead(shard int) (row, error) {
	part, err := os.Open(b.part(shard))
	if err != nil {
		return row{}, err
	}
	defer part.Close()
	var head [partHead]byte
	if _, err := io.ReadFull(part, head[:]); err != nil {
		return row{}, fmt.Errorf("read %s: %w", part.Name(), err)
	}
	le := binary.LittleEndian
	r := row{seed: le.Uint64(head[:]), keys: le.Uint32(head[8:]), sum: le.Uint32(head[20:]), shape: shape{le.Uint32(head[12:]), le.Uint32(head[16:])}}
	stat, err := part.Stat()
	if err == nil && stat.Size() != partHead+int64(r.slots())*printSize {
		err = fmt.Errorf("%w: %s is cut off; remove it and run the build again", ErrDamaged, part.Name())
	}
	return r, err
}

func (b *Build) copyPrints(w io.Writer, shard int) error {
	part, err := os.Open(b.part(shard))
	if err != nil {
		return err
	}
	defer part.Close()
	if _, err := part.Seek(partHead, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, part)
	return err
}

func writeFile(path string, content []byte) error {
	return replaceFile(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// replaceFile writes a file so that it is there whole or not at all.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	out, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	buffered := bufio.NewWriterSize(out, 1<<20)
	if err := write(buffered); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := errors.Join(buffered.Flush(), out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}
