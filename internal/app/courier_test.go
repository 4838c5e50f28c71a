package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"cardea/internal/clock"
	"cardea/internal/config"
	"cardea/internal/courier"
	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/store"
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

// TestWhatMessagesNeedIsCheckedAtTheStart: a text or a program that cannot work ends
// the start with its place, before anybody waits for a code that never comes.
func TestWhatMessagesNeedIsCheckedAtTheStart(t *testing.T) {
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

func TestTheSenderIsWokenByMessagesThatAreThereToStay(t *testing.T) {
	setup := configured(t, nil)
	woken := 0
	rows := posting{storage{Tenant: rowsOf(t).Tenant(1), clock: clock.System{}}, func() { woken++ }}
	refused := errors.New("refused")
	for _, step := range []struct {
		name string
		run  func(flow.Tx) error
		want int
	}{
		{"nothing was queued", func(flow.Tx) error { return nil }, 0},
		{"a message was queued", func(tx flow.Tx) error { return tx.Enqueue(message(t, setup, courier.Letter{})) }, 1},
		{"a message was taken back", func(tx flow.Tx) error {
			return errors.Join(tx.Enqueue(message(t, setup, courier.Letter{})), refused)
		}, 1},
	} {
		if err := rows.Write(t.Context(), step.run); err != nil && !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if woken != step.want {
			t.Errorf("%s: woken %d times, want %d", step.name, woken, step.want)
		}
	}
}

func TestLettersAreOpenedWithTheSecretsInForce(t *testing.T) {
	setup := configured(t, nil)
	db := rowsOf(t)
	m := message(t, setup, courier.Letter{Subject: "Your code", Text: "123456", HTML: "<p>123456</p>"})
	if err := db.Tenant(1).Tx(t.Context(), func(x *store.Tx) error { return x.Enqueue(m) }); err != nil {
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
