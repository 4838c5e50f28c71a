package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cardea/internal/identity"
)

// deriver walks traits along the schema and collects what the extensions make
// of them. In alternatives it follows those that the value matches.
type deriver struct {
	*Schema
	traits   any // what is walked
	out      identity.Derived
	found    []Violation
	rewrites []rewrite
}

// rewrite is a phone number that gets another spelling in the traits.
type rewrite struct {
	path  []string
	value string
}

func newDeriver(s *Schema, traits any) *deriver {
	d := &deriver{Schema: s, traits: traits}
	d.out.SearchStamp = s.searchStamp
	d.out.Identifiers = make(map[identity.CredentialType][]string, len(s.types))
	for _, typ := range s.types {
		d.out.Identifiers[typ] = []string{}
	}
	return d
}

func (d *deriver) visit(s *jsonschema.Schema, v any, path []string) {
	if f := factsOf(s); f.Extension != (Extension{}) {
		if text, ok := text(v); ok {
			d.apply(&f, &mark{text: text, path: path, schema: s})
		}
	}
	for _, e := range d.edges[s] {
		if !d.marked[e.to] {
			continue
		}
		if e.kind.inPlace() {
			if d.holds(s, e, v) {
				d.visit(e.to, v, path)
			}
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			d.members(s, e, v, path)
		case []any:
			d.elements(e, v, path)
		}
	}
}

// holds says whether the schema behind an in-place edge applies to the value.
func (d *deriver) holds(s *jsonschema.Schema, e edge, v any) bool {
	switch e.kind {
	case always:
		return true
	case either:
		return e.to.Validate(v) == nil
	case thenBranch:
		return s.If.Validate(v) == nil
	case elseBranch:
		return s.If.Validate(v) != nil
	case dependent:
		obj, _ := v.(map[string]any)
		_, ok := obj[e.key]
		return ok
	}
	return false
}

