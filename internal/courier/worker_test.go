package courier

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/relay"
	"cardea/internal/store"
	"testing/synctest"
)

func TestWhatIsInTheOutboxIsSentOnce(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		ids := map[string]uuid.UUID{}
		for _, s := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
			ids[s] = o.enqueueTo(s+"@example.org", s)
		}
		_, stop := o.start("w", func(_ context.Context, e Envelope, l Letter) error {
			if e.ID != ids[l.Subject] || e.Recipient != l.Subject+"@example.org" {
				o.Errorf("the letter %q came in the envelope %+v", l.Subject, e)
			}
			box.note(l)
			return nil
		})
		pass(time.Millisecond)
		stop()
		for s, id := range ids {
			o.want(id, Sent, 1, 1)
			if box.count(s) != 1 {
				o.Errorf("%s arrived %d times", s, box.count(s))
			}
		}
	})
}

func TestAWokenWorkerSendsAtOnceAndAnotherWithinThePoll(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		w, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error { box.note(l); return nil })
		defer stop()
		pass(pullWait / 2) // it sleeps
		o.enqueue("woken")
		w.Wake()
		synctest.Wait()
		if box.count("woken") != 1 {
			o.Error("a woken worker waited")
		}
		o.enqueue("polled")
		pass(pullWait / 4)
		if box.count("polled") != 0 {
			o.Error("nobody woke the worker, and yet it looked")
		}
		pass(pullWait)
		if box.count("polled") != 1 {
			o.Error("the worker did not look by itself")
		}
	})
}

func TestAMessageThatFailsIsTriedAgainEverMoreSlowlyAndThenGivenUp(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		id := o.enqueue("a")
		_, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error {
			box.note(l)
			return errors.New("451 try again later")
		})
		pass(time.Hour)
		stop()
		m := o.want(id, Abandoned, retries+1, retries+1)
		if m.Dispatches[0].Error == "" {
			o.Error("why it failed was not noted")
		}
		for i, least := 1, pullWait; i < len(box.times); i, least = i+1, least*growth {
			if gap := box.times[i].Sub(box.times[i-1]); gap < least/2 || gap > least*2 {
				o.Errorf("attempt %d came %s after the one before, want about %s", i+1, gap, least)
			}
		}
		if len(o.reports) != retries+1 {
			o.Errorf("%d failures were reported: %v", len(o.reports), o.reports)
		}
	})
}

func TestAPermanentErrorEndsTheAttempts(t *testing.T) {
	within(t, func(o *office) {
		id := o.enqueue("a")
		_, stop := o.start("w", func(context.Context, Envelope, Letter) error {
			return errors.Join(errors.New("while sending"), &PermanentError{Cause: errors.New("550 no such box")})
		})
		pass(time.Hour)
		stop()
		o.want(id, Abandoned, 1, 1)
	})
}

func TestARecipientWithoutAMailboxIsSuppressedWhereThatIsConfigured(t *testing.T) {
	for _, c := range []struct {
		name  string
		kept  time.Duration
		fails error
		want  int
	}{
		{"no mailbox", time.Hour, &PermanentError{Cause: errors.New("nobody"), NoMailbox: true}, 1},
		{"no mailbox, and nothing configured", 0, &PermanentError{Cause: errors.New("nobody"), NoMailbox: true}, 0},
		{"another refusal", time.Hour, &PermanentError{Cause: errors.New("spam")}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, func(o *office) {
				o.setup.Cardea.Courier.SuppressRejected = c.kept
				id := o.enqueue("a")
				_, stop := o.start("w", func(context.Context, Envelope, Letter) error { return c.fails })
				pass(time.Minute)
				stop()
				o.want(id, Abandoned, 1, 1)
				list, err := o.tenant.Suppressions(o.Context(), store.SuppressionFilter{Now: time.Now(), Limit: 10})
				if err != nil || len(list) != c.want {
					o.Errorf("%d are suppressed, want %d: %v", len(list), c.want, err)
				}
			})
		})
	}
}

func TestADelivererThatPanicsCostsAnAttemptAndNothingElse(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		bad, good := o.enqueue("bad"), o.enqueue("good")
		_, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error {
			if box.note(l) == 1 && l.Subject == "bad" {
				panic("oh")
			}
			return nil
		})
		pass(time.Hour)
		stop()
		o.want(bad, Sent, 2, 2)
		o.want(good, Sent, 1, 1)
	})
}

