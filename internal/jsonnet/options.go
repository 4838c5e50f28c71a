package jsonnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// WorkerCommand is the hidden command of our own executable that calls Serve.
const WorkerCommand = "jsonnet-worker"

// Options are the limits of a Pool. A zero field takes its default.
type Options struct {
	// Command starts a child that calls Serve on its standard input and output. It
	// must become that child or exec it: a process in between would be watched and
	// killed in its place. Default: our own executable with WorkerCommand.
	Command []string
	// Workers is the greatest number of children, each busy on at most one core.
	// Default: GOMAXPROCS, at most 8.
	Workers int
	// Timeout is the wall-clock time of one evaluation, without the wait for a turn
	// and without the start of a child. Default: 1 s.
	Timeout time.Duration
	// StartTimeout is how long a child may take until it is ready. Default: 10 s.
	StartTimeout time.Duration
	// IdleTimeout ends a child that had nothing to do for so long. Default: 1 min.
	IdleTimeout time.Duration
	// MaxOutput is the size of a result in bytes of compact JSON. Default: 1 MiB.
	MaxOutput int
	// MaxSnippet is the size of a program in bytes. Default: 256 KiB.
	MaxSnippet int
	// MaxInput is the size of all variables together in bytes. Default: 1 MiB.
	MaxInput int
	// MemoryLimit is by how many bytes a child may grow over its size when idle, at
	// least 16 MiB. Default: 64 MiB.
	MemoryLimit int64
	// MaxStack is the depth of calls inside a program, in frames. Default: 500.
	MaxStack int
}

const (
	defaultWorkers = 8
	leastMemory    = 16 << 20
)

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// complete fills in the defaults and refuses what cannot work.
func (o Options) complete() (Options, error) {
	o.Workers = orDefault(o.Workers, min(runtime.GOMAXPROCS(0), defaultWorkers))
	o.Timeout = orDefault(o.Timeout, time.Second)
	o.StartTimeout = orDefault(o.StartTimeout, 10*time.Second)
	o.IdleTimeout = orDefault(o.IdleTimeout, time.Minute)
	o.MaxOutput = orDefault(o.MaxOutput, 1<<20)
	o.MaxSnippet = orDefault(o.MaxSnippet, 256<<10)
	o.MaxInput = orDefault(o.MaxInput, 1<<20)
	o.MemoryLimit = orDefault(o.MemoryLimit, 64<<20)
	o.MaxStack = orDefault(o.MaxStack, 500)

	for _, n := range []struct {
		name  string
		value int64
		least int64
	}{
		{"Workers", int64(o.Workers), 1},
		{"Timeout", int64(o.Timeout), 1},
		{"StartTimeout", int64(o.StartTimeout), 1},
		{"IdleTimeout", int64(o.IdleTimeout), 1},
		{"MaxOutput", int64(o.MaxOutput), 1},
		{"MaxSnippet", int64(o.MaxSnippet), 1},
		{"MaxInput", int64(o.MaxInput), 1},
		{"MemoryLimit", o.MemoryLimit, leastMemory},
		{"MaxStack", int64(o.MaxStack), 1},
	} {
		if n.value < n.least {
			return Options{}, fmt.Errorf("jsonnet: %s is %d, and must be at least %d", n.name, n.value, n.least)
		}
	}
	// A request repeats program and variables with JSON's escapes, six bytes for
	// one at worst.
	if int64(o.MaxSnippet)*6+int64(o.MaxInput)*6+frameOverhead > maxRequest {
		return Options{}, errors.New("jsonnet: MaxSnippet and MaxInput together are more than a child reads")
	}
	return o, nil
}

// command gives the absolute command line of a child. Children run in the root
// directory, so a relative path would not lead to the same file.
func (o Options) command() ([]string, error) {
	if len(o.Command) == 0 {
		self, err := ourselves()
		if err != nil {
			return nil, fmt.Errorf("jsonnet: own executable: %w", err)
		}
		return []string{self, WorkerCommand}, nil
	}
	path, err := exec.LookPath(o.Command[0])
	if err != nil {
		return nil, fmt.Errorf("jsonnet: worker command: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("jsonnet: worker command: %w", err)
	}
	return append([]string{path}, o.Command[1:]...), nil
}

// ourselves is a path to the running binary. Where the kernel has one that stays
// true when an upgrade replaces the file, that: parent and child must agree on
// what they say to each other.
func ourselves() (string, error) {
	const kernels = "/proc/self/exe"
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(kernels); err == nil {
			return kernels, nil
		}
	}
	return os.Executable()
}

func (o Options) limits() limits {
	return limits{
		Protocol:    protocol,
		MaxStack:    o.MaxStack,
		MaxOutput:   o.MaxOutput,
		MemoryLimit: o.MemoryLimit,
		CPUSeconds:  int(o.Timeout/time.Second) + 2,
	}
}

// environment is all that a child is told: how to behave, nothing about us. One
// core per child bounds what a runaway program can take from the machine.
func (o Options) environment() []string {
	return []string{
		fmt.Sprintf("GOMEMLIMIT=%d", o.MemoryLimit/4*3),
		"GOMAXPROCS=1",
		"GOTRACEBACK=none",
	}
}
