package httpapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// The JSON of the contract, written by hand: whoami and the forms are the
// hottest answers there are. Every function appends and returns the slice.

type object struct {
	b     []byte
	comma bool
}

func open(b []byte) object { return object{b: append(b, '{')} }

func (o *object) close() []byte { return append(o.b, '}') }

// key starts a member.
func (o *object) key(name string) {
	if o.comma {
		o.b = append(o.b, ',')
	}
	o.comma = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) text(name, value string) { o.key(name); o.b = appendText(o.b, value) }

// plain is text for values that never need escaping: ids and words of ours.
func (o *object) plain(name, value string) {
	o.key(name)
	o.b = append(append(append(o.b, '"'), value...), '"')
}

func (o *object) optional(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

// texts is left out when there are none.
func (o *object) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.key(name)
	o.b = append(o.b, '[')
	for n, v := range values {
		if n > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendText(o.b, v)
	}
	o.b = append(o.b, ']')
}

func (o *object) flag(name string, value bool) { o.key(name); o.b = strconv.AppendBool(o.b, value) }

func (o *object) number(name string, value int) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, int64(value), 10)
}

func (o *object) id(name string, value uuid.UUID) { o.key(name); o.b = appendID(o.b, value) }

func (o *object) idOrNull(name string, value *uuid.UUID) {
	if value == nil {
		o.null(name)
		return
	}
	o.id(name, *value)
}

func (o *object) time(name string, t time.Time) { o.key(name); o.b = appendTime(o.b, t) }

func (o *object) null(name string) { o.key(name); o.b = append(o.b, "null"...) }

// raw is JSON that is stored as it came; nil is null.
func (o *object) raw(name string, value json.RawMessage) {
	o.key(name)
	o.b = appendRaw(o.b, value)
}

func appendID(b []byte, id uuid.UUID) []byte {
	var text [36]byte
	encodeID(text[:], id)
	return append(append(append(b, '"'), text[:]...), '"')
}

func encodeID(dst []byte, id uuid.UUID) {
	const digits = "0123456789abcdef"
	j := 0
	for i, octet := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst[j] = '-'
			j++
		}
		dst[j], dst[j+1] = digits[octet>>4], digits[octet&15]
		j += 2
	}
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// appendText writes a JSON string, escaped for HTML like everything else.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // a string always marshals
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendRaw(b []byte, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return append(b, "null"...)
	}
	if !bytes.ContainsAny(raw, "<>&\u2028\u2029") {
		return append(b, raw...)
	}
	var escaped bytes.Buffer
	json.HTMLEscape(&escaped, raw)
	return append(b, escaped.Bytes()...)
}

// view says how much of a session or identity is shown.
type view struct {
	schemaURL bool // lists leave the schema's address empty
	addresses bool
	admin     bool // metadata_admin
	devices   bool // false: null
	last      bool // the identity comes after the devices
}

var (
	publicSession = view{schemaURL: true, addresses: true, devices: true}
	listedSession = view{devices: true}
)

func appendSessions(set *flow.Setup, all []*session.Session, now time.Time, v view) []byte {
	b := []byte{'['}
	for i, one := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSession(b, set, one, now, v)
	}
	return append(b, ']')
}

func appendSession(b []byte, set *flow.Setup, s *session.Session, now time.Time, v view) []byte {
	o := open(b)
	o.id("id", s.ID)
	o.flag("active", s.IsActive(now, &set.Limits))
	o.time("expires_at", s.End(&set.Limits))
	o.time("authenticated_at", s.AuthenticatedAt)
	o.plain("authenticator_assurance_level", string(s.AAL))
	o.key("authentication_methods")
	o.b = appendMethods(o.b, s.Methods, v.admin)
	o.time("issued_at", s.IssuedAt)
	if !v.last {
		appendOwner(&o, set, s, v)
	}
	o.key("devices")
	if v.devices {
		o.b = appendDevices(o.b, s.Devices)
	} else {
		o.b = append(o.b, "null"...)
	}
	if v.last {
		appendOwner(&o, set, s, v)
	}
	return o.close()
}