func TestAMessageThatNoSecretOpensIsGivenUp(t *testing.T) {
	within(t, func(o *office) {
		id := o.enqueue("a")
		o.setup = configured(o.T, "another secret, long enough too")
		good := o.enqueue("b")
		_, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error {
			if l.Subject != "b" {
				o.Errorf("%q was sent", l.Subject)
			}
			return nil
		})
		pass(time.Second)
		stop()
		if m := o.want(id, Abandoned, 1, 1); m.Dispatches[0].Error == "" {
			o.Error("why was not noted")
		}
		o.want(good, Sent, 1, 1)
	})
}

func TestAMessageOfAnOlderSecretIsSent(t *testing.T) {
	within(t, func(o *office) {
		id := o.enqueue("a")
		o.setup = configured(o.T, "another secret, long enough too", "a secret that is long enough")
		_, stop := o.start("w", func(context.Context, Envelope, Letter) error { return nil })
		pass(time.Second)
		stop()
		o.want(id, Sent, 1, 1)
	})
}

func TestALeaseIsRenewedWhileTheDelivererIsSlow(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		id := o.enqueue("a")
		slow := func(ctx context.Context, _ Envelope, l Letter) error {
			box.note(l)
			clock.System{}.SleepUntil(ctx, clock.System{}.Now().Add(3*relay.LeaseFor))
			return ctx.Err()
		}
		_, stopA := o.start("a", slow)
		_, stopB := o.start("b", slow)
		pass(4 * relay.LeaseFor)
		stopA()
		stopB()
		o.want(id, Sent, 1, 1)
		if box.count("a") != 1 || o.rows.renewed < 6 {
			o.Errorf("sent %d times, renewed %d times", box.count("a"), o.rows.renewed)
		}
	})
}

func TestAnAttemptThatTakesForEverIsEnded(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		id := o.enqueue("a")
		_, stop := o.start("w", func(ctx context.Context, _ Envelope, l Letter) error {
			if box.note(l) > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		pass(sendWithin + 2*pullWait)
		stop()
		o.want(id, Sent, 2, 2)
	})
}

func TestTheMessageOfAWorkerThatDiedIsSentByAnother(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		id := o.enqueue("a")
		now := clock.System{}.Now()
		if _, err := o.rows.Claim(o.Context(), "dead", now, now.Add(relay.LeaseFor), 1); err != nil {
			o.Fatal(err)
		}
		_, stop := o.start("alive", func(_ context.Context, _ Envelope, l Letter) error { box.note(l); return nil })
		pass(relay.LeaseFor - time.Millisecond)
		if box.count("a") != 0 {
			o.Error("it was sent while another worker had it")
		}
		pass(2 * time.Millisecond)
		stop()
		o.want(id, Sent, 2, 1)
	})
}

func TestAMessageThatBringsSendersDownIsGivenUp(t *testing.T) {
	within(t, func(o *office) {
		id := o.enqueue("a")
		for range retries + 1 {
			now := clock.System{}.Now()
			if _, err := o.rows.Claim(o.Context(), "dead", now, now.Add(relay.LeaseFor), 1); err != nil {
				o.Fatal(err)
			}
			pass(relay.LeaseFor)
		}
		_, stop := o.start("alive", func(context.Context, Envelope, Letter) error {
			o.Error("it was sent")
			return nil
		})
		pass(time.Second)
		stop()
		o.want(id, Abandoned, retries+2, 1)
	})
}

func TestAWorkerThatCannotRenewStopsBeforeAnotherBegins(t *testing.T) {
	within(t, func(o *office) {
		var stopped, began time.Time
		id := o.enqueue("a")
		_, stopA := o.start("a", func(ctx context.Context, _ Envelope, _ Letter) error {
			if !stopped.IsZero() {
				return nil
			}
			<-ctx.Done()
			stopped = clock.System{}.Now()
			return ctx.Err()
		})
		pass(time.Second)
		link := o.rows
		o.rows = &rows{System: link.System} // the other one still reaches the store
		_, stopB := o.start("b", func(context.Context, Envelope, Letter) error {
			began = clock.System{}.Now()
			return nil
		})
		link.set(true)
		pass(2 * relay.LeaseFor)
		stopB()
		link.set(false)
		pass(relay.MaxPause)
		stopA()
		if stopped.IsZero() || !stopped.Before(began) {
			o.Errorf("the first stopped at %v, the second began at %v", stopped, began)
		}
		o.want(id, Sent, 2, 1)
	})
}

