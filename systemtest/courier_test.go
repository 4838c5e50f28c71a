package systemtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	// Messages are sealed, and how is the house's own business: the tests of this
	// file fill the outbox with its help. What happens then is seen from outside.
	"cardea/internal/courier"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/secret"
	"cardea/internal/store"
	"cardea/internal/store/dbtest"
)

const (
	crashMessages = 2000
	crashSlowness = 20 * time.Millisecond  // of the mail server, so that a crash finds mails under way
	crashUptime   = 120 * time.Millisecond // at most, before a crash
	crashRecovery = 60 * time.Second       // for what was under way at the last crash, too

	sharedMessages = 10000
	sharedWithin   = 180 * time.Second
)

// sink is a mail server that takes everything and counts it by recipient.
type sink struct {
	listener net.Listener
	slowness time.Duration

	mu      sync.Mutex
	arrived map[string]int    // by recipient
	senders map[string]int    // by the name that a sender calls itself
	codes   map[string]string // in the last mail, by recipient
	last    time.Time
}

func newSink(t *testing.T, slowness time.Duration) *sink {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{listener: ln, slowness: slowness, arrived: map[string]int{}, senders: map[string]int{}, codes: map[string]string{}}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

// config makes a server send its mail here.
func (s *sink) config() string {
	return fmt.Sprintf("courier: {smtp: {connection_uri: \"smtp://%s/?disable_starttls=true\", from_address: noreply@cardea.test}, worker: {pull_wait: 100ms}}\n", s.listener.Addr())
}

// serve speaks as much SMTP as a sender needs (RFC 5321). A mail counts as soon as
// all of it is here, whether or not the sender lives to hear of it.
func (s *sink) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewReader(conn)
	reply := func(text string) { _, _ = conn.Write([]byte(text + "\r\n")) }
	reply("220 sink")
	sender, recipient := "", ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "QUIT":
			reply("221 bye")
			return
		case "EHLO":
			sender = rest
			reply("250 sink")
		case "RCPT":
			recipient = strings.Trim(strings.SplitN(rest, ":", 2)[1], "<> ")
			reply("250 ok")
		case "DATA":
			reply("354 go on")
			var text strings.Builder
			for line != ".\r\n" {
				if line, err = lines.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(strings.TrimSuffix(line, "=\r\n"))
			}
			s.count(sender, recipient, sixDigits.FindString(text.String()))
			timer := time.NewTimer(s.slowness)
			<-timer.C
			reply("250 taken")
		default:
			reply("250 ok")
		}
	}
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

func (s *sink) count(sender, recipient, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived[recipient]++
	s.codes[recipient] = code
	s.senders[sender]++
	s.last = time.Now()
}

// wait waits until so many different mails have arrived.
func (s *sink) wait(t *testing.T, want int, within time.Duration) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for begun := time.Now(); ; <-poll.C {
		s.mu.Lock()
		got := len(s.arrived)
		s.mu.Unlock()
		if got == want {
			return
		}
		if time.Since(begun) > within {
			t.Fatalf("%d of %d mails have arrived within %s", got, want, within)
		}
	}
}

func recipientOf(n int) string { return fmt.Sprintf("m%d@cardea.test", n) }

