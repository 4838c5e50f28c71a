package secret

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cardea/internal/problem"
)

func TestDefaultWorkersLeaveAProcessorForRequests(t *testing.T) {
	for procs, want := range map[int]int{1: 1, 2: 1, 3: 2, 16: 15} {
		if got := DefaultWorkers(procs); got != want {
			t.Errorf("%d processors: %d workers, want %d", procs, got, want)
		}
	}
}

func TestPoolNeverRunsMoreThanFits(t *testing.T) {
	tests := []struct {
		name    string
		workers int
		memory  int64
		weight  Weight
		want    int32
	}{
		{"workers are the limit", 3, 100, Weight{Threads: 1, Memory: 1}, 3},
		{"memory is the limit", 8, 100, Weight{Threads: 1, Memory: 40}, 2},
		{"threads count", 5, 100, Weight{Threads: 2}, 2},
		{"no weight is one thread", 2, 100, Weight{}, 2},
		{"what is larger than the pool runs alone", 2, 100, Weight{Threads: 9, Memory: 1000}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPool(tt.workers, 100, tt.memory)
				var now, most, done atomic.Int32
				for range 20 {
					go func() {
						_ = p.Do(t.Context(), tt.weight, func() error {
							n := now.Add(1)
							for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
							}
							time.Sleep(time.Second)
							now.Add(-1)
							done.Add(1)
							return nil
						})
					}()
				}
				time.Sleep(time.Minute)
				if most.Load() != tt.want || done.Load() != 20 {
					t.Errorf("%d ran at once, want %d; %d of 20 ran at all", most.Load(), tt.want, done.Load())
				}
			})
		})
	}
}

func TestPoolRefusesAtOnceWhenTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(1, 2, 0)
		for range 3 { // one runs, two wait
			go p.Do(t.Context(), Weight{}, func() error { time.Sleep(time.Second); return nil })
		}
		synctest.Wait()
		start := time.Now()
		err := p.Do(t.Context(), Weight{}, func() error { t.Error("refused work ran"); return nil })
		if e := problem.As(err); !errors.Is(err, ErrBusy) || e == nil || e.Status != 503 {
			t.Errorf("got %v, want ErrBusy as a 503", err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("the refusal took %v", d)
		}
		if p.Waiting() != 2 {
			t.Errorf("%d wait, want 2", p.Waiting())
		}
		time.Sleep(3 * time.Second)
		if err := p.Do(t.Context(), Weight{}, func() error { return nil }); err != nil {
			t.Errorf("the pool does not recover: %v", err)
		}
	})
}

func TestPoolIsFirstComeFirstServed(t *testing.T) {
	tests := []struct {
		name    string
		workers int
		weights []Weight
	}{
		{"equal work", 1, make([]Weight, 10)},
		{"light work does not overtake a heavy head", 2, []Weight{{Memory: 10}, {Threads: 2, Memory: 100}, {Memory: 10}}},
		{"nor when memory is what it waits for", 9, []Weight{{Memory: 10}, {Memory: 100}, {Memory: 10}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPool(tt.workers, 100, 100)
				served := make(chan int, len(tt.weights))
				for i, w := range tt.weights {
					go p.Do(t.Context(), w, func() error {
						served <- i
						time.Sleep(time.Second)
						return nil
					})
					synctest.Wait()
				}
				for want := range tt.weights {
					if got := <-served; got != want {
						t.Errorf("number %d was served in place of number %d", got, want)
					}
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

func TestPoolForgetsWhoGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(1, 10, 100)
		go p.Do(t.Context(), Weight{Memory: 50}, func() error { time.Sleep(10 * time.Second); return nil })
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Do(ctx, Weight{}, func() error { t.Error("abandoned work ran"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) || p.Waiting() != 0 {
			t.Errorf("got %v, %d wait", err, p.Waiting())
		}
		cancel()
		if err := p.Do(ctx, Weight{}, func() error { t.Error("work of a caller that is gone ran"); return nil }); err == nil {
			t.Error("a cancelled context is no error")
		}
		time.Sleep(time.Minute)
	})
}

func TestPoolLetsTheNextInWhenAHeavyHeadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(2, 10, 100)
		go p.Do(t.Context(), Weight{Memory: 60}, func() error { time.Sleep(time.Hour); return nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go p.Do(ctx, Weight{Memory: 60}, func() error { return nil })
		synctest.Wait()
		start := time.Now()
		if err := p.Do(t.Context(), Weight{Memory: 10}, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("the light one waited %v, want until the heavy one gave up", d)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestPoolGivesRoomBackAfterErrorsAndPanics(t *testing.T) {
	p := NewPool(1, 0, 0)
	broken := errors.New("broken")
	if err := p.Do(t.Context(), Weight{}, func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = p.Do(t.Context(), Weight{}, func() error { panic("broken") })
	}()
	if err := p.Do(t.Context(), Weight{}, func() error { return nil }); err != nil {
		t.Errorf("the room is lost: %v", err)
	}
}

// Cancelling at every moment must neither lose room nor let too many in.
func TestPoolSurvivesCallersThatGiveUpAnyTime(t *testing.T) {
	p := NewPool(2, 50, 10)
	var running atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			_ = p.Do(ctx, Weight{Memory: int64(i % 11)}, func() error {
				if running.Add(1) > 2 {
					t.Error("more than two ran at once")
				}
				running.Add(-1)
				return nil
			})
		})
	}
	wg.Wait()
	if p.running != (Weight{}) || p.waiting.Len() != 0 {
		t.Errorf("%+v and %d waiting are left", p.running, p.waiting.Len())
	}
}
