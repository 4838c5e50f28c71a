package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// passwords accepts hashes that start with "ok" and passwords of up to 8 bytes.
type passwords struct{}

func (passwords) Hash(_ context.Context, password string) (string, error) {
	if len(password) > 8 {
		return "", problem.BadRequest("")
	}
	return "ok:" + password, nil
}

func (passwords) CheckImport(encoded string) error {
	if len(encoded) < 2 || encoded[:2] != "ok" {
		return problem.BadRequest("")
	}
	return nil
}

func bring(t *testing.T, i *identity.Identity, m identity.Imports) error {
	t.Helper()
	if err := m.Prepare(t.Context(), passwords{}); err != nil {
		return err
	}
	return m.Bring(i, vault(t), now, ids())
}

func status(err error) int {
	if p := problem.As(err); p != nil {
		return p.Status
	}
	return 0
}

// key is a security key that is complete.
func key(id string) identity.SecurityKey {
	return identity.SecurityKey{ID: []byte(id), PublicKey: []byte("pk"), AddedAt: born}
}

func text(s string) *string { return &s }

func TestPrepareRefuses(t *testing.T) {
	for about, m := range map[string]identity.Imports{
		"a hash of no known format":           {Password: &identity.PasswordImport{Hash: "$unknown$"}},
		"no password at all":                  {Password: &identity.PasswordImport{}},
		"a password that is too long":         {Password: &identity.PasswordImport{Plain: "123456789"}},
		"a link without a provider":           {OIDC: []identity.Link{{Subject: "s"}}},
		"a link without a subject":            {SAML: []identity.Link{{Provider: "p"}}},
		"an empty lookup secret":              {LookupSecret: []identity.LookupCode{{}}},
		"a TOTP secret that is no URI":        {TOTPURL: text("JBSWY3DP")},
		"a counter-based app":                 {TOTPURL: text("otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP")},
		"an app without a secret":             {TOTPURL: text("otpauth://totp/x?issuer=y")},
		"an app with a secret of no base32":   {TOTPURL: text("otpauth://totp/x?secret=101")},
		"an app with an unknown algorithm":    {TOTPURL: text("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&algorithm=MD5")},
		"an app with codes of one digit":      {TOTPURL: text("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=1")},
		"an app whose codes never change":     {TOTPURL: text("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&period=0")},
		"a key without an id":                 {WebAuthn: &identity.KeyImport{Keys: []identity.SecurityKey{{PublicKey: []byte("x")}}}},
		"a passkey credential without a key":  {Passkey: &identity.KeyImport{UserHandle: []byte("h")}},
		"a passkey credential without handle": {Passkey: &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}}},
		"another handle that is not text":     {Passkey: &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}, UserHandle: []byte("h"), Handles: []string{"a\x00"}}},
		"another handle that is empty":        {Passkey: &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}, UserHandle: []byte("h"), Handles: []string{""}}},
		"a user handle that is not text":      {Passkey: &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}, UserHandle: []byte{0xff}}},
	} {
		if err := bring(t, &identity.Identity{}, m); status(err) != 400 {
			t.Errorf("%s: %v", about, err)
		}
	}
}

func TestBringConfigs(t *testing.T) {
	i := &identity.Identity{ID: id(900)}
	err := bring(t, i, identity.Imports{
		Password:     &identity.PasswordImport{Plain: "secret", Hash: "$unknown$"},
		OIDC:         []identity.Link{{Provider: "Google", Subject: "AbC"}},
		SAML:         []identity.Link{{Provider: "acme", Subject: "7", UseAutoLink: true}},
		TOTPURL:      text("otpauth://totp/x?secret=JBSWY3DP"),
		LookupSecret: []identity.LookupCode{{Code: "one"}, {Code: "two", UsedAt: &born}, {Code: "three", UsedAt: &time.Time{}}},
		WebAuthn:     &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}},
		Passkey:      &identity.KeyImport{Keys: []identity.SecurityKey{key("b")}, UserHandle: []byte("handle")},
	})
	if err != nil {
		t.Fatal(err)
	}
	const entry = `"public_key":"cGs=","attestation_type":"","authenticator":{"aaguid":null,"sign_count":0,"clone_warning":false},"display_name":"","added_at":"2024-01-01T00:00:00Z","is_passwordless":false}`
	want := map[identity.CredentialType]struct {
		Config      string
		Identifiers []string
	}{
		identity.Password:     {`{"hashed_password":"ok:secret"}`, nil},
		identity.OIDC:         {`{"providers":[{"initial_id_token":"","initial_access_token":"","initial_refresh_token":"","subject":"AbC","provider":"Google"}]}`, []string{"Google:AbC"}},
		identity.SAML:         {`{"providers":[{"subject":"7","provider":"acme"}]}`, []string{"acme:7"}},
		identity.TOTP:         {`{"totp_url":"otpauth://totp/x?secret=JBSWY3DP"}`, []string{id(900).String()}},
		identity.LookupSecret: {`{"recovery_codes":[{"code":"one","used_at":null},{"code":"two","used_at":"2024-01-01T00:00:00Z"},{"code":"three","used_at":null}]}`, []string{id(900).String()}},
		identity.WebAuthn:     {`{"credentials":[{"id":"YQ==",` + entry + `]}`, nil},
		identity.Passkey:      {`{"credentials":[{"id":"Yg==",` + entry + `],"user_handle":"aGFuZGxl"}`, []string{"handle"}},
	}
	for ct, w := range want {
		c := i.Credentials[ct]
		if d := cmp.Diff(w.Config, string(i.Revealed(c, vault(t)))); d != "" {
			t.Errorf("%s config: %s", ct, d)
		}
		if d := cmp.Diff(w.Identifiers, c.Identifiers); d != "" {
			t.Errorf("%s identifiers: %s", ct, d)
		}
		if c.Type != ct || c.ID == (identity.Credential{}).ID || !c.CreatedAt.Equal(now) {
			t.Errorf("%s is an incomplete row: %+v", ct, c)
		}
	}
}

