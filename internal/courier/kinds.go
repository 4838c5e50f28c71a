package courier

import (
	"cardea/internal/config"
	"cardea/internal/identity"
)

// kind is one type of message: where its texts are and what they may know.
type kind struct {
	name    string // the contract's template_type
	dir     string // of its files, below a root
	email   []field
	sms     []field // nil when there is no such text message
	headers bool    // delivered together with the headers of the request that caused it
	texts   func(map[string]config.CourierTemplate) config.TemplateTexts
}

// fields are what the texts of a channel may know; nil when the kind is not sent
// over the channel.
func (k kind) fields(c identity.Channel) []field {
	switch c {
	case identity.Email:
		return k.email
	case identity.SMS:
		return k.sms
	}
	return nil
}

// kinds are all types of messages.
func kinds() []kind {
	to := field{name: "To", key: "to"}
	about := field{name: "Identity", key: "identity", shape: asObject}
	request := field{name: "RequestURL", key: "request_url"}
	domain := field{name: "RequestURLDomain", key: "request_url_domain"}
	transient := field{name: "TransientPayload", key: "transient_payload", shape: asObject}
	expires := field{name: "ExpiresInMinutes", key: "expires_in_minutes", shape: asNumber}
	oauth2 := field{name: "OAuth2LoginRequest", key: "oauth2_login_request", shape: asLoginRequest, optional: true}
	code := func(name, key string) field { return field{name: name, key: key} }
	link := func(name, key string) field { return field{name: name, key: key, optional: true} }

	unknown := []field{to, request, transient}
	recovery := []field{to, about, request, transient, expires}
	verification := []field{to, {name: "VerificationURL", key: "verification_url"}, about, request, transient, expires, oauth2}
	verificationCode := code("VerificationCode", "verification_code")
	login := []field{to, code("LoginCode", "login_code"), link("LoginURL", "login_url"), about, request, transient, expires, oauth2}
	registration := []field{to, code("RegistrationCode", "registration_code"), link("RegistrationURL", "registration_url"), request, transient, expires, oauth2}
	changed := []field{to, about, {name: "ChangedAt", key: "changed_at"}, link("UndoURL", "undo_url"), transient}
	added := []field{to, about, {name: "AddedAt", key: "added_at"}, transient}
	unusual := []field{
		to, about, {name: "SignedInAt", key: "signed_in_at"}, {name: "Device", key: "device"}, {name: "Place", key: "place"},
		{name: "IPAddress", key: "ip_address"}, link("NotMeURL", "not_me_url"), transient,
	}
	traits := field{name: "Traits", key: "traits", shape: asObject}
	// The contract's names for a text message, where they differ from a mail's.
	traitsAsIdentity := field{name: "Identity", key: "identity", from: "traits", shape: asObject}
	recoveryCodeAsVerification := field{name: "RecoveryCode", key: "verification_code", from: "recovery_code"}

	return []kind{
		{
			name: "recovery_valid", dir: "recovery/valid", texts: valid("recovery"),
			email: append([]field{{name: "RecoveryURL", key: "recovery_url"}}, recovery...),
		},
		{name: "recovery_invalid", dir: "recovery/invalid", texts: invalid("recovery"), email: unknown},
		{
			name: "recovery_code_valid", dir: "recovery_code/valid", texts: valid("recovery_code"), headers: true,
			email: append([]field{code("RecoveryCode", "recovery_code"), link("RecoveryURL", "recovery_url")}, recovery...),
			sms:   append([]field{recoveryCodeAsVerification, domain}, recovery...),
		},
		{name: "recovery_code_invalid", dir: "recovery_code/invalid", texts: invalid("recovery_code"), email: unknown},
		{name: "verification_valid", dir: "verification/valid", texts: valid("verification"), email: verification},
		{name: "verification_invalid", dir: "verification/invalid", texts: invalid("verification"), email: unknown},
		{
			name: "verification_code_valid", dir: "verification_code/valid", texts: valid("verification_code"),
			email: append([]field{verificationCode}, verification...),
			sms:   []field{to, verificationCode, about, request, domain, transient, expires, oauth2},
		},
		{name: "verification_code_invalid", dir: "verification_code/invalid", texts: invalid("verification_code"), email: unknown},
		{
			name: "login_code_valid", dir: "login_code/valid", texts: valid("login_code"), headers: true,
			email: login,
			sms:   append([]field{domain}, login...),
		},
		// These two are ours: the contract tells strangers on the form or not at all.
		{name: "login_code_invalid", dir: "login_code/invalid", texts: invalid("login_code"), email: unknown},
		{name: "registration_invalid", dir: "registration/invalid", texts: invalid("registration"), email: unknown, sms: unknown},
		{
			name: "registration_code_valid", dir: "registration_code/valid", texts: valid("registration_code"), headers: true,
			email: append([]field{traits}, registration...),
			sms:   append([]field{traitsAsIdentity, domain}, registration...),
		},
		{name: "verifiable_address_changed", dir: "verifiable_address_changed", texts: always("verifiable_address_changed"), email: changed, sms: changed},
		{name: "authenticator_key_added", dir: "authenticator_key_added", texts: always("authenticator_key_added"), email: added, sms: added},
		// This one is ours, too: see docs/guide/risk.md.
		{name: "sign_in_unusual", dir: "sign_in_unusual", texts: always("sign_in_unusual"), email: unusual},
		{
			name: "stub", dir: "test_stub", texts: always("stub"),
			email: []field{to, {name: "Subject", key: "subject"}, {name: "Body", key: "body"}, {name: "HTMLBody", key: "html_body"}},
			sms:   []field{to, {name: "Body", key: "body"}, about},
		},
	}
}

// valid, invalid and always are where the configuration has the texts of a kind.
func valid(key string) func(map[string]config.CourierTemplate) config.TemplateTexts {
	return func(all map[string]config.CourierTemplate) config.TemplateTexts { return all[key].Valid }
}

func invalid(key string) func(map[string]config.CourierTemplate) config.TemplateTexts {
	return func(all map[string]config.CourierTemplate) config.TemplateTexts { return all[key].Invalid }
}

func always(key string) func(map[string]config.CourierTemplate) config.TemplateTexts {
	return func(all map[string]config.CourierTemplate) config.TemplateTexts {
		return config.TemplateTexts{Email: all[key].Email, SMS: all[key].SMS}
	}
}

// part is one text of a message: a file.
type part string

// The parts. A mail has the first three.
const (
	subjectPart part = "email.subject.gotmpl"
	textPart    part = "email.body.plaintext.gotmpl"
	htmlPart    part = "email.body.gotmpl"
	smsPart     part = "sms.body.gotmpl"
)

// parts are the texts that a message over a channel consists of.
func parts(c identity.Channel) []part {
	if c == identity.Email {
		return []part{subjectPart, textPart, htmlPart}
	}
	return []part{smsPart}
}

// configured is the address of a part in the configuration and the end of its
// key; "" keeps the built-in text.
func (p part) configured(t config.TemplateTexts) (address, key string) {
	switch p {
	case subjectPart:
		return t.Email.Subject, "email.subject"
	case textPart:
		return t.Email.Body.Plaintext, "email.body.plaintext"
	case htmlPart:
		return t.Email.Body.HTML, "email.body.html"
	}
	return t.SMS.Body.Plaintext, "sms.body.plaintext"
}
