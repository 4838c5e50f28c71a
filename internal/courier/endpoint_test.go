package courier

import (
	"strings"
	"testing"

	"cardea/internal/config"
)

func TestWhatTheAddressSaysOfTLSIsDone(t *testing.T) {
	trusted := func(s *mailServer) func(*config.Snapshot, *DeliveryOptions) {
		return func(_ *config.Snapshot, o *DeliveryOptions) { o.Roots = s.roots }
	}
	for name, c := range map[string]struct {
		scheme, query     string
		server            *mailServer
		trust             bool
		sent, inTheClear  bool
		mustNotHaveCalled string
	}{
		"STARTTLS is used":                                  {scheme: "smtp", query: "skip_ssl_verify=true", server: &mailServer{}, sent: true},
		"a server without STARTTLS gets no mail":            {scheme: "smtp", query: "skip_ssl_verify=true", server: &mailServer{noStartTLS: true, extensions: []string{"AUTH PLAIN"}}, mustNotHaveCalled: "AUTH"},
		"disable_starttls sends in the clear":               {scheme: "smtp", query: "disable_starttls=true", server: &mailServer{}, sent: true, inTheClear: true},
		"smtps encrypts from the start":                     {scheme: "smtps", query: "skip_ssl_verify=true", server: &mailServer{implicit: true}, sent: true},
		"STARTTLS with an unknown certificate is refused":   {scheme: "smtp", server: &mailServer{extensions: []string{"AUTH PLAIN"}}, mustNotHaveCalled: "AUTH"},
		"smtps with an unknown certificate is refused":      {scheme: "smtps", server: &mailServer{implicit: true, extensions: []string{"AUTH PLAIN"}}, mustNotHaveCalled: "AUTH"},
		"server_name is the name of the certificate":        {scheme: "smtp", query: "server_name=mail.test", server: &mailServer{}, trust: true, sent: true},
		"a trusted certificate for another name is refused": {scheme: "smtps", query: "server_name=other.test", server: &mailServer{implicit: true}, trust: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := c.server.start(t)
			var change func(*config.Snapshot, *DeliveryOptions)
			if c.trust {
				change = trusted(server)
			}
			p := newPost(t, c.scheme+"://user:CANARY@"+server.address+"/?"+c.query, change)
			err := p.send("person@example.com")
			if !c.sent {
				if err == nil || Permanent(err) {
					t.Errorf("the error is %v, want one that may pass", err)
				}
				if c.mustNotHaveCalled != "" && server.saw(c.mustNotHaveCalled) > 0 {
					t.Error("the password was shown")
				}
				server.taken(t, 0)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := server.taken(t, 1)[0]; got.encrypted == c.inTheClear {
				t.Errorf("encrypted: %v", got.encrypted)
			}
		})
	}
}

func TestEveryWayToAuthenticateThatServersOfferWorks(t *testing.T) {
	for name, c := range map[string]struct {
		offered, query, want string
	}{
		"PLAIN":                    {"AUTH PLAIN", "skip_ssl_verify=true", "user:pass"},
		"LOGIN":                    {"AUTH LOGIN", "skip_ssl_verify=true", "user:pass"},
		"PLAIN, in the clear":      {"AUTH PLAIN", "disable_starttls=true", "user:pass"},
		"a server that asks not":   {"SIZE 1000000", "disable_starttls=true", ""},
		"PLAIN rather than LOGIN":  {"AUTH LOGIN PLAIN", "skip_ssl_verify=true", "user:pass"},
		"what is known of several": {"AUTH GSSAPI PLAIN", "skip_ssl_verify=true", "user:pass"},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&mailServer{extensions: []string{c.offered}}).start(t)
			p := newPost(t, "smtp://user:pass@"+server.address+"/?"+c.query, nil)
			mustSend(t, p, "person@example.com")
			if got := server.taken(t, 1)[0].user; got != c.want {
				t.Errorf("authenticated as %q, want %q", got, c.want)
			}
		})
	}
}

func TestAClientCertificateIsShown(t *testing.T) {
	server := (&mailServer{}).start(t)
	certificate, _ := selfSigned(t)
	p := newPost(t, "smtp://"+server.address+"/?skip_ssl_verify=true", func(s *config.Snapshot, _ *DeliveryOptions) {
		s.Courier.SMTP.ClientCertPath, s.Courier.SMTP.ClientKeyPath = pemFiles(t, certificate)
	})
	mustSend(t, p, "person@example.com")
	server.mu.Lock()
	defer server.mu.Unlock()
	if len(server.clients) != 1 || !server.clients[0].Equal(certificate.Leaf) {
		t.Errorf("the server saw %d certificates", len(server.clients))
	}
}

func TestAConfigurationThatCannotWorkIsNamedWithoutItsPassword(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		change func(*config.SMTP)
	}{
		"no host":               {"courier.smtp.connection_uri", func(s *config.SMTP) { s.ConnectionURI = "smtp://user:CANARY@:25/" }},
		"not encoded":           {"courier.smtp.connection_uri", func(s *config.SMTP) { s.ConnectionURI = "smtp://user:CANARY%zz@host:25/" }},
		"another protocol":      {"courier.smtp.connection_uri", func(s *config.SMTP) { s.ConnectionURI = "imap://user:CANARY@host:25/" }},
		"no sender":             {"courier.smtp.from_address", func(s *config.SMTP) { s.FromAddress = "CANARY" }},
		"a certificate missing": {"courier.smtp.client_cert_path", func(s *config.SMTP) { s.ClientCertPath = "/does/not/exist" }},
		"a header of ours":      {"courier.smtp.headers", func(s *config.SMTP) { s.Headers = map[string]string{"subject": "CANARY"} }},
		"a header with a break": {"courier.smtp.headers", func(s *config.SMTP) { s.Headers = map[string]string{"X-A": "CANARY\r\nBcc: x@y"} }},
		"a header with a colon": {"courier.smtp.headers", func(s *config.SMTP) { s.Headers = map[string]string{"X: CANARY": "b"} }},
		"copies to nobody":      {"courier.smtp.headers, Bcc", func(s *config.SMTP) { s.Headers = map[string]string{"bcc": "CANARY <"} }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, "smtp://user:CANARY@host:25/", func(s *config.Snapshot, _ *DeliveryOptions) { c.change(&s.Courier.SMTP) })
			err := p.Prepare(t.Context(), p.setup.Snapshot)
			if err == nil || !strings.HasPrefix(err.Error(), c.key) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAPortIsKnownWhenNoneIsWritten(t *testing.T) {
	for uri, want := range map[string]string{"smtp://mail.test": "mail.test:587", "smtps://mail.test/": "mail.test:465", "smtp://[::1]:25/": "[::1]:25"} {
		if e, err := newEndpoint(config.SMTP{ConnectionURI: uri}, nil); err != nil || e.address != want {
			t.Errorf("%s leads to %s (%v)", uri, e.address, err)
		}
	}
}

func TestAServerThatSendsNoMailNeedsNoMailServer(t *testing.T) {
	p := newPost(t, "", nil)
	if err := p.Prepare(t.Context(), p.setup.Snapshot); err != nil {
		t.Error(err)
	}
	if err := p.send("person@example.com"); err == nil || Permanent(err) || !strings.HasPrefix(err.Error(), "courier.smtp.connection_uri") {
		t.Errorf("a mail was sent nowhere: %v", err)
	}
}