func TestTheMigrationHookOutranksPasswordAndHash(t *testing.T) {
	i := &identity.Identity{}
	if err := bring(t, i, identity.Imports{Password: &identity.PasswordImport{MigrationHook: true, Plain: "much-too-long", Hash: "$unknown$"}}); err != nil {
		t.Fatal(err)
	}
	if got := string(i.Credentials[identity.Password].Config); got != `{"hashed_password":"","use_password_migration_hook":true}` {
		t.Error(got)
	}
}

func TestBringIntoWhatIsThere(t *testing.T) {
	row := func(ct identity.CredentialType, config string, identifiers ...string) identity.Credential {
		return identity.Credential{ID: id(100), Type: ct, Identifiers: identifiers, Config: json.RawMessage(config), CreatedAt: born, UpdatedAt: born}
	}
	for about, tc := range map[string]struct {
		old    identity.Credential
		m      identity.Imports
		config string
		fresh  bool
	}{
		"a password replaces": {row(identity.Password, `{"hashed_password":"old"}`, "a@ex.org"), identity.Imports{Password: &identity.PasswordImport{Hash: "ok"}}, `{"hashed_password":"ok"}`, true},
		"a TOTP secret replaces": {row(identity.TOTP, `{"apps":[{"sealed":"old"},{"sealed":"older"}]}`), identity.Imports{TOTPURL: text("otpauth://totp/x?secret=JBSWY3DP")},
			`{"totp_url":"otpauth://totp/x?secret=JBSWY3DP"}`, true},
		"lookup secrets are added": {row(identity.LookupSecret, `{"recovery_codes":[{"sealed":"a"}]}`), identity.Imports{LookupSecret: []identity.LookupCode{{Code: "b"}}},
			`{"recovery_codes":[{"code":"","used_at":null},{"code":"b","used_at":null}]}`, true},
		"links are added": {row(identity.SAML, `{"providers":[{"x":1}]}`, "p:1"), identity.Imports{SAML: []identity.Link{{Provider: "p", Subject: "2"}}},
			`{"providers":[{"x":1},{"subject":"2","provider":"p"}]}`, false},
		"a handle that is not given stays": {row(identity.Passkey, `{"credentials":[],"user_handle":"aA=="}`, "h"), identity.Imports{Passkey: &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}}},
			`{"credentials":[{"id":"YQ==","public_key":"cGs=","attestation_type":"","authenticator":{"aaguid":null,"sign_count":0,"clone_warning":false},"display_name":"","added_at":"2024-01-01T00:00:00Z","is_passwordless":false}],"user_handle":"aA=="}`, false},
	} {
		i := &identity.Identity{Credentials: map[identity.CredentialType]identity.Credential{tc.old.Type: tc.old}}
		if err := bring(t, i, tc.m); err != nil {
			t.Errorf("%s: %v", about, err)
			continue
		}
		got := i.Credentials[tc.old.Type]
		config := got.Config
		if got.Type == identity.TOTP || got.Type == identity.LookupSecret { // sealed in rows
			config = i.Revealed(got, vault(t))
		}
		if d := cmp.Diff(tc.config, string(config)); d != "" {
			t.Errorf("%s: %s", about, d)
		}
		if fresh := got.CreatedAt.Equal(now) && got.ID != tc.old.ID; fresh != tc.fresh {
			t.Errorf("%s: a fresh row: %v", about, fresh)
		}
	}
}

func TestKeysAreMergedByTheirID(t *testing.T) {
	i := &identity.Identity{}
	renamed := key("a")
	renamed.DisplayName = "new"
	for _, keys := range [][]identity.SecurityKey{{key("a"), key("b")}, {renamed, key("c")}} {
		if err := bring(t, i, identity.Imports{Passkey: &identity.KeyImport{Keys: keys, UserHandle: []byte("h" + keys[1].DisplayName)}}); err != nil {
			t.Fatal(err)
		}
	}
	var config struct {
		Credentials []identity.SecurityKey `json:"credentials"`
	}
	if err := json.Unmarshal(i.Credentials[identity.Passkey].Config, &config); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]identity.SecurityKey{renamed, key("b"), key("c")}, config.Credentials); d != "" {
		t.Error(d)
	}
}

func TestAReplacedUserHandleKeepsLeadingToTheAccount(t *testing.T) {
	i := &identity.Identity{}
	for _, handle := range []string{"one", "two"} {
		if err := bring(t, i, identity.Imports{Passkey: &identity.KeyImport{Keys: []identity.SecurityKey{key("a")}, UserHandle: []byte(handle)}}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"one", "two"}, i.Credentials[identity.Passkey].Identifiers); d != "" {
		t.Error(d)
	}
}

func TestALinkThatIsThereAlreadyConflicts(t *testing.T) {
	link := []identity.Link{{Provider: "p", Subject: "1"}}
	var taken *problem.ConflictError
	i := &identity.Identity{}
	if err := bring(t, i, identity.Imports{OIDC: link}); err != nil {
		t.Fatal(err)
	}
	if err := bring(t, i, identity.Imports{OIDC: link}); !errors.As(err, &taken) {
		t.Errorf("imported again: %v", err)
	}
	if err := bring(t, &identity.Identity{}, identity.Imports{OIDC: append(link, link...)}); !errors.As(err, &taken) {
		t.Errorf("named twice: %v", err)
	}
}
