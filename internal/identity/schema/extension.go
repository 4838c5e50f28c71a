package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cardea/internal/identity"
)

// The keywords under which a trait says what it is good for: the contract's, and
// what this server adds to it.
const (
	extensionKey = "ory.sh/kratos"
	ownKey       = "cardea"
)

// Extension is what a trait is good for. The zero value is a plain trait.
type Extension struct {
	Password            bool             // an identifier for password sign-in
	WebAuthn            bool             // an identifier for WebAuthn sign-in
	PasskeyDisplayName  bool             // how a passkey shows the account
	TOTPAccountName     bool             // how an authenticator app shows the account
	Code                bool             // an address that one-time codes sign in with
	CodeVia             identity.Channel // "" when missing, which Validate reports
	VerificationVia     identity.Channel // "" for an address that is not verifiable
	RecoveryVia         identity.Channel // "" for no recovery address
	OrganizationMatcher string           // "" or "email_domain"

	Searchable bool // operators can search by it
	ReadOnly   bool // people see it and cannot change it
	Hidden     bool // people do not even see it on forms
	Language   bool // the language in which to write to the person, BCP 47
}

// Guarded says whether people cannot set the trait themselves.
func (e Extension) Guarded() bool { return e.ReadOnly || e.Hidden }

// Identifies says whether the trait stands for the account in sign-in forms.
func (e Extension) Identifies() bool {
	return e.Password || e.WebAuthn || e.PasskeyDisplayName || e.TOTPAccountName || e.Code
}

// leaves is a vocabulary: what each key accepts and sets.
type leaves map[string]func(*Extension, any) bool

// ownLeaves is the vocabulary of this server's keyword.
var ownLeaves = leaves{
	"searchable": flag(func(e *Extension) *bool { return &e.Searchable }),
	"read_only":  flag(func(e *Extension) *bool { return &e.ReadOnly }),
	"hidden":     flag(func(e *Extension) *bool { return &e.Hidden }),
	"language":   flag(func(e *Extension) *bool { return &e.Language }),
}

// extensionLeaves is the vocabulary of the contract's keyword.
var extensionLeaves = leaves{
	"credentials.password.identifier":  flag(func(e *Extension) *bool { return &e.Password }),
	"credentials.webauthn.identifier":  flag(func(e *Extension) *bool { return &e.WebAuthn }),
	"credentials.passkey.display_name": flag(func(e *Extension) *bool { return &e.PasskeyDisplayName }),
	"credentials.totp.account_name":    flag(func(e *Extension) *bool { return &e.TOTPAccountName }),
	"credentials.code.identifier":      flag(func(e *Extension) *bool { return &e.Code }),
	"credentials.code.via":             channel(func(e *Extension) *identity.Channel { return &e.CodeVia }),
	"verification.via":                 channel(func(e *Extension) *identity.Channel { return &e.VerificationVia }),
	"recovery.via":                     channel(func(e *Extension) *identity.Channel { return &e.RecoveryVia }),
	"organizations.matcher": func(e *Extension, v any) bool {
		e.OrganizationMatcher, _ = v.(string)
		return v == "email_domain"
	},
}

func flag(field func(*Extension) *bool) func(*Extension, any) bool {
	return func(e *Extension, v any) (ok bool) {
		*field(e), ok = v.(bool)
		return ok
	}
}

func channel(field func(*Extension) *identity.Channel) func(*Extension, any) bool {
	return func(e *Extension, v any) bool {
		text, _ := v.(string)
		*field(e) = identity.Channel(text)
		return v == string(identity.Email) || v == string(identity.SMS)
	}
}

// parseExtension reads the contract's extension object.
func parseExtension(v any) (Extension, error) {
	var e Extension
	return e, e.read(extensionKey, extensionLeaves, "", v)
}

// read takes over an extension object. Keys outside the vocabulary are refused: a
// misspelt flag must not silently do nothing.
func (e *Extension) read(keyword string, vocabulary leaves, at string, v any) error {
	obj, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: %q must be an object", keyword, at)
	}
	for _, key := range slices.Sorted(maps.Keys(obj)) {
		path := strings.TrimPrefix(at+"."+key, ".")
		if set, ok := vocabulary[path]; ok {
			if !set(e, obj[key]) {
				return fmt.Errorf("%s: %q has a value that is not allowed", keyword, path)
			}
			continue
		}
		if !vocabulary.branch(path) {
			return fmt.Errorf("%s: unknown key %q", keyword, path)
		}
		if err := e.read(keyword, vocabulary, path, obj[key]); err != nil {
			return err
		}
	}
	return nil
}

func (l leaves) branch(path string) bool {
	for leaf := range l {
		if strings.HasPrefix(leaf, path+".") {
			return true
		}
	}
	return false
}

// facts are what the validator library does not keep of a schema object. They
// ride on the compiled schema as an extension of its own; as a validator they
// assert those formats that must not hide the failures after them.
type facts struct {
	Extension
	disabled bool
	format   string
	enum     []any
	hasConst bool
	value    any // of const
	check    func(string) error
}

// factsVocabulary hooks into the compiler for every schema object.
func factsVocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL: "urn:cardea:identity-schema",
		Compile: func(_ *jsonschema.CompilerContext, obj map[string]any) (jsonschema.SchemaExt, error) {
			f := &facts{}
			if raw, ok := obj[extensionKey]; ok {
				var err error
				if f.Extension, err = parseExtension(raw); err != nil {
					return nil, err
				}
			}
			if raw, ok := obj[ownKey]; ok {
				if err := f.read(ownKey, ownLeaves, "", raw); err != nil {
					return nil, err
				}
			}
			f.disabled, _ = obj["disableFormField"].(bool)
			f.format, _ = obj["format"].(string)
			f.enum, _ = obj["enum"].([]any)
			f.value, f.hasConst = obj["const"]
			f.check = lateFormats[f.format]
			return f, nil
		},
	}
}

// factsOf gives what is known of a compiled schema. Draft 7 and before ignore
// everything beside a $ref, and so does this.
func factsOf(s *jsonschema.Schema) facts {
	if s.Ref != nil && s.DraftVersion < 2019 {
		return facts{}
	}
	for _, ext := range s.Extensions {
		if f, ok := ext.(*facts); ok {
			return *f
		}
	}
	return facts{}
}
