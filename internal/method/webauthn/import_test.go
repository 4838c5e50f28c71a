package webauthn_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

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

// row is a key as Kratos shows it to an operator, with all members.
func row(k *cardeatest.Authenticator, made *cardeatest.SoftKey, name string, passwordless bool) string {
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`{"id":%q,"public_key":%q,"attestation_type":"none",
		"authenticator":{"aaguid":"AAAAAAAAAAAAAAAAAAAAAA==","sign_count":7,"clone_warning":false},
		"display_name":%q,"added_at":"2023-05-06T07:08:09Z","is_passwordless":%t,
		"flags":{"user_present":true,"user_verified":true,"backup_eligible":false,"backup_state":false},"transport":["internal","hybrid"],
		"attestation":{"client_dataJSON":"e30=","client_data_hash":"AAAA","authenticator_data":"AAAA","public_key_algorithm":-7,"object":"o2Nmb3I="}}`,
		text(made.ID), text(k.PublicKey(made)), name, passwordless)
}

// brought makes somebody of credentials as Kratos shows them.
func brought(t *testing.T, s *cardeatest.Server, credentials string) (id string) {
	t.Helper()
	a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", json.RawMessage(
		`{"schema_id":"default","traits":{"email":"`+email+`"},"credentials":`+credentials+`}`))
	status(t, "import", a, http.StatusCreated)
	return a.Text("id")
}

// Kratos gives every passkey a handle of its own; the row knows the last one, and is
// found by all.
func TestPasskeysOfKratosKeepWorkingWithTheHandlesTheyHave(t *testing.T) {
	each(t, second, cardeatest.Kinds, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		older, newer := strings.Repeat("a1B2", 16), strings.Repeat("c3D4", 16)
		phone, laptop := key(t), key(t)
		phone.Count, laptop.Count = 7, 7
		first, second := phone.NewKey(relyingParty, []byte(older)), laptop.NewKey(relyingParty, []byte(newer))
		handle := base64.StdEncoding.EncodeToString([]byte(newer))
		id := brought(t, s, fmt.Sprintf(`{
			"password":{"config":{"hashed_password":"$2a$04$xBkXLBpdQoU7DH0bGdUGn.K0eDuI8YWT02yUEV3EsVCrQPRyyTDNW"}},
			"passkey":{"identifiers":[%q,%q],"config":{"credentials":[%s,%s],"user_handle":%q}}}`,
			older, newer, row(phone, first, "phone", true), row(laptop, second, "laptop", true), handle))
		for about, k := range map[string]*cardeatest.Authenticator{"of the handle that was replaced": phone, "of the last handle": laptop} {
			c := s.Client(kind)
			signIn(t, c, k)
			if got := c.WhoAmI().Text("identity", "id"); got != id {
				t.Errorf("a passkey %s signs in %q, want %q", about, got, id)
			}
		}
		if got := stored(t, s, id, "passkey")["user_handle"]; got != handle {
			t.Errorf("the user handle became %v, want %v", got, handle)
		}

		owner, tablet := s.Client(kind), key(t)
		signIn(t, owner, laptop)
		f := addPasskey(t, owner, tablet)
		if got := tablet.Keys()[0].Handle; string(got) != newer {
			t.Errorf("a new passkey is given the handle %q, want the one that is there", got)
		}
		status(t, "remove the phone", f.Submit(map[string]any{"passkey_remove": hex.EncodeToString(first.ID)}), done(owner))
		for _, k := range []*cardeatest.Authenticator{laptop, tablet} {
			signIn(t, s.Client(kind), k)
		}
		login := s.Client(kind).Start("login", "")
		refused(t, "the phone that was removed", login, login.Submit(map[string]any{"passkey_login": phone.Get(value(t, login.Answer, "passkey_challenge"))}), 4000013)
	})
}

