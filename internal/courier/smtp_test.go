package courier

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/config"
	"cardea/internal/flow"
	"cardea/internal/identity"
)

// post is a mailer under test and the configuration that it works with.
type post struct {
	*Deliverers
	setup *flow.Setup
}

func newPost(t *testing.T, uri string, change func(*config.Snapshot, *DeliveryOptions)) post {
	t.Helper()
	s := &config.Snapshot{}
	s.Courier.SMTP = config.SMTP{ConnectionURI: uri, FromAddress: "no-reply@example.org", FromName: "Grüße, Inc.", LocalName: "here.test"}
	o := DeliveryOptions{
		Client:      func(*config.Snapshot) (Doer, error) { return nil, nil },
		IdleTimeout: time.Hour,
	}
	if change != nil {
		change(s, &o)
	}
	d := NewDeliverers(o)
	t.Cleanup(d.Close)
	return post{d, &flow.Setup{Snapshot: s}}
}

func envelope(recipient string) Envelope {
	return Envelope{
		ID: uuid.MustParse("7d444840-9dc0-11d1-b245-5ffdce74fad2"), Template: "login_code_valid", Channel: identity.Email,
		Recipient: recipient, CreatedAt: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC),
	}
}

func (p post) send(recipient string) error {
	return p.Deliver(context.Background(), p.setup, envelope(recipient), Letter{Subject: "Ein Code für dich", Text: "123456\n.\nEnde", HTML: "<p>123456 ✓</p>"})
}

func mustSend(t *testing.T, p post, recipient string) {
	t.Helper()
	if err := p.send(recipient); err != nil {
		t.Fatalf("not delivered: %v", err)
	}
}

func TestAMailCarriesEverythingAReaderAndARelayNeed(t *testing.T) {
	server := (&mailServer{extensions: []string{"AUTH PLAIN LOGIN"}}).start(t)
	p := newPost(t, "smtp://user%40host:p%3Ass@"+server.address+"/?skip_ssl_verify=true&legacy_ssl=true", func(s *config.Snapshot, _ *DeliveryOptions) {
		s.Courier.SMTP.Headers = map[string]string{"reply-to": "Hilfe <help@example.org>", "X-Service": "größer", "Bcc": "archive@example.org", "Cc": "desk@example.org"}
	})
	mustSend(t, p, "person@example.com")

	got := server.taken(t, 1)[0]
	want := received{
		from: "<no-reply@example.org>", to: []string{"<person@example.com>", "<desk@example.org>", "<archive@example.org>"},
		user: "user@host:p:ss", encrypted: true,
	}
	content := got.content
	got.content = ""
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" {
		t.Error(diff)
	}
	if server.saw("EHLO HERE.TEST") == 0 {
		t.Error("the configured name was not said")
	}

	m, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	decode := new(mime.WordDecoder)
	for header, want := range map[string]string{
		"Subject": "Ein Code für dich", "From": `Grüße, Inc. <no-reply@example.org>`, "To": "person@example.com", "Cc": "<desk@example.org>",
		"Reply-To": `"Hilfe" <help@example.org>`, "X-Service": "größer", "Bcc": "", "User-Agent": "", "X-Mailer": "",
		"Auto-Submitted": "auto-generated", "Message-Id": "<7d444840-9dc0-11d1-b245-5ffdce74fad2@example.org>", "Mime-Version": "1.0",
	} {
		if got, err := decode.DecodeHeader(m.Header.Get(header)); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", header, got, err, want)
		}
	}
	if date, err := m.Header.Date(); err != nil || !date.Equal(envelope("").CreatedAt) {
		t.Errorf("the date is %v (%v)", date, err)
	}
	wantParts := [][2]string{{"text/plain", "123456\r\n.\r\nEnde"}, {"text/html", "<p>123456 ✓</p>"}}
	if diff := cmp.Diff(wantParts, alternatives(t, m)); diff != "" {
		t.Error(diff)
	}
}

