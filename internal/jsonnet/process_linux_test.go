package jsonnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stat is what proc_pid_stat(5) tells of a process.
type stat struct {
	pid, parent, group int
	state              string
	ticks              int // of processor time
}

func processes(t *testing.T) []stat {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var all []stat
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')'):]), " ")
		f := strings.Fields(rest)
		number := func(i int) int { n, _ := strconv.Atoi(f[i]); return n }
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		all = append(all, stat{pid: pid, state: f[0], parent: number(1), group: number(2), ticks: number(11) + number(12)})
	}
	return all
}

func childrenOf(t *testing.T, parent int) []stat {
	return slices.DeleteFunc(processes(t), func(s stat) bool { return s.parent != parent })
}

// until waits for something that only the system can tell.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// busyChild waits for a child that has been computing for a while.
func busyChild(t *testing.T, parent int, meanwhile ...func()) (found stat) {
	t.Helper()
	before := map[int]int{}
	for _, s := range childrenOf(t, parent) {
		before[s.pid] = s.ticks
	}
	until(t, "a child computes", func() bool {
		for _, do := range meanwhile {
			do()
		}
		for _, s := range childrenOf(t, parent) {
			if s.ticks > before[s.pid]+20 {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

func evaluateInBackground(t *testing.T, p *Pool, snippet string) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := p.Evaluate(t.Context(), Program{Snippet: snippet}, Vars{})
		result <- err
	}()
	return result
}

func noChildren(t *testing.T) {
	t.Helper()
	if left := childrenOf(t, os.Getpid()); len(left) > 0 {
		t.Errorf("processes left behind: %+v", left)
	}
}

func TestAChildKilledFromOutsideIsReplaced(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)

	result := evaluateInBackground(t, p, endless)
	if err := syscall.Kill(busyChild(t, os.Getpid()).pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-result; kindOf(err) != Unavailable {
		t.Errorf("killed in the middle: %v", err)
	}
	mustWork(t, p)
}

func TestAChildThatDiedWhileIdleIsReplacedUnnoticed(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	w := p.idle[0]
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-w.exited
	mustWork(t, p)
}

func TestAnIdleChildThatNoLongerListensIsReplacedUnnoticed(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	ears, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ears.Close()
	p.idle[0].in.Close()
	p.idle[0].in = in
	mustWork(t, p)
}

func TestNothingIsLeftOfAnyChild(t *testing.T) {
	o := patient
	o.Workers, o.Timeout, o.MaxOutput = 2, 100*time.Millisecond, 1000
	p := newPool(t, o)
	for _, snippet := range []string{endless, `error 'x'`, `import 'x'`, `std.repeat('x', 1000)`} {
		for _, result := range []<-chan error{evaluateInBackground(t, p, snippet), evaluateInBackground(t, p, snippet)} {
			if <-result == nil {
				t.Errorf("%s succeeds", snippet)
			}
		}
		if n := len(childrenOf(t, os.Getpid())); n > o.Workers {
			t.Errorf("%d processes after %s", n, snippet)
		}
	}
	p.Close()
	noChildren(t)
}

func TestCloseAwaitsRunningEvaluationsAndReapsTheirChildren(t *testing.T) {
	o := patient
	o.Timeout = 2 * time.Second
	p := newPool(t, o)
	running := evaluateInBackground(t, p, endless)
	busyChild(t, os.Getpid(), func() {
		select {
		case <-running: // over before it got a processor
			running = evaluateInBackground(t, p, endless)
		default:
		}
	})
	p.Close()
	noChildren(t)
	if err := <-running; kindOf(err) != Timeout {
		t.Errorf("the running evaluation got %v", err)
	}
}

func TestAnIdleChildEnds(t *testing.T) {
	o := patient
	o.IdleTimeout = time.Millisecond
	p := newPool(t, o)
	mustWork(t, p)
	until(t, "the idle child is gone", func() bool { return len(childrenOf(t, os.Getpid())) == 0 })
	mustWork(t, p)
}

func TestAChildDiesWithItsParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self, holdCommand)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := busyChild(t, parent.Process.Pid)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent was not killed")
	}
	until(t, "the child is gone", func() bool {
		return !slices.ContainsFunc(processes(t), func(s stat) bool { return s.pid == child.pid && s.state != "Z" })
	})
}

