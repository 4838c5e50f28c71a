package identity

import "slices"

// NormalizePhones gives the phone numbers among an identity's identifiers and
// addresses the form under which they are looked up, and says how many changed. Rows
// that this server wrote have it already; others may come from elsewhere. The
// identity must carry its credentials.
func NormalizePhones(i *Identity) (changed int) {
	settle := func(value *string) {
		if phone, err := phoneNumber(*value); err == nil && phone != *value {
			*value = phone
			changed++
		}
	}
	for _, t := range derivedTypes {
		c, ok := i.Credentials[t.Type]
		if !ok {
			continue
		}
		c.Identifiers = slices.Clone(c.Identifiers)
		for n := range c.Identifiers {
			settle(&c.Identifiers[n])
		}
		i.Credentials[t.Type] = c
	}
	for n := range i.VerifiableAddresses {
		if i.VerifiableAddresses[n].Via == SMS {
			settle(&i.VerifiableAddresses[n].Value)
		}
	}
	for n := range i.RecoveryAddresses {
		if i.RecoveryAddresses[n].Via == SMS {
			settle(&i.RecoveryAddresses[n].Value)
		}
	}
	return changed
}
