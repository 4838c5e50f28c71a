package jsonnet

import "syscall"

// apart gives a child its own process group, so that an interrupt at the console
// reaches only us. When we die, the child sees the end of its input.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}
