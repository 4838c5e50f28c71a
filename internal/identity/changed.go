package identity

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Changed names the parts of an identity that an update has changed, in the words of
// its JSON and sorted: "credentials.password", "traits.email", "state". It says which
// credentials and traits, never what they are or were.
func Changed(before, after *Identity) (parts []string) {
	note := func(part string, same bool) {
		if !same {
			parts = append(parts, part)
		}
	}
	if after.Credentials != nil {
		for _, t := range keysOf(before.Credentials, after.Credentials) {
			a, had := before.Credentials[t]
			b, has := after.Credentials[t]
			note("credentials."+string(t), had == has && bytes.Equal(a.Config, b.Config) &&
				slices.Equal(slices.Sorted(slices.Values(a.Identifiers)), slices.Sorted(slices.Values(b.Identifiers))))
		}
	}
	note("external_id", before.ExternalID == after.ExternalID)
	note("metadata_admin", bytes.Equal(before.MetadataAdmin, after.MetadataAdmin))
	note("metadata_public", bytes.Equal(before.MetadataPublic, after.MetadataPublic))
	note("organization_id", SameOrganization(before.OrganizationID, after.OrganizationID))
	note("recovery_addresses", slices.EqualFunc(before.RecoveryAddresses, after.RecoveryAddresses, func(a, b RecoveryAddress) bool {
		return a.Via == b.Via && a.Value == b.Value && SameOrganization(a.BreakGlass, b.BreakGlass)
	}))
	note("schema_id", before.SchemaID == after.SchemaID)
	note("state", before.State == after.State)
	parts = append(parts, changedTraits(before.Traits, after.Traits)...)
	note("verifiable_addresses", slices.EqualFunc(before.VerifiableAddresses, after.VerifiableAddresses, func(a, b VerifiableAddress) bool {
		return a.Via == b.Via && a.Value == b.Value && a.Verified == b.Verified && a.Status == b.Status
	}))
	return parts
}

// longestTrait bounds the names of traits that are told, in bytes: names are the
// schema's, unless that lets people choose them.
const longestTrait = 64

func changedTraits(before, after json.RawMessage) (parts []string) {
	if bytes.Equal(before, after) {
		return nil
	}
	var a, b map[string]json.RawMessage
	if json.Unmarshal(before, &a) != nil || json.Unmarshal(after, &b) != nil {
		return []string{"traits"}
	}
	for _, name := range keysOf(a, b) {
		if !bytes.Equal(a[name], b[name]) && len(name) <= longestTrait {
			parts = append(parts, "traits."+name)
		}
	}
	if parts == nil { // as the same values in another notation, or under long names
		parts = []string{"traits"}
	}
	return parts
}

// keysOf are the keys of both, sorted.
func keysOf[K ~string, V any](a, b map[K]V) []K {
	all := maps.Clone(a)
	if all == nil {
		all = map[K]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