// alternatives reads the parts of a multipart/alternative: type and text.
func alternatives(t *testing.T, m *mail.Message) [][2]string {
	t.Helper()
	mediaType, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/alternative" {
		t.Fatalf("the mail is %q (%v)", mediaType, err)
	}
	var out [][2]string
	for r := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, parameters, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if !strings.EqualFold(parameters["charset"], "utf-8") || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Errorf("a part is %v", p.Header)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, [2]string{kind, strings.TrimSuffix(string(body), "\r\n")})
	}
}

func TestASubjectCannotBeginAnotherHeader(t *testing.T) {
	server := (&mailServer{}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", nil)
	err := p.Deliver(t.Context(), p.setup, envelope("person@example.com"), Letter{Subject: "a\r\nBcc: other@example.com\r\n\r\nb", Text: "t"})
	if err != nil {
		t.Fatal(err)
	}
	got := server.taken(t, 1)[0]
	m, err := mail.ReadMessage(strings.NewReader(got.content))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || len(got.to) != 1 {
		t.Errorf("a header was smuggled in: %v to %v", m.Header, got.to)
	}
	// Not encoded either: who decodes it would see several lines.
	subject, err := (&mime.WordDecoder{}).DecodeHeader(m.Header.Get("Subject"))
	if want := "a Bcc: other@example.com b"; err != nil || subject != want {
		t.Errorf("the subject is %q (%v), want %q", subject, err, want)
	}
}

func TestRepliesAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		verb, reply string
		permanent   bool
	}{
		"an unknown recipient is final":               {"RCPT", "550 5.1.1 no such user", true},
		"a full mailbox may pass":                     {"RCPT", "452 4.2.2 full", false},
		"a refused sender is final":                   {"MAIL", "553 no", true},
		"a sender who has to authenticate may pass":   {"MAIL", "530 5.7.0 who are you", false},
		"refused content is final":                    {"content", "554 5.7.1 spam", true},
		"content that cannot be taken now may pass":   {"content", "451 later", false},
		"a refused DATA is final":                     {"DATA", "554 no", true},
		"a wrong password may be corrected":           {"AUTH", "535 5.7.8 bad CANARY", false},
		"a server that takes nobody may change":       {"greeting", "554 no", false},
		"a server that is about to close may be back": {"MAIL", "421 closing", false},
		"garbage says nothing of the mail":            {"RCPT", "five hundred and fifty", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&mailServer{extensions: []string{"AUTH PLAIN"}, replies: map[string]string{c.verb: c.reply}}).start(t)
			p := newPost(t, "smtp://user:CANARY@"+server.address+"/?skip_ssl_verify=true", nil)
			err := p.send("person@example.com")
			if err == nil || Permanent(err) != c.permanent {
				t.Errorf("the error is %v, permanent: %v", err, Permanent(err))
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error quotes what it was sent: %v", err)
			}
			server.taken(t, 0)
		})
	}
}

func TestOnlyACodeForItTellsThatThereIsNoMailbox(t *testing.T) {
	for name, c := range map[string]struct {
		verb, reply string
		want        bool
	}{
		"no such mailbox":              {"RCPT", "550 5.1.1 no such user", true},
		"it has moved":                 {"RCPT", "551 5.1.6 moved", true},
		"its domain takes no mail":     {"RCPT", "556 5.1.10 null MX", true},
		"it is switched off":           {"RCPT", "550 5.2.1 disabled", true},
		"a policy":                     {"RCPT", "550 5.7.1 relay access denied", false},
		"no code":                      {"RCPT", "550 user unknown", false},
		"a code that begins like that": {"RCPT", "550 5.1.12 who knows", false},
		"about the sender":             {"MAIL", "550 5.1.1 you do not exist", false},
		"it may pass":                  {"RCPT", "450 4.1.1 not now", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&mailServer{replies: map[string]string{c.verb: c.reply}}).start(t)
			p := newPost(t, "smtp://"+server.address+"/?disable_starttls=true", nil)
			if err := p.send("person@example.com"); err == nil || noMailbox(err) != c.want {
				t.Errorf("the error is %v, no mailbox: %v", err, noMailbox(err))
			}
		})
	}
}

