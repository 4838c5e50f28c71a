package identity_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"cardea/internal/identity"
)

func patched() *identity.Identity {
	i := existing()
	i.ID, i.SchemaID, i.State, i.StateChangedAt = id(900), "default", identity.Active, &born
	i.Traits = json.RawMessage(`{"email":"a@ex.org","big":12345678901234567890,"list":[1,2]}`)
	i.MetadataPublic = json.RawMessage(`{"plan":"gold"}`)
	i.CreatedAt, i.UpdatedAt = born, born
	return i
}

func op(kind, path, value string) identity.PatchOperation {
	o := identity.PatchOperation{Op: kind, Path: path}
	if value != "" {
		o.Value = json.RawMessage(value)
	}
	return o
}

func patch(i *identity.Identity, ops ...identity.PatchOperation) error {
	return i.Patch(ops, passwords{}, now, ids())
}

func TestPatchRefuses(t *testing.T) {
	for about, o := range map[string]identity.PatchOperation{
		"the id":                               op("replace", "/id", `"x"`),
		"the id in capitals":                   op("replace", "/ID", `"x"`),
		"everything at once":                   op("replace", "", `{}`),
		"the schema's address":                 op("replace", "/schema_url", `"x"`),
		"the date of birth":                    op("replace", "/created_at", `"2020-01-01T00:00:00Z"`),
		"the date of the last change":          op("remove", "/updated_at", ""),
		"the date of the state":                op("replace", "/state_changed_at", `"2020-01-01T00:00:00Z"`),
		"the date of the state in other words": op("add", "/stateChangedAt", `"2020-01-01T00:00:00Z"`),
		"all credentials":                      op("replace", "/credentials", `{}`),
		"all credentials in capitals":          op("remove", "/Credentials", ""),
		"links":                                op("add", "/credentials/oidc", `{}`),
		"links in capitals":                    op("replace", "/credentials/OIDC/config", `{}`),
		"something in links":                   op("add", "/credentials/saml/config/providers/-", `{}`),
		"a test":                               op("test", "/state", `"active"`),
		"a move":                               op("move", "/state", ""),
		"a copy":                               op("copy", "/state", ""),
		"an unknown operation":                 op("paint", "/traits", `{}`),
		"no value":                             op("add", "/traits/x", ""),
		"a path without a slash":               op("add", "traits", `{}`),
		"removing what is not there":           op("remove", "/traits/nothing", ""),
		"removing below what is not there":     op("remove", "/traits/a/b", ""),
		"a missing element":                    op("replace", "/traits/list/2", `3`),
		"the place behind the last, replaced":  op("replace", "/traits/list/-", `3`),
		"an element far away":                  op("add", "/traits/list/1000000000", `3`),
		"an element far away in a new list":    op("add", "/metadata_admin/list/1000000000", `3`),
		"a negative element":                   op("add", "/traits/list/-1", `3`),
		"an element with a leading zero":       op("replace", "/traits/list/01", `3`),
		"a member of a text":                   op("add", "/schema_id/x", `3`),
		"a state that does not exist":          op("replace", "/state", `"asleep"`),
		"no state":                             op("remove", "/state", ""),
		"a number as external id":              op("add", "/external_id", `5`),
		"a long external id":                   op("add", "/external_id", `"`+strings.Repeat("x", 65)+`"`),
		"an organization that is no UUID":      op("replace", "/organization_id", `"acme"`),
		"a region that does not exist":         op("add", "/region", `"moon"`),
		"a credential of another type":         op("add", "/credentials/totp", `{"type":"password"}`),
		"a credential of an unknown type":      op("add", "/credentials/magic", `{"type":"magic"}`),
		"a config that is no object":           op("replace", "/credentials/password/config", `[]`),
		"a hash of no known format":            op("replace", "/credentials/password/config/hashed_password", `"$unknown$"`),
		"a status that does not exist":         op("replace", "/verifiable_addresses/0/status", `"perhaps"`),
		"addresses that are no list":           op("replace", "/recovery_addresses", `{}`),
		"a very deep path":                     op("add", "/traits"+strings.Repeat("/a", 1000), `1`),
		"a value that is not JSON":             op("add", "/traits/x", `{`),
	} {
		i := patched()
		if err := patch(i, o); status(err) != 400 {
			t.Errorf("%s: %v", about, err)
		}
	}
}

