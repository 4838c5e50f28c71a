//go:build linux || darwin

package jsonnet

import (
	"fmt"
	"syscall"
)

// maxFiles leaves a child its three pipes and what the Go runtime opens for
// itself.
const maxFiles = 16

// restrict gives up what an evaluation does not need, for good: files, core dumps
// (they would hold the variables), and memory beyond a backstop for programs that
// grow faster than the watches look. RLIMIT_AS would not do: the Go runtime
// reserves far more than it uses.
func restrict(l limits) error {
	type rule struct {
		name     string
		resource int
		most     uint64
	}
	rules := []rule{
		{"core", syscall.RLIMIT_CORE, 0},
		{"fsize", syscall.RLIMIT_FSIZE, 0},
		{"nofile", syscall.RLIMIT_NOFILE, maxFiles},
	}
	if mapped, known := mappedData(); known {
		rules = append(rules, rule{"data", syscall.RLIMIT_DATA, mapped + 2*uint64(l.MemoryLimit)})
	}
	for _, r := range rules {
		most := min(r.most, hardLimit(r.resource))
		if err := syscall.Setrlimit(r.resource, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("jsonnet: limit %s: %w", r.name, err)
		}
	}
	return nil
}

func hardLimit(resource int) uint64 {
	var now syscall.Rlimit
	if syscall.Getrlimit(resource, &now) != nil {
		return 0
	}
	return now.Max
}

// allowCPU moves the limit on processor time to so many seconds from now. It ends
// an evaluation whose parent is stopped and cannot.
func allowCPU(seconds int) {
	var used syscall.Rusage
	var now syscall.Rlimit
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil || syscall.Getrlimit(syscall.RLIMIT_CPU, &now) != nil {
		return
	}
	spent := uint64(used.Utime.Sec + used.Stime.Sec + 1)
	now.Cur = min(spent+uint64(seconds), now.Max)
	_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &now) // lowering a soft limit is always allowed
}
