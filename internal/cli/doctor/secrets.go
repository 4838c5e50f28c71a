package doctor

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"cardea/internal/config"
)

// goodLength is how many characters a secret should have: 32 random ones of any
// usual alphabet hold more than 128 bits.
const goodLength = 32

// fewDifferent is how many different characters a random secret of that length has
// at least, however unlucky the draw (hexadecimal digits included).
const fewDifferent = 8

// secrets looks for keys that somebody could guess.
func secrets(_ context.Context, p *Patient) (found []Finding) {
	if p.Config.Dev {
		return nil
	}
	const remedy = "Put a random one in front of the list, for instance from `openssl rand -hex 16`, and remove the old one when what was made with it has expired."
	if p.GeneratedSecrets {
		found = append(found, Finding{Severity: Warning, Key: "secrets.default", What: "is not set: the server uses secrets that it keeps in its data directory",
			Remedy: "Set it when several servers share a database or the data directory can get lost: otherwise they do not accept each other's cookies and codes."})
	}
	s := p.Config.Secrets
	for _, list := range []struct {
		key     string
		secrets []string
	}{{"secrets.default", s.Default}, {"secrets.cookie", s.Cookie}, {"secrets.cipher", s.Cipher}, {"secrets.pagination", s.Pagination}} {
		inherited := list.key != "secrets.default" && sameList(list.secrets, s.Default)
		if inherited || p.GeneratedSecrets && list.key == "secrets.default" {
			continue
		}
		for n, secret := range list.secrets {
			key := fmt.Sprintf("%s.%d", list.key, n)
			switch {
			case isSample(secret) || differentRunes(secret) < fewDifferent:
				found = append(found, Finding{Severity: Problem, Key: key, What: "can be guessed: it is a sample or a pattern", Remedy: remedy})
			case len(secret) < goodLength:
				found = append(found, Finding{Severity: Warning, Key: key, What: fmt.Sprintf("is shorter than %d characters", goodLength), Remedy: remedy})
			}
		}
	}
	return found
}

func sameList(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

// isSample recognises the secrets of sample configurations, which say what they are.
func isSample(secret string) bool {
	secret = strings.ToLower(secret)
	for _, word := range []string{"change", "insecure", "example", "sample", "secret", "password", "1234567890", "do-not-use", "dont-use"} {
		if strings.Contains(secret, word) {
			return true
		}
	}
	return false
}

func differentRunes(text string) int {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen)
}

// mail looks at the way out for messages. Without one nobody can verify an address
// or recover an account.
func mail(ctx context.Context, p *Patient) (found []Finding) {
	c := p.Config
	if !p.DeliversMail {
		if needsMail(c) && !(c.Dev && c.Cardea.Development.Mailbox) {
			found = append(found, Finding{Severity: Problem, Key: "courier.smtp.connection_uri",
				What:   "no way to send mail is configured, and flows are enabled that need one",
				Remedy: "Set it to smtp://user:password@host:587 or smtps://user:password@host:465, or choose courier.delivery_strategy http."})
		}
		return found
	}
	if c.Courier.DeliveryStrategy == "http" {
		return nil
	}
	if u, err := url.Parse(c.Courier.SMTP.ConnectionURI); err == nil {
		found = append(found, openMail(u.Query(), c.Dev)...)
	}
	if strings.HasSuffix(c.Courier.SMTP.FromAddress, "@localhost") && !c.Dev {
		found = append(found, Finding{Severity: Problem, Key: "courier.smtp.from_address", What: "is at localhost: mail servers refuse such a sender",
			Remedy: "Set it to an address of your own domain that the mail server may send for."})
	}
	if p.Mail == nil {
		return found
	}
	if err := p.Mail(ctx); err != nil {
		found = append(found, Finding{Severity: Problem, Key: "courier.smtp.connection_uri", What: "the mail server cannot be used: " + err.Error(),
			Remedy: "Check host, port, user and password, that the scheme fits the port (smtp:// with STARTTLS on 587, smtps:// on 465), and that this machine may reach it."})
	}
	return found
}

// openMail warns of parameters that send passwords and links in the clear, or to
// anybody who answers.
func openMail(q url.Values, dev bool) (found []Finding) {
	if dev {
		return nil
	}
	for parameter, what := range map[string]string{
		"disable_starttls": "mail goes out unencrypted (disable_starttls)",
		"skip_ssl_verify":  "the mail server's certificate is not checked (skip_ssl_verify)",
	} {
		if strings.EqualFold(q.Get(parameter), "true") {
			found = append(found, Finding{Severity: Warning, Key: "courier.smtp.connection_uri", What: what, Remedy: "Remove the parameter unless the mail server is on this machine."})
		}
	}
	return found
}

func needsMail(c *config.Snapshot) bool {
	f := c.SelfService.Flows
	return f.Verification.Enabled || f.Recovery.Enabled || c.SelfService.Methods.Code.PasswordlessEnabled
}
