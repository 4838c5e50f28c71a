package webauthn_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"cardea/cardeatest"
)

// imported makes somebody with a key as another server has stored it: without flags,
// and without saying whether it signs in alone.
func imported(t *testing.T, s *cardeatest.Server, credential string, k *cardeatest.Authenticator, handle []byte, more map[string]any) string {
	t.Helper()
	made := k.NewKey(relyingParty, handle)
	entry := map[string]any{
		"id": base64.StdEncoding.EncodeToString(made.ID), "public_key": base64.StdEncoding.EncodeToString(k.PublicKey(made)),
		"attestation_type": "none", "display_name": "old one", "added_at": "2023-05-06T07:08:09Z",
		"authenticator": map[string]any{"aaguid": "AAAAAAAAAAAAAAAAAAAAAA==", "sign_count": 7, "clone_warning": false},
	}
	for name, v := range more {
		entry[name] = v
	}
	a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": email},
		"credentials": map[string]any{
			"password": map[string]any{"config": map[string]any{"password": cardeatest.Password}},
			credential: map[string]any{"config": map[string]any{
				"credentials": []any{entry}, "user_handle": base64.StdEncoding.EncodeToString(handle),
			}},
		},
	})
	status(t, "import", a, http.StatusCreated)
	return a.Text("id")
}

func TestAnImportedPasskeySignsIn(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		k := key(t)
		k.Count, k.BackupEligible, k.BackedUp = 7, true, true
		id := imported(t, s, "passkey", k, []byte("aHandleFromBefore0123456789"), nil)
		signIn(t, s.Client(kind), k)
		kept := storedKey(t, s, id, "passkey")
		if kept["authenticator"].(map[string]any)["sign_count"] != 8.0 {
			t.Errorf("the counter is %v, want 8", kept["authenticator"])
		}
		// Whether a key can be backed up is believed once.
		if flags, _ := kept["flags"].(map[string]any); flags["backup_eligible"] != true || flags["backup_state"] != true {
			t.Errorf("the flags are %v, want those of the first answer", flags)
		}
		signIn(t, s.Client(kind), k)
		k.BackupEligible, k.BackedUp = false, false
		f := s.Client(kind).Start("login", "")
		refused(t, "a key that changed its nature", f, f.Submit(map[string]any{"passkey_login": k.Get(value(t, f.Answer, "passkey_challenge"))}), 4000043)
	})
}

func TestAnImportedSecurityKeyIsASecondFactor(t *testing.T) {
	each(t, second, inBrowsers, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		k := key(t)
		k.Count = 7
		imported(t, s, "webauthn", k, []byte("0123456789abcdef"), nil)
		c := s.Client(kind)
		c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
		f := c.Start("login", "aal=aal2")
		a := f.Submit(map[string]any{"identifier": email, "webauthn_login": k.Get(value(t, f.Answer, "webauthn_login_trigger"))})
		status(t, "the imported key", a, done(c))
		proved(t, c, "password aal1", "webauthn aal2")
	})
}

func TestAnImportedSecurityKeySignsInAlone(t *testing.T) {
	s := house(t, first)
	k := key(t)
	k.Count = 7
	imported(t, s, "webauthn", k, []byte("0123456789abcdef"), map[string]any{"is_passwordless": true})
	c := s.Client(cardeatest.SPA)
	f := c.Start("login", "")
	f.Submit(map[string]any{"method": "webauthn", "identifier": email})
	a := f.Submit(map[string]any{"identifier": email, "webauthn_login": k.Get(value(t, f.Fetch(), "webauthn_login_trigger"))})
	status(t, "the imported key", a, http.StatusOK)
	proved(t, c, "webauthn aal1")
}
