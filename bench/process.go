package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a child may take to shut down before it is killed.
	stopTimeout = 10 * time.Second
	// clockTicks is how many units of /proc/<pid>/stat make a second (proc(5));
	// Linux reports 100 to user space on every architecture Go runs on.
	clockTicks = 100
)

// A process is a child of the benchmark. Whoever starts it stops it.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when the child has ended
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	bindToParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, gone: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.gone)
	}()
	return p, nil
}

// stop asks the child to end, and kills it when it does not.
func (p *process) stop() error {
	select {
	case <-p.gone:
		return errors.New("the process had ended by itself: " + p.cmd.ProcessState.String())
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(stopTimeout):
		p.cmd.Process.Kill()
		<-p.gone
		return fmt.Errorf("the process did not end within %s and was killed", stopTimeout)
	}
}

func (p *process) cpu() (time.Duration, error) { return processCPU(p.cmd.Process.Pid) }

// memory returns the resident set now and at its highest, in bytes.
func (p *process) memory() (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	now, err = statusBytes(status, "VmRSS:")
	if err != nil {
		return 0, 0, err
	}
	peak, err = statusBytes(status, "VmHWM:")
	return now, peak, err
}

// forgetPeak makes the highest resident set begin anew (proc(5), clear_refs). Where
// that cannot be, it stays the highest since the start.
func (p *process) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

func ownCPU() (time.Duration, error) { return processCPU(os.Getpid()) }

// processCPU returns the user and system time that a process has used.
func processCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(stat)
}

// parseStat reads utime and stime, fields 14 and 15 of proc(5)'s stat line. The
// second field is the program's name in parentheses and may contain anything.
func parseStat(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("unexpected form of /proc/<pid>/stat")
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// statusBytes reads a line such as "VmRSS:   1234 kB" of /proc/<pid>/status.
func statusBytes(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte(name)); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s line in /proc/<pid>/status", name)
}
