package jsonnet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// protocol is the version of what parent and child say to each other. They are
// one binary by default; Options.Command may name another.
const protocol = 1

// A conversation: the parent sends limits, the child answers with a greeting; then
// requests and responses alternate until the parent closes the pipe. Each is one
// frame: four bytes of length, big-endian, and that many bytes of JSON.
type (
	limits struct {
		Protocol    int   `json:"protocol"`
		MaxStack    int   `json:"max_stack"`    // Jsonnet frames
		MaxOutput   int   `json:"max_output"`   // bytes of compact JSON
		MemoryLimit int64 `json:"memory_limit"` // bytes
		CPUSeconds  int   `json:"cpu_seconds"`  // per evaluation
	}
	greeting struct {
		Protocol int `json:"protocol"`
	}
	request struct {
		Filename string                     `json:"filename"`
		Snippet  string                     `json:"snippet"`
		ExtVars  map[string]json.RawMessage `json:"ext,omitempty"`
		TLA      map[string]json.RawMessage `json:"tla,omitempty"`
	}
	response struct {
		Output  json.RawMessage `json:"output,omitempty"`
		Failure *failure        `json:"failure,omitempty"`
	}
	failure struct {
		Kind    Kind   `json:"kind"`
		Message string `json:"message"`
		Raised  bool   `json:"raised,omitempty"`
		Line    int    `json:"line,omitempty"`
		Column  int    `json:"column,omitempty"`
	}
)

const (
	headerBytes = 4
	// maxRequest bounds what a child reads. The parent's limits are far below.
	maxRequest = 64 << 20
	// frameOverhead is what a response needs beside its output: field names, a
	// failure with the longest message.
	frameOverhead = 32 << 10
)

var errFrameTooLarge = errors.New("frame exceeds its limit")

// encodeFrame gives a whole frame, ready for one write.
func encodeFrame(v any) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, headerBytes))
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	frame := b.Bytes()
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-headerBytes))
	return frame, nil
}

func writeFrame(w io.Writer, v any) error {
	frame, err := encodeFrame(v)
	if err != nil {
		return err
	}
	_, err = w.Write(frame)
	return err
}

// readFrame reads one frame of at most limit bytes into v. The error is io.EOF
// only at a frame's border.
func readFrame(r io.Reader, limit int, v any) error {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(header[:])
	if uint64(size) > uint64(limit) {
		return errFrameTooLarge
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("frame cut short: %w", io.ErrUnexpectedEOF)
	}
	// What encoding/json says of a bad frame may quote it.
	if json.Unmarshal(body, v) != nil {
		return errors.New("frame is not the expected JSON")
	}
	return nil
}
