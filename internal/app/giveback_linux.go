package app

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// giveBackCode lets go of the pages of the program that only its start has read:
// most of them are tables that no request needs. What is needed is read again from
// the system's memory of the file.
func giveBackCode() {
	program, err := os.Executable()
	if err != nil {
		return // nothing is lost but room
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer func() { _ = maps.Close() }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var access string
		line := lines.Text()
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); n != 3 || !strings.HasSuffix(line, program) || strings.Contains(access, "w") {
			continue
		}
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
	}
}
