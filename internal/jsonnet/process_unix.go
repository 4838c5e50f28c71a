//go:build unix && !linux

package jsonnet

import "syscall"

// apart gives a child its own process group, so that an interrupt at the terminal
// reaches only us. When we die, the child sees the end of its input.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
