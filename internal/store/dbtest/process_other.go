//go:build !linux

package dbtest

import "os/exec"

// apply does nothing: only on Linux a test of root's can run a server as somebody else.
func (as identity) apply(cmd *exec.Cmd) { cmd.Dir = as.home }
