package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/courier"
	"cardea/internal/flow"
	"cardea/internal/gate"
	"cardea/internal/identity"
	"cardea/internal/store"
	"cardea/internal/telemetry"
)

// configured compiles the development configuration with changes.
func configured(t *testing.T, change func(*config.Snapshot)) *flow.Setup {
	t.Helper()
	snapshot, err := config.Load(config.Options{
		Defaults:         config.Development(t.TempDir()),
		PersistedSecrets: func(string) ([]string, error) { return []string{"a secret that is long enough"}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(snapshot)
	}
	setup, err := flow.Compile(t.Context(), snapshot, func(_ context.Context, address string) ([]byte, error) {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(address, "base64://"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return setup
}

var errOutside = errors.New("handed to the outside")

// outside is the way out.
type outside struct{}

func (outside) Deliver(context.Context, *flow.Setup, courier.Envelope, courier.Letter) error {
	return errOutside
}

func TestMessagesStayInTheMailboxOnlyInDevelopmentModeAndWithoutAWayOut(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*config.Snapshot)
		channel identity.Channel
		stays   bool
	}{
		{"mail in development", nil, identity.Email, true},
		{"a text message in development", nil, identity.SMS, true},
		{"in production, even when the setting slipped through", func(s *config.Snapshot) { s.Dev = false }, identity.Email, false},
		{"with the mailbox off", func(s *config.Snapshot) { s.Cardea.Development.Mailbox = false }, identity.Email, false},
		{"with a mail server", func(s *config.Snapshot) { s.Courier.SMTP.ConnectionURI = "smtp://127.0.0.1:25/" }, identity.Email, false},
		{"text messages with a mail server", func(s *config.Snapshot) { s.Courier.SMTP.ConnectionURI = "smtp://127.0.0.1:25/" }, identity.SMS, true},
		{"with a service for mail", func(s *config.Snapshot) {
			s.Courier.DeliveryStrategy, s.Courier.HTTP.RequestConfig.URL = "http", "https://mail.example/"
		}, identity.Email, false},
		{"with a service for text messages", func(s *config.Snapshot) { s.Courier.Channels = []config.Channel{{ID: "sms"}} }, identity.SMS, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := mailboxFirst{outside{}}.Deliver(t.Context(), configured(t, tt.change), courier.Envelope{Channel: tt.channel}, courier.Letter{})
			if stays := err == nil; stays != tt.stays {
				t.Errorf("stays is %v, want %v", stays, tt.stays)
			}
		})
	}
}

// TestFilesAreCheckedAtTheStart: a text, a program or a list that cannot work ends the
// start with its place, before anybody waits for a code that never comes.
func TestFilesAreCheckedAtTheStart(t *testing.T) {
	for name, c := range map[string]struct{ file, text, config, place string }{
		"a text that is not a template": {
			"login_code/valid/email.subject.gotmpl", "one\n{{.Nope}}", "courier: {template_override_path: %q}", "email.subject.gotmpl:2",
		},
		"a text that fails whatever it is given": {
			"recovery_code/invalid/email.body.plaintext.gotmpl", "one\ntwo\n{{index .To .To}}", "courier: {template_override_path: %q}", "email.body.plaintext.gotmpl:3",
		},
		"a program that does not parse": {
			"sms.jsonnet", "function(ctx)\n{", "courier: {channels: [{id: sms, type: http, request_config: {url: 'https://sms.cardea.test/', method: POST, body: 'file://%s/sms.jsonnet'}}]}", "sms.jsonnet:2",
		},
		"a file of breached passwords that is none": {
			"breached", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1", "cardea: {breached_passwords: {file: '%s/breached'}}", "cardea.breached_passwords.file",
		},
		"a file of breached passwords that is not there": {
			"other", "", "cardea: {breached_passwords: {file: '%s/breached'}}", "cardea.breached_passwords.file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, filepath.FromSlash(c.file))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, path, c.text)
			files := []string{filepath.Join(t.TempDir(), "base.yml"), filepath.Join(t.TempDir(), "more.yml")}
			write(t, files[0], baseConfig(t.TempDir()))
			write(t, files[1], fmt.Sprintf(c.config, filepath.ToSlash(dir)))
			snapshot, err := config.Load(config.Options{Files: files})
			if err != nil {
				t.Fatal(err)
			}
			manager := config.NewManager(snapshot, func() (*config.Snapshot, error) { return snapshot, nil })
			a, err := New(t.Context(), Options{Config: manager, Log: slog.New(slog.DiscardHandler), Migrate: true})
			if err == nil {
				_ = a.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.place) {
				t.Errorf("the start ended with %v, want the place %s", err, c.place)
			}
			if _, err := CheckDocuments(t.Context(), snapshot); err == nil || !strings.Contains(err.Error(), c.place) {
				t.Errorf("the check ended with %v, want the place %s", err, c.place)
			}
		})
	}
}

// rowsOf is an empty database.
func rowsOf(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DSN: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func message(t *testing.T, setup *flow.Setup, l courier.Letter) flow.Message {
	t.Helper()
	m := flow.Message{ID: uuid.New(), Template: "recovery_code_valid", Channel: identity.Email, Recipient: "ann@example.org", CreatedAt: time.Now().UTC()}
	var err error
	if m.Sealed, err = courier.Seal(setup.Keys, rand.Reader, m.ID, l); err != nil {
		t.Fatal(err)
	}
	return m
}

func queue(tx interface {
	Enqueue(flow.Message) (gate.Scope, error)
}, m flow.Message) error {
	_, err := tx.Enqueue(m)
	return err
}

func TestTheSenderIsWokenByMessagesThatAreThereToStay(t *testing.T) {
	setup := configured(t, nil)
	woken, counted := 0, 0
	rows := posting{storage{Tenant: rowsOf(t).Tenant(1), clock: clock.System{}}, func() { woken++ }, func(string, string) { counted++ }, nil}
	refused := errors.New("refused")
	for _, step := range []struct {
		name string
		run  func(flow.Tx) error
		want int
	}{
		{"nothing was queued", func(flow.Tx) error { return nil }, 0},
		{"a message was queued", func(tx flow.Tx) error { return queue(tx, message(t, setup, courier.Letter{})) }, 1},
		{"a message was taken back", func(tx flow.Tx) error {
			return errors.Join(queue(tx, message(t, setup, courier.Letter{})), refused)
		}, 1},
	} {
		if err := rows.Write(t.Context(), step.run); err != nil && !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if woken != step.want || counted != step.want {
			t.Errorf("%s: woken %d times and counted %d messages, want %d", step.name, woken, counted, step.want)
		}
	}
}

func TestMessagesThatAreThroughAreKeptForAWhile(t *testing.T) {
	now := clock.NewFake(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		name, config string
		kept         time.Duration // 0 for ever
	}{
		{"a month as a rule", "", 720 * time.Hour},
		{"as long as configured", `cardea: {courier: {message_retention: 1h30m}}`, 90 * time.Minute},
		{"for ever", `cardea: {courier: {message_retention: 0s}}`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := start(t, nil, Options{Migrate: true, Clock: now}, c.config)
			var ids []uuid.UUID
			for n, status := range []string{store.MessageSent, store.MessageAbandoned, ""} {
				m := message(t, configured(t, nil), courier.Letter{})
				m.CreatedAt, m.Recipient = now.Now(), fmt.Sprint(n)
				ids = append(ids, m.ID)
				if err := a.db.Tenant(1).Tx(t.Context(), func(x *store.Tx) error { return queue(x, m) }); err != nil {
					t.Fatal(err)
				}
				claimed, err := a.db.System().ClaimMessages(t.Context(), "h", now.Now(), now.Now().Add(time.Hour), 1)
				if err != nil || len(claimed) != 1 {
					t.Fatalf("claimed %v: %v", claimed, err)
				}
				l := store.MessageLease{Tenant: 1, ID: m.ID, Holder: "h", Attempt: 1}
				if status == "" {
					continue
				}
				if err := a.db.System().FinishMessage(t.Context(), l, store.MessageOutcome{Status: status, Now: now.Now()}); err != nil {
					t.Fatal(err)
				}
			}
			left := func() (n int) {
				if err := a.sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, id := range ids {
					if _, err := a.db.Tenant(1).Message(t.Context(), id); err == nil {
						n++
					}
				}
				return n
			}
			kept, far := c.kept, 1
			if kept == 0 {
				kept, far = 100_000*time.Hour, len(ids)
			}
			now.Advance(kept)
			if got := left(); got != len(ids) {
				t.Errorf("%d messages are left after %s, want all", got, kept)
			}
			now.Advance(time.Second)
			if got := left(); got != far {
				t.Errorf("%d messages are left after more than %s, want %d", got, kept, far)
			}
		})
	}
}

func TestSendingIsCounted(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for recipient, status := range map[string]int{"busy": 503, "gone": 404} {
			if strings.Contains(string(body), recipient+"@") {
				w.WriteHeader(status)
			}
		}
	}))
	defer service.Close()
	a, _ := start(t, nil, Options{Migrate: true}, fmt.Sprintf(
		"courier: {delivery_strategy: http, http: {request_config: {url: %q, method: POST}}, worker: {pull_wait: 1h}}", service.URL),
		"selfservice: {methods: {code: {enabled: true}}, flows: {recovery: {enabled: true, notify_unknown_recipients: true}}}")
	var begun struct{ UI struct{ Action string } }
	if err := json.Unmarshal(ask(a.Public, "/self-service/recovery/api").Body.Bytes(), &begun); err != nil {
		t.Fatal(err)
	}
	asked := httptest.NewRequest("POST", begun.UI.Action, strings.NewReader(`{"method":"code","email":"new@cardea.test"}`))
	asked.Header.Set("Content-Type", "application/json")
	a.Public.ServeHTTP(httptest.NewRecorder(), asked)
	rows := posting{storage{Tenant: a.db.Tenant(1), clock: clock.System{}}, a.post.worker.Wake, telemetry.NewMetrics().Queued, nil}
	err := rows.Write(t.Context(), func(tx flow.Tx) error {
		for _, recipient := range []string{"here", "busy", "gone"} {
			m := message(t, a.setup.load(), courier.Letter{})
			m.Recipient = recipient + "@cardea.test"
			if _, err := tx.Enqueue(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.post.worker.Run(ctx) }()
	deadline := time.Now().Add(time.Minute)
	for _, want := range []string{
		`courier_messages_queued_total{channel="email",template="recovery_code_invalid"} 1`,
		`courier_attempts_total{channel="email",outcome="sent",template="recovery_code_valid"} 1`,
		`courier_attempts_total{channel="email",outcome="failed",template="recovery_code_valid"} 1`,
		`courier_attempts_total{channel="email",outcome="abandoned",template="recovery_code_valid"} 1`,
		`courier_delivery_duration_seconds_count{channel="email"} 4`,
	} {
		for !strings.Contains(ask(a.metrics.Handler(), "/").Body.String(), want) && time.Now().Before(deadline) {
			runtime.Gosched()
		}
		if got := ask(a.metrics.Handler(), "/").Body.String(); !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	stop()
	<-done
}

func TestLettersAreOpenedWithTheSecretsInForce(t *testing.T) {
	setup := configured(t, nil)
	db := rowsOf(t)
	m := message(t, setup, courier.Letter{Subject: "Your code", Text: "123456", HTML: "<p>123456</p>"})
	if err := db.Tenant(1).Tx(t.Context(), func(x *store.Tx) error { return queue(x, m) }); err != nil {
		t.Fatal(err)
	}
	box := mailbox{letters{db.Tenant(1), func() *flow.Setup { return setup }, func() {}}}
	list, err := box.Letters(t.Context(), 9)
	if err != nil || len(list) != 1 || list[0].Text != "123456" || list[0].HTML == "" || list[0].Subject == "" {
		t.Errorf("the mailbox holds %+v: %v", list, err)
	}
	shown, err := box.Message(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if subject, text := shown.Content(); subject != "Your code" || text != "123456" {
		t.Errorf("operators read %q, %q", subject, text)
	}
	setup = configured(t, func(s *config.Snapshot) { s.Secrets.Cookie = []string{"another secret that is long enough"} })
	if subject, text := shown.Content(); subject != "" || text != "" {
		t.Errorf("without the secret operators read %q, %q", subject, text)
	}
}
