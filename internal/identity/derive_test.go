package identity_test

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"cardea/internal/identity"
)

var (
	born = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	now  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// id is the n-th id that ids gives.
func id(n uint64) (u uuid.UUID) {
	binary.BigEndian.PutUint64(u[8:], n)
	return u
}

func ids() func() uuid.UUID {
	var n uint64
	return func() uuid.UUID { n++; return id(n) }
}

func mail(value string) identity.Address { return identity.Address{Value: value, Via: identity.Email} }

func derived(address string) identity.Derived {
	return identity.Derived{
		Traits: json.RawMessage(`{"email":"` + address + `"}`),
		Identifiers: map[identity.CredentialType][]string{
			identity.Password: {address}, identity.Code: {address}, identity.WebAuthn: {},
		},
		CodeAddresses: []identity.Address{mail(address)},
		Verifiable:    []identity.Address{mail(address)},
		Recovery:      []identity.Address{mail(address)},
		Search:        []identity.SearchValue{{Name: "email", Value: address}},
	}
}

func TestApplyToANewIdentity(t *testing.T) {
	i := &identity.Identity{}
	identity.Apply(i, derived("a@ex.org"), now, ids())
	want := &identity.Identity{
		Traits: json.RawMessage(`{"email":"a@ex.org"}`), UpdatedAt: now,
		Credentials: map[identity.CredentialType]identity.Credential{
			identity.Password: {ID: id(1), Type: identity.Password, Identifiers: []string{"a@ex.org"}, Config: json.RawMessage(`{}`), CreatedAt: now, UpdatedAt: now},
			identity.Code: {ID: id(2), Type: identity.Code, Identifiers: []string{"a@ex.org"}, Version: 1, CreatedAt: now, UpdatedAt: now,
				Config: json.RawMessage(`{"addresses":[{"channel":"email","address":"a@ex.org"}]}`)},
		},
		VerifiableAddresses: []identity.VerifiableAddress{{ID: id(3), Value: "a@ex.org", Via: identity.Email, Status: identity.AddressPending, CreatedAt: now, UpdatedAt: now}},
		RecoveryAddresses:   []identity.RecoveryAddress{{ID: id(4), Value: "a@ex.org", Via: identity.Email, CreatedAt: now, UpdatedAt: now}},
		Search:              []identity.SearchValue{{Name: "email", Value: "a@ex.org"}},
	}
	if d := cmp.Diff(want, i); d != "" {
		t.Error(d)
	}
}

// existing has a proven address in an old spelling and credentials of every sort.
func existing() *identity.Identity {
	credential := func(n uint64, typ identity.CredentialType, config string, identifiers ...string) identity.Credential {
		return identity.Credential{ID: id(n), Type: typ, Identifiers: identifiers, Config: json.RawMessage(config), CreatedAt: born, UpdatedAt: born}
	}
	return &identity.Identity{
		Credentials: map[identity.CredentialType]identity.Credential{
			identity.Password: credential(101, identity.Password, `{"hashed_password":"x"}`, "a@ex.org"),
			identity.OIDC:     credential(102, identity.OIDC, `{"providers":[]}`, "Google:AbC"),
			identity.TOTP:     credential(103, identity.TOTP, `{"totp_url":"x"}`, "Some-ID"),
			identity.WebAuthn: credential(104, identity.WebAuthn, `{"credentials":[1]}`, "a@ex.org"),
		},
		VerifiableAddresses: []identity.VerifiableAddress{
			{ID: id(105), Value: "A@Ex.org", Via: identity.Email, Verified: true, VerifiedAt: &born, Status: identity.AddressCompleted, CreatedAt: born, UpdatedAt: born},
			{ID: id(106), Value: "gone@ex.org", Via: identity.Email, Verified: true, Status: identity.AddressCompleted, CreatedAt: born, UpdatedAt: born},
		},
		RecoveryAddresses: []identity.RecoveryAddress{{ID: id(107), Value: "a@ex.org", Via: identity.Email, CreatedAt: born, UpdatedAt: born}},
	}
}

func TestApplyKeepsRowsOfTheSameAddress(t *testing.T) {
	i := existing()
	d := derived("a@ex.org")
	d.Verifiable = append([]identity.Address{mail("new@ex.org")}, mail("a@ex.org"), mail("new@ex.org"), identity.Address{Value: "a@ex.org", Via: identity.SMS})
	identity.Apply(i, d, now, ids())
	want := []identity.VerifiableAddress{
		{ID: id(2), Value: "new@ex.org", Via: identity.Email, Status: identity.AddressPending, CreatedAt: now, UpdatedAt: now},
		{ID: id(105), Value: "a@ex.org", Via: identity.Email, Verified: true, VerifiedAt: &born, Status: identity.AddressCompleted, CreatedAt: born, UpdatedAt: born},
		{ID: id(3), Value: "a@ex.org", Via: identity.SMS, Status: identity.AddressPending, CreatedAt: now, UpdatedAt: now},
	}
	if d := cmp.Diff(want, i.VerifiableAddresses); d != "" {
		t.Error(d)
	}
	if i.RecoveryAddresses[0].ID != id(107) {
		t.Error("the recovery address got a new row")
	}
}

func TestApplyNeverInheritsAProof(t *testing.T) {
	i := existing()
	identity.Apply(i, derived("other@ex.org"), now, ids())
	if len(i.VerifiableAddresses) != 1 || i.VerifiableAddresses[0].Verified || i.VerifiableAddresses[0].ID == id(105) {
		t.Errorf("a new address starts as %+v", i.VerifiableAddresses)
	}
}

func TestApplyRebuildsDerivedCredentialsOnly(t *testing.T) {
	i, before := existing(), existing()
	identity.Apply(i, derived("b@ex.org"), now, ids())
	for _, typ := range []identity.CredentialType{identity.OIDC, identity.TOTP} {
		if d := cmp.Diff(before.Credentials[typ], i.Credentials[typ]); d != "" {
			t.Errorf("%s changed: %s", typ, d)
		}
	}
	password := before.Credentials[identity.Password]
	password.Identifiers, password.UpdatedAt = []string{"b@ex.org"}, now
	if d := cmp.Diff(password, i.Credentials[identity.Password]); d != "" {
		t.Errorf("password: %s", d)
	}
	webauthn := before.Credentials[identity.WebAuthn]
	webauthn.Identifiers, webauthn.UpdatedAt = []string{}, now
	if d := cmp.Diff(webauthn, i.Credentials[identity.WebAuthn], cmp.Transformer("len", func(s []string) int { return len(s) })); d != "" {
		t.Errorf("the identifier of a trait that is gone stays: %s", d)
	}
}

func TestApplyKeepsCredentialsThatTheSchemaDoesNotMark(t *testing.T) {
	i, before := existing(), existing()
	identity.Apply(i, identity.Derived{Traits: json.RawMessage(`{}`)}, now, ids())
	if d := cmp.Diff(before.Credentials, i.Credentials); d != "" {
		t.Error(d)
	}
	if len(i.VerifiableAddresses)+len(i.RecoveryAddresses) > 0 {
		t.Error("addresses outlive their traits")
	}
}

func TestApplyIsIdempotent(t *testing.T) {
	i := existing()
	identity.Apply(i, derived("b@ex.org"), now, ids())
	once, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	identity.Apply(i, derived("b@ex.org"), now, func() uuid.UUID { t.Error("a new row"); return uuid.Nil })
	twice, _ := json.Marshal(i)
	if d := cmp.Diff(string(once), string(twice)); d != "" {
		t.Error(d)
	}
}

func TestTouchesSignIn(t *testing.T) {
	settled := existing()
	identity.Apply(settled, derived("a@ex.org"), now, ids())
	phone := derived("a@ex.org")
	phone.Recovery = []identity.Address{{Value: "a@ex.org", Via: identity.SMS}}
	noAddress := derived("a@ex.org")
	noAddress.Verifiable = nil
	for about, tc := range map[string]struct {
		d    identity.Derived
		want bool
	}{
		"the same traits":          {derived("a@ex.org"), false},
		"another address":          {derived("b@ex.org"), true},
		"another recovery channel": {phone, true},
		"an address is gone":       {noAddress, true},
	} {
		if got := identity.TouchesSignIn(settled, tc.d); got != tc.want {
			t.Errorf("%s: %v", about, got)
		}
	}
}