func TestAMessageThatWasHandedOverIsNotSentAgainByAWorkerThatCannotNoteIt(t *testing.T) {
	for name, fail := range map[string]func(*rows, bool){"the store is down": (*rows).set, "the store is full": (*rows).fill} {
		t.Run(name, func(t *testing.T) {
			within(t, func(o *office) {
				var box postbox
				id := o.enqueue("a")
				_, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error {
					box.note(l)
					fail(o.rows, true)
					return nil
				})
				pass(5 * relay.LeaseFor)
				fail(o.rows, false)
				pass(2 * relay.MaxPause)
				stop()
				if m, err := o.tenant.Message(o.Context(), id); err != nil || m.Status != string(Sent) || box.count("a") != 1 {
					o.Errorf("the message is %s and arrived %d times: %v", m.Status, box.count("a"), err)
				}
				if len(o.reports) == 0 {
					o.Error("nobody was told that the store was down")
				}
			})
		})
	}
}

func TestAWorkerOutlivesTheStore(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		o.rows.set(true)
		_, stop := o.start("w", func(_ context.Context, _ Envelope, l Letter) error { box.note(l); return nil })
		pass(time.Hour)
		reports := len(o.reports)
		if reports < 100 || reports > 400 {
			o.Errorf("in an hour it asked %d times", reports)
		}
		o.enqueue("a")
		o.rows.set(false)
		pass(relay.MaxPause)
		stop()
		if box.count("a") != 1 {
			o.Error("it did not go on")
		}
	})
}

func TestTheEndWaitsForAttemptsUnderWay(t *testing.T) {
	within(t, func(o *office) {
		id := o.enqueue("a")
		_, stop := o.start("w", func(ctx context.Context, _ Envelope, _ Letter) error {
			clock.System{}.SleepUntil(ctx, clock.System{}.Now().Add(relay.DrainWithin/2))
			return ctx.Err()
		})
		pass(time.Millisecond)
		stop()
		o.want(id, Sent, 1, 1)
	})
}

func TestTheEndDoesNotWaitForEverAndLosesNothing(t *testing.T) {
	within(t, func(o *office) {
		id := o.enqueue("a")
		_, stop := o.start("w", func(ctx context.Context, _ Envelope, _ Letter) error {
			<-ctx.Done()
			return ctx.Err()
		})
		pass(time.Millisecond)
		begun := clock.System{}.Now()
		stop()
		if took := (clock.System{}).Now().Sub(begun); took > relay.DrainWithin {
			o.Errorf("the end took %s", took)
		}
		o.want(id, Queued, 1, 1)
	})
}

func TestNoMoreThanTheConfiguredNumberIsSentAtOnce(t *testing.T) {
	within(t, func(o *office) {
		var mu sync.Mutex
		running, most := 0, 0
		for range 5 * DefaultConcurrency {
			o.enqueue("a")
		}
		_, stop := o.start("w", func(ctx context.Context, _ Envelope, _ Letter) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			clock.System{}.SleepUntil(ctx, clock.System{}.Now().Add(time.Second))
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		})
		pass(6 * time.Second)
		stop()
		if most != DefaultConcurrency {
			o.Errorf("%d were sent at once, want %d", most, DefaultConcurrency)
		}
		left, err := o.tenant.Messages(o.Context(), store.MessageFilter{Status: store.MessageQueued, Limit: 1})
		if err != nil || len(left) != 0 {
			o.Errorf("messages are left: %v %v", left, err)
		}
	})
}

func TestWorkersShareAnOutboxWithoutSendingTwice(t *testing.T) {
	within(t, func(o *office) {
		var box postbox
		const messages = 300
		for range messages {
			o.enqueue(uuid.NewString())
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			_, stop := o.start(name, func(ctx context.Context, _ Envelope, l Letter) error {
				box.note(l)
				clock.System{}.SleepUntil(ctx, clock.System{}.Now().Add(time.Millisecond))
				return nil
			})
			defer stop()
		}
		pass(time.Minute)
		if len(box.got) != messages || len(box.times) != messages {
			o.Errorf("%d messages arrived %d times, want %d once", len(box.got), len(box.times), messages)
		}
	})
}
