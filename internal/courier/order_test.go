package courier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardea/internal/clock"
)

// arrivals notes the order in which letters arrive.
type arrivals struct {
	mu       sync.Mutex
	subjects []string
}

func (a *arrivals) note(l Letter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.subjects = append(a.subjects, l.Subject)
}

// of are the letters of one person; the others' are "<name> <number>", too.
func (a *arrivals) of(name string) (numbers []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.subjects {
		if n, ok := strings.CutPrefix(s, name+" "); ok {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// TestLettersToOnePersonArriveInTheOrderTheyWereWritten with two workers, each of
// which sends ten at once, and with letters that take the shorter the later they
// were written, so that nothing but the rule keeps them in order.
func TestLettersToOnePersonArriveInTheOrderTheyWereWritten(t *testing.T) {
	within(t, func(o *office) {
		const each = 6
		var got arrivals
		var want []string
		people := []string{"ann", "bob", "cat"}
		for n := range each {
			for _, who := range people {
				o.enqueueTo(who+"@example.org", fmt.Sprint(who, " ", n))
			}
			want = append(want, fmt.Sprint(n))
			pass(time.Microsecond) // as far apart as times are kept
		}
		slow := func(ctx context.Context, _ Envelope, l Letter) error {
			_, number, _ := strings.Cut(l.Subject, " ")
			clock.System{}.SleepUntil(ctx, clock.System{}.Now().Add(time.Duration(each-int(number[0]-'0'))*100*time.Millisecond))
			got.note(l)
			return nil
		}
		_, stopA := o.start("a", slow)
		_, stopB := o.start("b", slow)
		pass(5 * time.Second)
		stopA()
		stopB()
		for _, who := range people {
			if !slices.Equal(got.of(who), want) {
				o.Errorf("%s got %v, want %v", who, got.of(who), want)
			}
		}
	})
}

func TestALetterThatFailsHoldsUpNoLaterOneToTheSamePerson(t *testing.T) {
	within(t, func(o *office) {
		var got arrivals
		bad := o.enqueueTo("ann@example.org", "ann bad")
		pass(time.Microsecond) // as far apart as times are kept
		good := o.enqueueTo("ann@example.org", "ann good")
		_, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error {
			got.note(l)
			if l.Subject == "ann bad" {
				return errors.New("451 the letter is odd")
			}
			return nil
		})
		pass(pullWait / 2) // before another attempt with the bad one
		if !slices.Equal(got.of("ann"), []string{"bad", "good"}) {
			o.Errorf("arrived: %v", got.of("ann"))
		}
		o.want(good, Sent, 1, 1)
		o.want(bad, Queued, 1, 1)
		stop()
	})
}
