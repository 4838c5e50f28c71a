package systemtest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cardea/internal/store/dbtest"
)

// elsewhere is how long another process may still know a session that has ended.
const elsewhere = time.Second

// replicas are three servers on one database; the last reaches it through a line
// that can be cut.
func replicas(t *testing.T, dsn string) (all []*server, last *line) {
	t.Helper()
	last = newLine(t, dsn)
	for _, address := range []string{dsn, dsn, last.dsn} {
		all = append(all, start(t, options{DSN: address}))
	}
	return all, last
}

func TestWhoIsSignedOutAtOneReplicaIsSignedOutAtAll(t *testing.T) {
	long(t)
	for name, start := range map[string]func(testing.TB) *dbtest.Server{
		"PostgreSQL": func(t testing.TB) *dbtest.Server { return dbtest.Postgres(t) },
		"MariaDB":    func(t testing.TB) *dbtest.Server { return dbtest.MariaDB(t) },
	} {
		t.Run(name, func(t *testing.T) {
			all, last := replicas(t, start(t).Database(t))
			t.Run("while all is well", func(t *testing.T) { signedOutEverywhere(t, all, nil) })
			t.Run("while the line to the database is cut", func(t *testing.T) { signedOutEverywhere(t, all, last) })
		})
	}
}

// signedOutEverywhere signs up at the first replica, shows the session to all, ends
// it, and asks all of them again. The line is cut meanwhile.
func signedOutEverywhere(t *testing.T, all []*server, cut *line) {
	clients := make([]*client, len(all))
	for i, s := range all {
		clients[i] = s.native()
	}
	ask := func(i int, token string) int {
		a, err := clients[i].whoami(token)
		if err != nil {
			t.Fatalf("replica %d: %v", i, err)
		}
		return a.Status
	}
	for round := range 3 {
		who, err := clients[0].signUp(fmt.Sprintf("who-%d-%t@cardea.test", round, cut != nil))
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			for range 3 { // from the database, and from memory
				if status := ask(i, who.Token); status != http.StatusOK {
					t.Fatalf("replica %d answers %d before anything happened", i, status)
				}
			}
		}
		if cut != nil {
			cut.cut()
		}
		if a, err := clients[0].json("DELETE", "/self-service/logout/api", map[string]string{"session_token": who.Token}); err != nil || a.Status != http.StatusNoContent {
			t.Fatalf("sign out: %v, %+v", err, a)
		}
		ended := time.Now()
		if status := ask(0, who.Token); status != http.StatusUnauthorized {
			t.Errorf("where it was ended the session is answered with %d", status)
		}
		timer := time.NewTimer(elsewhere - time.Since(ended))
		<-timer.C
		for i := range all {
			want := http.StatusUnauthorized
			if cut != nil && i == len(all)-1 {
				want = http.StatusServiceUnavailable
			}
			if status := ask(i, who.Token); status != want {
				t.Errorf("%s after its end replica %d answers %d, want %d", time.Since(ended), i, status, want)
			}
		}
		if cut != nil {
			cut.mend()
			if status := ask(len(all)-1, who.Token); status != http.StatusUnauthorized {
				t.Errorf("the replica that was cut off answers %d when it is back", status)
			}
		}
	}
}

func TestReplicasOutliveTheirDatabase(t *testing.T) {
	long(t)
	database := dbtest.Postgres(t)
	all, _ := replicas(t, database.Database(t))
	people := map[string]bool{}
	for i, s := range all {
		email := fmt.Sprintf("before-%d@cardea.test", i)
		if _, err := s.native().signUp(email); err != nil {
			t.Fatal(err)
		}
		people[email] = true
	}
	database.Stop()
	for i, s := range all {
		a := s.native().get(t, "/self-service/login/api")
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("without a database replica %d answers %d, %v", i, a.Status, a.Header)
		}
	}
	database.Start(t)
	for i, s := range all {
		s.awaitReady(t, time.Now())
		for email := range people {
			if _, err := s.native().signIn(email); err != nil {
				t.Errorf("replica %d after the crash, %s: %v", i, email, err)
			}
		}
	}
}