func TestTwoAccountsCannotBeFoundByOneHandle(t *testing.T) {
	s := house(t, second)
	k := key(t)
	made := k.NewKey(relyingParty, []byte("handleOfAnn"))
	passkey := func(k *cardeatest.Authenticator, made *cardeatest.SoftKey, identifiers string) json.RawMessage {
		return json.RawMessage(`{"passkey":{"identifiers":` + identifiers + `,"config":{"credentials":[` + row(k, made, "x", true) + `],"user_handle":"` +
			base64.StdEncoding.EncodeToString(made.Handle) + `"}}}`)
	}
	brought(t, s, string(passkey(k, made, `[]`)))
	thief := key(t)
	theirs := thief.NewKey(relyingParty, []byte("handleOfThief"))
	a := s.Client(cardeatest.Native).Do("POST", s.AdminURL+"/admin/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": "thief@cardea.test"}, "credentials": passkey(thief, theirs, `["handleOfAnn"]`),
	})
	status(t, "the handle of another account", a, http.StatusConflict)
}

func TestSecurityKeysOfKratosKeepWorking(t *testing.T) {
	each(t, first, inBrowsers, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		k := key(t)
		k.Count = 7
		handle := bytes.Repeat([]byte{0xfe, 0x01}, 8) // no text, and not the identity's id
		made := k.NewKey(relyingParty, handle)
		encoded := base64.StdEncoding.EncodeToString(handle)
		id := brought(t, s, fmt.Sprintf(`{"webauthn":{"config":{"credentials":[%s],"user_handle":%q}}}`,
			row(k, made, "old one", true), encoded))
		signsIn := func(k *cardeatest.Authenticator) *cardeatest.Client {
			c := s.Client(kind)
			f := c.Start("login", "")
			f.Submit(map[string]any{"method": "webauthn", "identifier": email})
			answer := k.Get(value(t, f.Fetch(), "webauthn_login_trigger"))
			status(t, "the key", f.Submit(map[string]any{"identifier": email, "webauthn_login": answer}), done(c))
			proved(t, c, "webauthn aal1")
			return c
		}
		signsIn(k)
		another := key(t)
		addKey(t, signsIn(k), another, "another")
		if got := stored(t, s, id, "webauthn")["user_handle"]; got != encoded {
			t.Errorf("the user handle became %v, want %v", got, encoded)
		}
		signsIn(k)
		signsIn(another)
	})
}

// Rows of the first version know neither a handle nor what a key is for.
func TestSecurityKeysOfOldRowsAreSecondFactors(t *testing.T) {
	each(t, second, inBrowsers, func(t *testing.T, s *cardeatest.Server, kind cardeatest.Kind) {
		id := s.CreateIdentity(email, cardeatest.Password)
		k := key(t)
		owner := uuid.MustParse(id)
		made := k.NewKey(relyingParty, owner[:])
		a := s.Client(cardeatest.Native).Do("PUT", s.AdminURL+"/admin/identities/"+id, json.RawMessage(fmt.Sprintf(
			`{"schema_id":"default","state":"active","traits":{"email":%q},"credentials":{"webauthn":{"config":{"credentials":[{"id":%q,"public_key":%q,
				"attestation_type":"none","authenticator":{"aaguid":"AAAAAAAAAAAAAAAAAAAAAA==","sign_count":0,"clone_warning":false},"display_name":"old","added_at":"2021-05-06T07:08:09Z"}]}}}}`,
			email, base64.StdEncoding.EncodeToString(made.ID), base64.StdEncoding.EncodeToString(k.PublicKey(made)))))
		status(t, "bring the key", a, http.StatusOK)
		c := s.Client(kind)
		c.Start("login", "").Submit(map[string]any{"method": "password", "identifier": email, "password": cardeatest.Password})
		status(t, "whoami with the password", c.WhoAmI(), http.StatusForbidden)
		f := c.Start("login", "aal=aal2")
		answer := k.Get(value(t, f.Answer, "webauthn_login_trigger"))
		status(t, "the key", f.Submit(map[string]any{"identifier": email, "webauthn_login": answer}), done(c))
		proved(t, c, "password aal1", "webauthn aal2")
	})
}
