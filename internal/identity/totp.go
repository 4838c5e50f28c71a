package identity

import (
	"encoding/base32"
	"net/url"
	"strconv"
	"strings"

	"cardea/internal/problem"
)

// TOTPKey is what an authenticator app and the server share (RFC 6238).
type TOTPKey struct {
	Secret    string // base32 without padding
	Algorithm string // "SHA1", "SHA256" or "SHA512"
	Digits    int    // 6 to 8
	Period    int64  // seconds
}

// ParseTOTPKey reads an otpauth:// URI
// (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). A key that
// no code can be made with, or that makes codes too easy to guess, is a problem with
// status 400, which does not repeat it.
func ParseTOTPKey(uri string) (TOTPKey, error) {
	refused := func(why string) (TOTPKey, error) {
		return TOTPKey{}, problem.BadRequest("The totp_url %s.", why)
	}
	u, err := url.Parse(strings.TrimSpace(uri))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		return refused("must be an otpauth://totp/ URI")
	}
	q := u.Query()
	k := TOTPKey{Secret: strings.TrimRight(strings.ToUpper(q.Get("secret")), "="), Algorithm: "SHA1", Digits: 6, Period: 30}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(k.Secret); err != nil || len(raw) == 0 {
		return refused("must have a secret in base32")
	}
	if a := strings.ToUpper(q.Get("algorithm")); a != "" {
		k.Algorithm = a
	}
	switch k.Algorithm {
	case "SHA1", "SHA256", "SHA512":
	default:
		return refused("names an algorithm other than SHA1, SHA256 and SHA512")
	}
	if text := q.Get("digits"); text != "" {
		if k.Digits, err = strconv.Atoi(text); err != nil || k.Digits < 6 || k.Digits > 8 {
			return refused("must ask for 6 to 8 digits")
		}
	}
	if text := q.Get("period"); text != "" {
		if k.Period, err = strconv.ParseInt(text, 10, 32); err != nil || k.Period < 10 || k.Period > 300 {
			return refused("must have a period of 10 to 300 seconds")
		}
	}
	return k, nil
}

// TOTPApp is an authenticator app that belongs to an account.
type TOTPApp struct {
	URL string // the key as an otpauth:// URI: a secret
	// LastStep is the newest time step of which a code was accepted; neither it nor an
	// older one counts again (RFC 6238 section 5.2). 0 for none.
	LastStep int64
}

// totpConfig is a row. Accounts have one app so far; the list is there for more.
type totpConfig struct {
	Apps []sealedApp `json:"apps"`
}

type sealedApp struct {
	Sealed   string `json:"sealed"` // the URI
	LastStep int64  `json:"last_step,omitempty"`
}

// TOTPApps are the authenticator apps of the account that can be opened.
func (i *Identity) TOTPApps(v Vault) []TOTPApp {
	var apps []TOTPApp
	for _, a := range configOf[totpConfig](i.Credentials[TOTP]).Apps {
		if uri, ok := v.Open(totpLabel, i.ID, a.Sealed); ok {
			apps = append(apps, TOTPApp{URL: uri, LastStep: a.LastStep})
		}
	}
	return apps
}

// SetTOTPApps replaces the authenticator apps of the account; no app removes the
// credential. Everything is sealed anew, so that a new secret reaches the apps that
// are in use.
func (i *Identity) SetTOTPApps(v Vault, apps ...TOTPApp) error {
	if len(apps) == 0 {
		delete(i.Credentials, TOTP)
		return nil
	}
	config, err := sealApps(v, i, apps)
	if err != nil {
		return err
	}
	i.sole(TOTP, config)
	return nil
}

func sealApps(v Vault, i *Identity, apps []TOTPApp) (config totpConfig, err error) {
	for _, a := range apps {
		sealed, err := v.Seal(totpLabel, i.ID, a.URL)
		if err != nil {
			return config, err
		}
		config.Apps = append(config.Apps, sealedApp{Sealed: sealed, LastStep: a.LastStep})
	}
	return config, nil
}
