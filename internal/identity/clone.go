package identity

import (
	"bytes"
	"maps"
	"slices"
)

// Clone is a copy that can be changed without changing the original.
func (i *Identity) Clone() *Identity {
	c := *i
	c.StateChangedAt, c.OrganizationID = cloned(i.StateChangedAt), cloned(i.OrganizationID)
	c.Traits, c.MetadataPublic, c.MetadataAdmin = bytes.Clone(i.Traits), bytes.Clone(i.MetadataPublic), bytes.Clone(i.MetadataAdmin)
	c.Credentials = maps.Clone(i.Credentials)
	for t, credential := range c.Credentials {
		credential.Identifiers, credential.Config = slices.Clone(credential.Identifiers), bytes.Clone(credential.Config)
		c.Credentials[t] = credential
	}
	c.VerifiableAddresses = slices.Clone(i.VerifiableAddresses)
	for k := range c.VerifiableAddresses {
		c.VerifiableAddresses[k].VerifiedAt = cloned(i.VerifiableAddresses[k].VerifiedAt)
	}
	c.RecoveryAddresses, c.Search = slices.Clone(i.RecoveryAddresses), slices.Clone(i.Search)
	for k := range c.RecoveryAddresses {
		c.RecoveryAddresses[k].BreakGlass = cloned(i.RecoveryAddresses[k].BreakGlass)
	}
	return &c
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
