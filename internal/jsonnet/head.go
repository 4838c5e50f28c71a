package jsonnet

import (
	"bytes"
	"sync"
)

// head keeps the first bytes written to it and swallows the rest.
type head struct {
	mu   sync.Mutex
	kept []byte
}

const headBytes = 4 << 10

// Write never fails, so that the writer is not held up.
func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, p[:min(len(p), headBytes-len(h.kept))]...)
	return len(p), nil
}

func (h *head) contains(s string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Contains(h.kept, []byte(s))
}
