//go:build !unix && !windows

package jsonnet

import "syscall"

// apart asks for nothing where the system has nothing to ask for.
func apart() *syscall.SysProcAttr { return nil }