// queue puts messages into the outbox of a server that does not run.
func (s *server) queue(t *testing.T, messages int) {
	t.Helper()
	keys, err := secret.NewKeyring("a-secret-for-tests-only-0123456789")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{DSN: s.dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.Tenant(store.DefaultTenant).Tx(context.Background(), func(x *store.Tx) error {
		for n := range messages {
			m := flow.Message{ID: uuid.New(), Template: "recovery_code_valid", Channel: identity.Email, Recipient: recipientOf(n), CreatedAt: time.Now()}
			if m.Sealed, err = courier.Seal(keys, rand.Reader, m.ID, courier.Letter{Subject: "Your code", Text: "123456", HTML: "<p>123456</p>"}); err != nil {
				return err
			}
			if _, err := x.Enqueue(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inState lists the recipients of the messages in a state.
func (s *server) inState(t *testing.T, state string) (recipients []string) {
	t.Helper()
	db := s.look(t)
	defer func() { _ = db.Close() }()
	rows, err := db.Query("SELECT recipient FROM messages WHERE status = '" + state + "'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r string
		if err := rows.Scan(&r); err != nil {
			t.Fatal(err)
		}
		recipients = append(recipients, r)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return recipients
}

// noted waits until so many messages are noted as sent.
func (s *server) noted(t *testing.T, want int, within time.Duration) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for begun := time.Now(); ; <-poll.C {
		got := len(s.inState(t, "sent"))
		if got == want {
			return
		}
		if time.Since(begun) > within {
			t.Fatalf("%d of %d messages are noted as sent within %s", got, want, within)
		}
	}
}

func TestEveryMessageArrivesAlthoughTheServerIsKilled(t *testing.T) {
	long(t)
	mails := newSink(t, crashSlowness)
	s := install(t, options{Config: mails.config()})
	s.queue(t, crashMessages)
	underWay := map[string]int{} // how often a crash found the message with a sender
	for range crashes {
		s.start(t)
		timer := time.NewTimer(time.Duration(mathrand.Int64N(int64(crashUptime))))
		<-timer.C
		s.kill(t)
		for _, recipient := range s.inState(t, "processing") {
			underWay[recipient]++
		}
	}
	s.start(t)
	begun := time.Now()
	mails.wait(t, crashMessages, crashRecovery)
	s.noted(t, crashMessages, crashRecovery) // those that arrived without the sender living to hear of it
	s.stop(t)

	mails.mu.Lock() // connections of servers that were killed may still be read from
	defer mails.mu.Unlock()
	twice := 0
	for recipient, n := range mails.arrived {
		if n > 1 {
			twice++
		}
		if n > 1+underWay[recipient] {
			t.Errorf("%s arrived %d times, and was under way at %d crashes", recipient, n, underWay[recipient])
		}
	}
	if len(underWay) < crashes {
		t.Errorf("only %d messages were under way at crashes: too few to prove anything", len(underWay))
	}
	t.Logf("%d messages, %d crashes, %d messages under way at one; all arrived, %d of them more than once; the last %s after the last start",
		crashMessages, crashes, len(underWay), twice, mails.last.Sub(begun).Round(time.Millisecond))
	checkDatabase(t, s.database())
}

func TestTwoProcessesSendFromOneDatabaseWithoutSendingTwice(t *testing.T) {
	long(t)
	t.Run("SQLite", func(t *testing.T) {
		s := twoSend(t, "")
		checkDatabase(t, s.database())
	})
	t.Run("PostgreSQL", func(t *testing.T) { twoSend(t, dbtest.Postgres(t).Database(t)) })
	t.Run("MariaDB", func(t *testing.T) { twoSend(t, dbtest.MariaDB(t).Database(t)) })
}

// twoSend lets two processes send from one database; "" for a file.
func twoSend(t *testing.T, dsn string) *server {
	mails := newSink(t, 0)
	s := install(t, options{DSN: dsn, Config: mails.config()})
	s.queue(t, sharedMessages)
	begun := time.Now()
	other := s.watchCourier(t)
	defer other()
	s.start(t)
	mails.wait(t, sharedMessages, sharedWithin)
	took := time.Since(begun)
	s.noted(t, sharedMessages, sharedWithin)
	s.stop(t)
	other()
	mails.mu.Lock()
	defer mails.mu.Unlock()
	for recipient, n := range mails.arrived {
		if n != 1 {
			t.Errorf("%s arrived %d times", recipient, n)
		}
	}
	if len(mails.senders) != 2 {
		t.Errorf("one of two processes sent nothing: %v", mails.senders)
	}
	t.Logf("%d messages by two processes (%v) in %s, %.0f a second, none twice", sharedMessages, mails.senders, took.Round(time.Millisecond), sharedMessages/took.Seconds())
	return s
}

// watchCourier runs a process that only sends, and calls itself "other" to mail
// servers. stop asks it to end and waits.
func (s *server) watchCourier(t *testing.T) (stop func()) {
	t.Helper()
	named := s.write(t, "other.yml", "courier: {smtp: {local_name: other}}\n")
	cmd := s.command("courier", "watch", "-c", named)
	bindToParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the courier: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the courier ended with %v", err)
		}
	})
}
