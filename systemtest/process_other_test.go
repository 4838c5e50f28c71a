//go:build !linux

package systemtest

import (
	"os/exec"
	"testing"
)

// bindToParent does nothing: only Linux can tie a child's life to its parent's.
func bindToParent(*exec.Cmd) {}

func (s *server) resident(t testing.TB) int64 {
	t.Helper()
	t.Skip("resident memory is read from /proc, which only Linux has")
	return 0
}