func appendOwner(o *object, set *flow.Setup, s *session.Session, v view) {
	o.key("identity")
	if s.Identity == nil {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = appendIdentity(o.b, set, s.Identity, v)
}

// appendMethods writes evidence. What was unusual about it is for operators: the member
// signals is ours, and there only when there is any.
func appendMethods(b []byte, methods []session.Method, admin bool) []byte {
	b = append(b, '[')
	for i, m := range methods {
		if i > 0 {
			b = append(b, ',')
		}
		o := open(b)
		o.plain("method", m.Method)
		o.plain("aal", string(m.AAL))
		o.time("completed_at", m.CompletedAt)
		o.optional("provider", m.Provider)
		if m.Organization != nil {
			o.id("organization", *m.Organization)
		}
		o.optional("upstream_acr", m.UpstreamACR)
		o.texts("upstream_amr", m.UpstreamAMR)
		if admin {
			o.texts("signals", m.Signals)
		}
		b = o.close()
	}
	return append(b, ']')
}

func appendDevices(b []byte, devices []session.Device) []byte {
	b = append(b, '[')
	for i, d := range devices {
		if i > 0 {
			b = append(b, ',')
		}
		o := open(b)
		o.id("id", d.ID)
		for _, f := range []struct {
			name  string
			value *string
		}{{"ip_address", d.IPAddress}, {"user_agent", d.UserAgent}, {"location", d.Location}} {
			if f.value == nil {
				o.null(f.name)
			} else {
				o.text(f.name, *f.value)
			}
		}
		b = o.close()
	}
	return append(b, ']')
}

// appendIdentity writes what of an identity its owner may see, and what an
// operator sees besides; never a credential's secrets.
func appendIdentity(b []byte, set *flow.Setup, i *identity.Identity, v view) []byte {
	o := open(b)
	o.id("id", i.ID)
	o.optional("external_id", i.ExternalID)
	appendIdentityCore(&o, set, i, v)
	return o.close()
}

func appendIdentityCore(o *object, set *flow.Setup, i *identity.Identity, v view) {
	o.text("schema_id", i.SchemaID)
	if v.schemaURL {
		o.text("schema_url", set.SchemaURL(i.SchemaID))
	} else {
		o.plain("schema_url", "")
	}
	o.plain("state", string(i.State))
	if i.StateChangedAt != nil {
		o.time("state_changed_at", *i.StateChangedAt)
	}
	o.raw("traits", i.Traits)
	if v.addresses {
		appendVerifiable(o, i.VerifiableAddresses)
		appendRecovery(o, i.RecoveryAddresses)
	}
	o.raw("metadata_public", i.MetadataPublic)
	if v.admin {
		o.raw("metadata_admin", i.MetadataAdmin)
	}
	o.time("created_at", i.CreatedAt)
	o.time("updated_at", i.UpdatedAt)
	o.idOrNull("organization_id", i.OrganizationID)
}

func appendVerifiable(o *object, all []identity.VerifiableAddress) {
	if len(all) == 0 {
		return
	}
	o.key("verifiable_addresses")
	o.b = append(o.b, '[')
	for n, a := range all {
		if n > 0 {
			o.b = append(o.b, ',')
		}
		one := open(o.b)
		one.id("id", a.ID)
		one.text("value", a.Value)
		one.flag("verified", a.Verified)
		one.plain("via", string(a.Via))
		one.plain("status", string(a.Status))
		if a.VerifiedAt != nil {
			one.time("verified_at", *a.VerifiedAt)
		}
		one.time("created_at", a.CreatedAt)
		one.time("updated_at", a.UpdatedAt)
		o.b = one.close()
	}
	o.b = append(o.b, ']')
}

func appendRecovery(o *object, all []identity.RecoveryAddress) {
	if len(all) == 0 {
		return
	}
	o.key("recovery_addresses")
	o.b = append(o.b, '[')
	for n, a := range all {
		if n > 0 {
			o.b = append(o.b, ',')
		}
		one := open(o.b)
		one.id("id", a.ID)
		one.text("value", a.Value)
		one.plain("via", string(a.Via))
		if a.BreakGlass != nil {
			one.id("break_glass_for_organization", *a.BreakGlass)
		}
		one.time("created_at", a.CreatedAt)
		one.time("updated_at", a.UpdatedAt)
		o.b = one.close()
	}
	o.b = append(o.b, ']')
}