// TestAPrimaryThatDiesIsReplaced: under a load of sign-ups the primary is lost and
// its synchronous standby takes over at the same address. Whatever was acknowledged
// is there, and what was not was refused for the time being.
func TestAPrimaryThatDiesIsReplaced(t *testing.T) {
	long(t)
	primary := dbtest.Postgres(t)
	dsn := primary.Database(t)
	standby := primary.Standby(t)
	way := newLine(t, dsn)
	s := start(t, options{DSN: way.dsn})

	var mu sync.Mutex
	var signedUp []person
	refused := 0
	var load sync.WaitGroup
	over := make(chan struct{})
	for member := range 8 {
		load.Go(func() {
			c := s.native()
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				who, err := c.signUp(fmt.Sprintf("load-%d-%d@cardea.test", member, n))
				mu.Lock()
				switch {
				case err == nil:
					signedUp = append(signedUp, who)
				case statusOf(err) == http.StatusServiceUnavailable && retryAfter(err) != "":
					refused++
				default:
					t.Errorf("sign up while the primary is replaced: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	happens := func(what string, done func() bool) {
		t.Helper()
		poll := time.NewTicker(10 * time.Millisecond)
		defer poll.Stop()
		for begun := time.Now(); ; <-poll.C {
			mu.Lock()
			yes := done()
			mu.Unlock()
			if yes {
				return
			}
			if time.Since(begun) > time.Minute {
				t.Fatalf("%s: not within a minute", what)
			}
		}
	}
	happens("sign-ups before the loss", func() bool { return len(signedUp) >= 50 })
	primary.Stop()
	happens("refusals after the loss", func() bool { return refused > 0 })
	standby.Promote(t)
	way.redirect(addressOf(t, standby.DSN(t, dsn)))
	lost := time.Now()
	mu.Lock()
	before := len(signedUp)
	mu.Unlock()
	happens("sign-ups at the new primary", func() bool { return len(signedUp) >= before+20 })
	back := time.Since(lost)
	close(over)
	load.Wait()

	for _, who := range signedUp {
		if a, err := s.native().whoami(who.Token); err != nil || a.Status != http.StatusOK {
			t.Errorf("%s was signed up and is not known: %v, %+v", who.Email, err, a)
		}
	}
	t.Logf("%d signed up, %d before the loss of the primary, none lost; %d refused meanwhile; in service %s after the promotion",
		len(signedUp), before, refused, back.Round(time.Millisecond))
}

// line is a way to a database that can be cut.
type line struct {
	dsn      string // through the line
	to       string
	listener net.Listener

	mu    sync.Mutex
	dead  bool
	conns map[net.Conn]bool
}

func newLine(t *testing.T, dsn string) *line {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{to: addressOf(t, dsn), listener: ln, conns: map[net.Conn]bool{}}
	l.dsn = strings.Replace(dsn, l.to, ln.Addr().String(), 1)
	t.Cleanup(func() { _ = ln.Close(); l.cut() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go l.carry(c)
		}
	}()
	return l
}

// addressOf finds host:port in a DSN.
func addressOf(t *testing.T, dsn string) string {
	t.Helper()
	if _, rest, ok := strings.Cut(dsn, "tcp("); ok {
		address, _, _ := strings.Cut(rest, ")")
		return address
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// hold keeps a connection to be cut, unless the line is.
func (l *line) hold(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = true
	return !l.dead
}

func (l *line) carry(from net.Conn) {
	defer func() { _ = from.Close() }()
	if !l.hold(from) {
		return
	}
	l.mu.Lock()
	address := l.to
	l.mu.Unlock()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	if !l.hold(to) {
		return
	}
	go func() {
		_, _ = io.Copy(to, from) // its end is all that counts
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}

// cut ends all connections, and every new one at once.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for c := range l.conns {
		_ = c.Close()
	}
	l.conns = map[net.Conn]bool{}
}

// redirect cuts the line, and lets it lead elsewhere from now on.
func (l *line) redirect(to string) {
	l.cut()
	l.mu.Lock()
	l.to = to
	l.mu.Unlock()
	l.mend()
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = false
}