func TestABrokenOrSilentServerCostsLimitedTimeAndMayPass(t *testing.T) {
	for _, verb := range []string{"greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content"} {
		for name, server := range map[string]*mailServer{"silent": {hang: verb}, "broken": {drop: verb}} {
			t.Run(name+" at "+verb, func(t *testing.T) {
				server.extensions = []string{"AUTH PLAIN"}
				server.start(t)
				p := newPost(t, "smtp://user:pass@"+server.address+"/?skip_ssl_verify=true", func(_ *config.Snapshot, o *DeliveryOptions) {
					if server.hang != "" {
						o.StepTimeout = 50 * time.Millisecond
					}
				})
				if err := p.send("person@example.com"); err == nil || Permanent(err) {
					t.Errorf("the error is %v, want one that may pass", err)
				}
			})
		}
	}
}

func TestADeliveryEndsWithItsContext(t *testing.T) {
	server := (&mailServer{hang: "RCPT"}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", func(_ *config.Snapshot, o *DeliveryOptions) { o.StepTimeout = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Deliver(ctx, p.setup, envelope("person@example.com"), Letter{Text: "t"}); err == nil || Permanent(err) {
		t.Errorf("the error is %v, want one that may pass", err)
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	server := (&mailServer{extensions: []string{"AUTH PLAIN"}}).start(t)
	p := newPost(t, "smtp://user:pass@"+server.address+"/?skip_ssl_verify=true", nil)
	for range 3 {
		mustSend(t, p, "person@example.com")
	}
	server.taken(t, 3)
	if n := server.connections(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
	p.Close()
	if server.saw("QUIT") != 1 {
		t.Error("nobody took leave")
	}
}

func TestAConnectionThatDiedWhileItWaitedIsReplaced(t *testing.T) {
	server := (&mailServer{}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", nil)
	mustSend(t, p, "person@example.com")
	server.breakAll()
	mustSend(t, p, "person@example.com")
	server.taken(t, 2)
}

func TestAConnectionIsNotUsedAfterAnError(t *testing.T) {
	server := (&mailServer{refuse: "<nobody@example.com>"}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", nil)
	if err := p.send("nobody@example.com"); !Permanent(err) {
		t.Fatal(err)
	}
	mustSend(t, p, "person@example.com")
	if got := server.taken(t, 1)[0].to; !slices.Equal(got, []string{"<person@example.com>"}) {
		t.Errorf("the mail went to %v", got)
	}
	if n := server.connections(); n != 2 {
		t.Errorf("%d connections were made", n)
	}
}

func TestAnIdleConnectionEnds(t *testing.T) {
	server := (&mailServer{}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", func(_ *config.Snapshot, o *DeliveryOptions) { o.IdleTimeout = time.Millisecond })
	mustSend(t, p, "person@example.com")
	<-server.quits
}

func TestAnotherConfigurationMakesItsOwnConnections(t *testing.T) {
	first, second := (&mailServer{}).start(t), (&mailServer{}).start(t)
	p := newPost(t, "smtp://"+first.address+"/?skip_ssl_verify=true", nil)
	mustSend(t, p, "person@example.com")
	changed := *p.setup.Snapshot
	changed.Courier.SMTP.ConnectionURI = "smtp://" + second.address + "/?skip_ssl_verify=true"
	p.setup = &flow.Setup{Snapshot: &changed}
	mustSend(t, p, "person@example.com")
	first.taken(t, 1)
	second.taken(t, 1)
	<-first.quits
}

func TestPrivateAddressesAreLeftToTheDialerThatChecksThem(t *testing.T) {
	server := (&mailServer{}).start(t)
	refused := errors.New("private")
	for name, c := range map[string]struct {
		disallow   bool
		dialPublic Dial
		sent       bool
	}{
		"allowed":                         {false, nil, true},
		"disallowed, address refused":     {true, func(context.Context, string, string) (net.Conn, error) { return nil, refused }, false},
		"disallowed, nobody who can tell": {true, nil, false},
		"disallowed, address is fine":     {true, (&net.Dialer{}).DialContext, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", func(s *config.Snapshot, o *DeliveryOptions) {
				s.Clients.SMTP.DisallowPrivateIPRanges = c.disallow
				o.DialPublic = c.dialPublic
			})
			if err := p.send("person@example.com"); (err == nil) != c.sent || Permanent(err) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestRecipientsThatProvidersGaveOutAreDeliveredTo(t *testing.T) {
	for name, c := range map[string]struct {
		recipient, path, header string
		extension               string
		utf8                    bool
	}{
		"plain":                         {recipient: "person@example.com", path: "<person@example.com>", header: "person@example.com"},
		"two dots in a row":             {recipient: "a..b.@example.com", path: "<a..b.@example.com>", header: "a..b.@example.com"},
		"a quoted local part":           {recipient: `"a b"@example.com`, path: `<"a b"@example.com>`, header: "a b@example.com"},
		"a domain with umlauts":         {recipient: "person@müller.example", path: "<person@xn--mller-kva.example>", header: "person@xn--mller-kva.example"},
		"ASCII needs no extension":      {recipient: "person@example.com", path: "<person@example.com>", header: "person@example.com", extension: "SMTPUTF8"},
		"a local part outside of ASCII": {recipient: "грета@example.com", path: "<грета@example.com>", header: "грета@example.com", extension: "SMTPUTF8", utf8: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&mailServer{extensions: []string{c.extension}}).start(t)
			if c.extension == "" {
				server.extensions = nil
			}
			p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", nil)
			mustSend(t, p, c.recipient)
			got := server.taken(t, 1)[0]
			if !slices.Equal(got.to, []string{c.path}) || got.utf8 != c.utf8 {
				t.Errorf("RCPT was %v, SMTPUTF8 %v", got.to, got.utf8)
			}
			m, err := mail.ReadMessage(strings.NewReader(got.content))
			if err != nil {
				t.Fatal(err)
			}
			if list, err := m.Header.AddressList("To"); err != nil || list[0].Address != c.header {
				t.Errorf("To is %v (%v)", list, err)
			}
		})
	}
}

func TestWhatIsNoAddressNeverReachesTheServer(t *testing.T) {
	server := (&mailServer{}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", nil)
	for name, recipient := range map[string]string{
		"nothing":             "",
		"no domain":           "person@",
		"no local part":       "@example.com",
		"no at":               "person",
		"a second command":    "person@example.com>\r\nRCPT TO:<other@example.com",
		"a line feed":         "per\nson@example.com",
		"a tab in quotes":     "\"a\tb\"@example.com",
		"a second recipient":  "a@example.com, b@example.com",
		"a display name":      "Person <person@example.com>",
		"a parameter":         "person@example.com> NOTIFY=NEVER <x",
		"angle brackets":      "<person@example.com>",
		"an address too long": strings.Repeat("a", 400) + "@example.com",
		"a space":             "per son@example.com",
		"not a host":          "person@exa mple.com",
	} {
		t.Run(name, func(t *testing.T) {
			if err := p.send(recipient); !Permanent(err) {
				t.Errorf("the error is %v, want a permanent one", err)
			}
		})
	}
	if server.connections() != 0 {
		t.Error("the server was connected to")
	}
}

func TestAnAddressOutsideOfASCIINeedsAServerThatTakesIt(t *testing.T) {
	server := (&mailServer{}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", nil)
	if err := p.send("грета@example.com"); !Permanent(err) {
		t.Errorf("the error is %v, want a permanent one", err)
	}
}

func TestARefusedCopyDoesNotKeepTheMailFromItsRecipient(t *testing.T) {
	server := (&mailServer{refuse: "<archive@example.org>"}).start(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", func(s *config.Snapshot, _ *DeliveryOptions) {
		s.Courier.SMTP.Headers = map[string]string{"Bcc": "archive@example.org"}
	})
	mustSend(t, p, "person@example.com")
	if got := server.taken(t, 1)[0].to; !slices.Equal(got, []string{"<person@example.com>"}) {
		t.Errorf("the mail went to %v", got)
	}
}
