package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"cardea/internal/flow"
	"cardea/internal/identity"
)

// identityView says how much of an identity an operator sees (section 2 of the
// admin reference).
type identityView struct {
	credentials bool // the object of credentials, without configs
	configs     map[identity.CredentialType]bool
	upgraded    bool   // credentials in their newest version; a fresh identity shows what was made
	admin       bool   // metadata_admin
	region      string // echoed to who sent it
}

func writeIdentity(w http.ResponseWriter, status int, set *flow.Setup, i *identity.Identity, v identityView) {
	writeRaw(w, status, appendFullIdentity(make([]byte, 0, 2048), set, i, v))
}

func appendFullIdentity(b []byte, set *flow.Setup, i *identity.Identity, v identityView) []byte {
	o := open(b)
	o.id("id", i.ID)
	o.optional("external_id", i.ExternalID)
	if v.credentials && len(i.Credentials) > 0 {
		o.key("credentials")
		o.b = appendCredentials(o.b, set.Vault(nil), i, v)
	}
	appendIdentityCore(&o, set, i, view{schemaURL: true, addresses: true, admin: v.admin})
	o.optional("region", v.region)
	return o.close()
}

// appendCredentials writes the object of credentials, sorted by type.
func appendCredentials(b []byte, vault identity.Vault, i *identity.Identity, v identityView) []byte {
	all := make([]identity.Credential, 0, len(i.Credentials))
	for _, c := range i.Credentials {
		if v.upgraded {
			c = c.Upgraded(i.ID)
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b identity.Credential) int { return strings.Compare(string(a.Type), string(b.Type)) })
	o := open(b)
	for _, c := range all {
		o.key(string(c.Type))
		var config []byte
		if v.configs[c.Type] {
			config = i.Revealed(c, vault)
		}
		o.b = appendCredential(o.b, c, config)
	}
	return o.close()
}

func appendCredential(b []byte, c identity.Credential, config []byte) []byte {
	o := open(b)
	o.plain("type", string(c.Type))
	o.key("identifiers")
	o.b = append(o.b, '[')
	for n, id := range c.Identifiers {
		if n > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendText(o.b, id)
	}
	o.b = append(o.b, ']')
	if len(config) > 0 {
		o.raw("config", config)
	}
	o.number("version", c.Version)
	o.time("created_at", c.CreatedAt)
	o.time("updated_at", c.UpdatedAt)
	return o.close()
}