func TestPatchCannotReachLinksAcrossEmptyNames(t *testing.T) {
	i, before := patched(), patched()
	for _, path := range []string{"//credentials/oidc", "/credentials//oidc", "//id"} {
		_ = patch(i, op("add", path, `{"type":"oidc","identifiers":["stolen:1"]}`))
	}
	if d := cmp.Diff(before.Credentials[identity.OIDC], i.Credentials[identity.OIDC]); d != "" || i.ID != before.ID {
		t.Errorf("%s %s", d, i.ID)
	}
}

func TestPatch(t *testing.T) {
	organization := id(77)
	for about, tc := range map[string]struct {
		ops  []identity.PatchOperation
		want func(*identity.Identity)
	}{
		"nothing changes nothing": {nil, func(*identity.Identity) {}},
		"a missing trait is added by replace": {[]identity.PatchOperation{op("replace", "/traits/name/first", `"Ann"`)}, func(i *identity.Identity) {
			i.Traits = json.RawMessage(`{"big":12345678901234567890,"email":"a@ex.org","list":[1,2],"name":{"first":"Ann"}}`)
		}},
		"lists grow and shrink": {[]identity.PatchOperation{op("add", "/traits/list/-", `3`), op("add", "/traits/list/0", `0`), op("remove", "/traits/list/1", ""), op("replace", "/traits/list/1", `9`)}, func(i *identity.Identity) {
			i.Traits = json.RawMessage(`{"big":12345678901234567890,"email":"a@ex.org","list":[0,9,3]}`)
		}},
		"metadata that is null gets members": {[]identity.PatchOperation{op("add", "/metadata_admin/note", `"x"`)}, func(i *identity.Identity) {
			i.MetadataAdmin = json.RawMessage(`{"note":"x"}`)
		}},
		"metadata that is null can be removed": {[]identity.PatchOperation{op("remove", "/metadata_admin", ""), op("remove", "/metadata_public", "")}, func(i *identity.Identity) {
			i.MetadataPublic = nil
		}},
		"a changed state is dated": {[]identity.PatchOperation{op("replace", "/state", `"inactive"`)}, func(i *identity.Identity) {
			i.State, i.StateChangedAt = identity.Inactive, &now
		}},
		"the same state is not": {[]identity.PatchOperation{op("replace", "/state", `"active"`)}, func(*identity.Identity) {}},
		"external id, schema and organization": {[]identity.PatchOperation{op("add", "/external_id", `"e"`), op("replace", "/schema_id", `"other"`), op("replace", "/organization_id", `"`+organization.String()+`"`)}, func(i *identity.Identity) {
			i.ExternalID, i.SchemaID, i.OrganizationID = "e", "other", &organization
		}},
		"unknown members and regions": {[]identity.PatchOperation{op("add", "/colour", `"blue"`), op("add", "/region", `"eu"`)}, func(*identity.Identity) {}},
		"a proof that is withdrawn loses its date": {[]identity.PatchOperation{op("replace", "/verifiable_addresses/1/verified", `false`), op("replace", "/verifiable_addresses/1/status", `"sent"`)}, func(i *identity.Identity) {
			a := &i.VerifiableAddresses[1]
			a.Verified, a.VerifiedAt, a.Status = false, nil, identity.AddressSent
			i.VerifiableAddresses[0].Value = "a@ex.org"
		}},
		"a password hash": {[]identity.PatchOperation{op("replace", "/credentials/password/config/hashed_password", `"ok:new"`)}, func(i *identity.Identity) {
			c := i.Credentials[identity.Password]
			c.Config = json.RawMessage(`{"hashed_password":"ok:new"}`)
			i.Credentials[identity.Password] = c
		}},
		"a credential is removed": {[]identity.PatchOperation{op("remove", "/credentials/totp", "")}, func(i *identity.Identity) {
			delete(i.Credentials, identity.TOTP)
		}},
		"a credential is added and belongs to the identity": {[]identity.PatchOperation{op("add", "/credentials/lookup_secret", `{"type":"lookup_secret","identifiers":["somebody else"],"config":{"recovery_codes":[]}}`)}, func(i *identity.Identity) {
			i.Credentials[identity.LookupSecret] = identity.Credential{ID: id(1), Type: identity.LookupSecret, Identifiers: []string{id(900).String()},
				Config: json.RawMessage(`{"recovery_codes":[]}`), CreatedAt: now, UpdatedAt: now}
		}},
	} {
		got, want := patched(), patched()
		tc.want(want)
		if err := patch(got, tc.ops...); err != nil {
			t.Errorf("%s: %v", about, err)
			continue
		}
		// A patch that touches credentials pins second factors to the identity.
		for _, i := range []*identity.Identity{got, want} {
			if c, ok := i.Credentials[identity.TOTP]; ok {
				c.Identifiers = []string{i.ID.String()}
				i.Credentials[identity.TOTP] = c
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", about, d)
		}
	}
}

func TestAProofWithoutADateIsDated(t *testing.T) {
	i := patched()
	i.VerifiableAddresses[0].Verified, i.VerifiableAddresses[0].VerifiedAt, i.VerifiableAddresses[0].Status = false, nil, identity.AddressSent
	if err := patch(i, op("replace", "/verifiable_addresses/0/verified", `true`)); err != nil {
		t.Fatal(err)
	}
	a := i.VerifiableAddresses[0]
	if !a.Verified || a.VerifiedAt == nil || !a.VerifiedAt.Equal(now) || a.Status != identity.AddressSent {
		t.Errorf("%+v", a)
	}
}

func TestAPatchNeverChangesWhatIsProtected(t *testing.T) {
	names := rapid.SampledFrom([]string{"", "id", "ID", "credentials", "Credentials", "oidc", "OIDC", "saml", "password", "config", "traits", "created_at", "state_changed_at",
		"Created_At", "schema_url", "verifiable_addresses", "0", "-", "~0", "~1", "oi~0dc", "credentials~1oidc", "updated_at"})
	heads := rapid.SampledFrom([]string{"", "/credentials/oidc", "/Credentials/OIDC", "/credentials/saml", "/credentials/oi~0dc", "/id", "/created_at"})
	rapid.Check(t, func(t *rapid.T) {
		i, before := patched(), patched()
		var ops []identity.PatchOperation
		for range rapid.IntRange(1, 3).Draw(t, "operations") {
			path := heads.Draw(t, "head")
			if tail := rapid.SliceOfN(names, 0, 4).Draw(t, "tail"); path == "" || len(tail) > 0 {
				path += "/" + strings.Join(tail, "/")
			}
			value := rapid.SampledFrom([]string{`{}`, `null`, `"2020-01-01T00:00:00Z"`, `{"oidc":{"type":"oidc","identifiers":["x:1"]}}`, `[]`}).Draw(t, "value")
			ops = append(ops, op(rapid.SampledFrom([]string{"add", "replace", "remove"}).Draw(t, "op"), path, value))
		}
		if patch(i, ops...) != nil {
			return
		}
		type kept struct {
			ID               uuid.UUID
			Created, Updated time.Time
			OIDC, SAML       identity.Credential
		}
		of := func(i *identity.Identity) kept {
			return kept{i.ID, i.CreatedAt, i.UpdatedAt, i.Credentials[identity.OIDC], i.Credentials[identity.SAML]}
		}
		if d := cmp.Diff(of(before), of(i)); d != "" {
			t.Fatalf("%v: %s", ops, d)
		}
	})
}

func TestSettledAddresses(t *testing.T) {
	earlier := now.Add(-time.Hour)
	for about, tc := range map[string]struct{ in, want identity.VerifiableAddress }{
		"nothing is said": {identity.VerifiableAddress{Value: " A@Ex.org"}, identity.VerifiableAddress{Value: "a@ex.org", Via: identity.Email, Status: identity.AddressPending}},
		"a proof without a date": {identity.VerifiableAddress{Value: "a@ex.org", Verified: true, Via: identity.SMS},
			identity.VerifiableAddress{Value: "a@ex.org", Verified: true, VerifiedAt: &now, Via: identity.SMS, Status: identity.AddressCompleted}},
		"a proof with a date": {identity.VerifiableAddress{Value: "a@ex.org", Verified: true, VerifiedAt: &earlier, Status: identity.AddressSent},
			identity.VerifiableAddress{Value: "a@ex.org", Verified: true, VerifiedAt: &earlier, Via: identity.Email, Status: identity.AddressSent}},
		"a date without a proof": {identity.VerifiableAddress{Value: "a@ex.org", VerifiedAt: &earlier, Status: identity.AddressCompleted},
			identity.VerifiableAddress{Value: "a@ex.org", Via: identity.Email, Status: identity.AddressCompleted}},
	} {
		got, err := tc.in.Settled(now)
		if d := cmp.Diff(tc.want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", about, err, d)
		}
	}
	if _, err := (identity.VerifiableAddress{Via: "pigeon"}).Settled(now); status(err) != 400 {
		t.Errorf("a channel that does not exist: %v", err)
	}
	if _, err := (identity.RecoveryAddress{Via: "pigeon"}).Settled(); status(err) != 400 {
		t.Errorf("a channel that does not exist: %v", err)
	}
}