func TestAChildKnowsNothingOfUs(t *testing.T) {
	t.Setenv("CARDEA_TEST_SECRET", "s3cret")
	open, err := os.Create(filepath.Join(t.TempDir(), "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	p := newPool(t, patient)
	mustWork(t, p)
	pid := p.idle[0].cmd.Process.Pid

	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	for entry := range strings.SplitSeq(strings.Trim(string(environment), "\x00"), "\x00") {
		// What we mean to tell it is not asked: that is what is tested.
		if name, _, _ := strings.Cut(entry, "="); !slices.Contains([]string{"GOMEMLIMIT", "GOMAXPROCS", "GOTRACEBACK"}, name) {
			t.Errorf("its environment has %s", name)
		}
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if target, _ := os.Readlink(f); target == open.Name() {
			t.Errorf("it has our file %s", target)
		}
	}
	if !slices.ContainsFunc(processes(t), func(s stat) bool { return s.pid == pid && s.group == pid }) {
		t.Error("it is in our process group")
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for name, most := range map[string]int{"Max core file size": 0, "Max file size": 0, "Max open files": maxFiles} {
		_, rest, _ := strings.Cut(string(limits), name)
		f := strings.Fields(rest)
		if len(f) < 2 {
			t.Fatalf("%s is not told", name)
		}
		for n := range 2 { // soft, hard
			if value, err := strconv.Atoi(f[n]); err != nil || value > most {
				t.Errorf("%s is %s, want %d at most", name, f[n], most)
			}
		}
	}
}

func TestAChildThatCannotBeStartedIsUnavailable(t *testing.T) {
	p := newPool(t, patient)
	p.command = []string{"/nowhere/at/all"}
	if _, err := run(t, p, `1`, Vars{}); kindOf(err) != Unavailable {
		t.Errorf("got %v", err)
	}
	p.command, _ = p.options.command()
	mustWork(t, p)
}

func TestTheParentsWatchKillsAChildThatGrew(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	p.idle[0].baseline -= p.options.MemoryLimit + 1<<30 // as if it had grown since
	if _, err := run(t, p, endless, Vars{}); kindOf(err) != Memory {
		t.Errorf("got %v", err)
	}
	mustWork(t, p)
}

func TestTheMeterSeesTouchedMemory(t *testing.T) {
	m := newMeter(os.Getpid())
	defer m.close()
	before, _ := m.private()
	touched, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(touched); i += os.Getpagesize() {
		touched[i] = 1
	}
	after, known := m.private()
	if err := syscall.Munmap(touched); err != nil {
		t.Fatal(err)
	}
	if !known || after-before < 32<<20 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}

func TestTheChildsOwnWatchStopsABombToo(t *testing.T) {
	p := newPool(t, patient)
	mustWork(t, p)
	p.options.MemoryLimit = 1 << 50 // the parent looks away; the child was told before
	_, err := run(t, p, `local d(a, n) = if n == 0 then a else d(a + a, n - 1) tailstrict; std.length(d([1, 2, 3, 4], 40))`, Vars{})
	if kindOf(err) != Memory {
		t.Errorf("got %v", err)
	}
	mustWork(t, p)
}

func TestCancellingFreesTheProcessorAtOnce(t *testing.T) {
	p := newPool(t, patient)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := p.Evaluate(ctx, Program{Snippet: endless}, Vars{})
		result <- err
	}()
	child := busyChild(t, os.Getpid())
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if slices.ContainsFunc(processes(t), func(s stat) bool { return s.pid == child.pid }) {
		t.Error("the child still exists after Evaluate returned")
	}
}
