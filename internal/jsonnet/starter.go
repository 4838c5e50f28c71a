package jsonnet

import (
	"runtime"
	"sync"
)

// starter runs functions on one thread of the operating system that lives until
// stop. Children are started there because Linux sends a child its parent-death
// signal when the thread that started it ends, not the process; threads of the Go
// runtime may end at any time.
type starter struct {
	once sync.Once
	jobs chan func()
}

func (s *starter) do(start func() error) error {
	s.once.Do(func() {
		s.jobs = make(chan func())
		go s.run(s.jobs)
	})
	result := make(chan error, 1)
	s.jobs <- func() { result <- start() }
	return <-result
}

func (*starter) run(jobs <-chan func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	for job := range jobs {
		job()
	}
}

// stop must come after the last do.
func (s *starter) stop() {
	s.once.Do(func() {})
	if s.jobs != nil {
		close(s.jobs)
	}
}