func (d *deriver) members(s *jsonschema.Schema, e edge, obj map[string]any, path []string) {
	if e.kind == property {
		if v, ok := obj[e.key]; ok {
			d.visit(e.to, v, append(slices.Clip(path), e.key))
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(obj)) {
		if e.kind == pattern && e.match.MatchString(name) || e.kind == additional && isAdditional(s, name) {
			d.visit(e.to, obj[name], append(slices.Clip(path), name))
		}
	}
}

func isAdditional(s *jsonschema.Schema, name string) bool {
	if _, ok := s.Properties[name]; ok {
		return false
	}
	for re := range s.PatternProperties {
		if re.MatchString(name) {
			return false
		}
	}
	return true
}

func (d *deriver) elements(e edge, list []any, path []string) {
	for i, v := range list {
		if e.kind == items && i >= e.index || e.kind == tuple && i == e.index {
			d.visit(e.to, v, append(slices.Clip(path), strconv.Itoa(i)))
		}
	}
}

// text writes a scalar as an identifier.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// mark is one marked value. It remembers what strict parsing made of it, because
// one trait usually serves several purposes.
type mark struct {
	text   string
	path   []string
	schema *jsonschema.Schema // that marks it

	mail    string
	mailErr error
	parsed  bool
}

func (m *mark) email() (string, error) {
	if !m.parsed {
		m.mail, m.mailErr = identity.StrictEmail(m.text)
		m.parsed = true
	}
	return m.mail, m.mailErr
}

func (d *deriver) apply(f *facts, m *mark) {
	if f.Searchable {
		d.search(m)
	}
	if f.PasskeyDisplayName && d.out.PasskeyDisplayName == "" {
		d.out.PasskeyDisplayName = m.text
	}
	if f.TOTPAccountName && d.out.TOTPAccountName == "" {
		d.out.TOTPAccountName = m.text
	}
	if f.Password {
		d.identifier(identity.Password, m)
	}
	if f.WebAuthn {
		d.identifier(identity.WebAuthn, m)
	}
	if f.Code {
		if value, ok := d.code(f, m); ok {
			d.out.CodeAddresses = append(d.out.CodeAddresses, identity.Address{Value: value, Via: f.CodeVia})
		}
	}
	if f.VerificationVia != "" {
		if value, ok := d.verification(f, m); ok {
			d.out.Verifiable = addAddress(d.out.Verifiable, identity.Address{Value: value, Via: f.VerificationVia})
		}
	}
	if f.RecoveryVia != "" {
		if value, ok := d.recovery(f, m); ok {
			d.out.Recovery = addAddress(d.out.Recovery, identity.Address{Value: value, Via: f.RecoveryVia})
		}
	}
}

func addAddress(list []identity.Address, a identity.Address) []identity.Address {
	if slices.Contains(list, a) {
		return list
	}
	return append(list, a)
}

func (d *deriver) identify(typ identity.CredentialType, value string) {
	if !slices.Contains(d.out.Identifiers[typ], value) {
		d.out.Identifiers[typ] = append(d.out.Identifiers[typ], value)
	}
}

func (d *deriver) identifier(typ identity.CredentialType, m *mark) {
	if value, ok := d.graceful(m); ok {
		d.identify(typ, value)
	}
}

// code is the address of one-time codes: strict unless a format of its own says
// what the value is.
func (d *deriver) code(f *facts, m *mark) (string, bool) {
	switch {
	case f.CodeVia == "":
		d.refuse(m, "/"+escape(extensionKey)+"/credentials/code", generic("the schema does not say how codes reach this address"))
		return "", false
	case f.CodeVia == identity.SMS:
		return d.phone(m)
	case f.format == "" || f.format == "email":
		return d.email(m)
	}
	return d.graceful(m)
}

// verification needs a format to know what to check; e-mail addresses are the default.
func (d *deriver) verification(f *facts, m *mark) (string, bool) {
	strict := f.format == "email" || f.format == "tel"
	switch {
	case f.VerificationVia == identity.SMS && f.format == "":
		d.refuse(m, "/format", generic("the schema has to give this address a format, or the format no-validate"))
		return "", false
	case f.VerificationVia == identity.SMS && strict:
		return d.phone(m)
	case f.VerificationVia == identity.Email && (strict || f.format == ""):
		return d.email(m)
	}
	return d.loose(f.VerificationVia, m)
}

func (d *deriver) recovery(f *facts, m *mark) (string, bool) {
	switch {
	case f.RecoveryVia == identity.SMS:
		return d.phone(m)
	case f.format == "" || f.format == "email":
		return d.email(m)
	}
	return d.loose(f.RecoveryVia, m)
}

// loose takes an address whose form the operator vouches for. A phone number
// that is one gets the same spelling everywhere all the same.
func (d *deriver) loose(via identity.Channel, m *mark) (string, bool) {
	if via == identity.SMS {
		if _, err := identity.StrictPhone(m.text); err == nil {
			return d.phone(m)
		}
	}
	return d.graceful(m)
}

// graceful normalises a value of any kind; nothing must not be left of it.
func (d *deriver) graceful(m *mark) (string, bool) {
	value := identity.NormalizeIdentifier(m.text)
	if value == "" {
		name := m.path[len(m.path)-1]
		d.refuse(m, "/"+escape(extensionKey), finding{idRequired, map[string]any{"property": name}, quote(name) + " is empty"})
		return "", false
	}
	return value, d.short(m, value)
}

func (d *deriver) email(m *mark) (string, bool) {
	value, err := m.email()
	if err != nil {
		d.refuse(m, "/format", wrongFormat("email", m.text))
		return "", false
	}
	return value, d.short(m, value)
}

// phone also gives the trait itself the spelling E.164.
func (d *deriver) phone(m *mark) (string, bool) {
	value, err := identity.StrictPhone(m.text)
	if err != nil {
		d.refuse(m, "/format", wrongFormat("tel", m.text))
		return "", false
	}
	if value != m.text {
		d.rewrites = append(d.rewrites, rewrite{path: slices.Clone(m.path), value: value})
	}
	return value, true
}

// short keeps identifiers within what every database can index.
func (d *deriver) short(m *mark, value string) bool {
	if f := tooLong(value); f != nil {
		d.refuse(m, "/maxLength", *f)
		return false
	}
	return true
}

func (d *deriver) refuse(m *mark, keyword string, f finding) {
	_, fragment, _ := strings.Cut(m.schema.Location, "#")
	d.found = append(d.found, Violation{Path: slices.Clone(m.path), ID: f.id, Context: f.context, Reason: f.reason, Pointer: "#" + fragment + keyword})
}
