// Package schema owns identity schemas: what traits an identity may have, what
// each of them is good for, and which form fields they make. A schema is
// compiled once per configuration and shared by all requests.
//
// It refuses schemas that cannot be what an identity needs, unknown keys in the
// extension object, references that lead in circles, and documents beyond its
// limits. It fetches nothing: bytes come from the caller, and so does a loader
// for references to other documents, if there may be any.
//
// Invariants: a compiled Schema never changes and is safe for concurrent use;
// fields are in document order; violations hold nothing but facts, so that the
// caller decides about their wording.
package schema

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cardea/internal/identity"
	"cardea/internal/payload"
)

// rootName is the one property of the document that is validated.
const rootName = "traits"

// Options say where references may lead.
type Options struct {
	// BaseURL is where the document came from: relative references without an $id
	// are resolved against it. It must be absolute when set.
	BaseURL string
	// Load fetches other documents, by absolute URL without a fragment. When it is
	// nil, only references inside the document and base64:// URLs work.
	Load func(url string) ([]byte, error)
}

// Schema is a compiled identity schema.
type Schema struct {
	id     string
	root   *jsonschema.Schema
	edges  map[*jsonschema.Schema][]edge // of every reachable schema
	marked map[*jsonschema.Schema]bool   // leads to an extension
	types  []identity.CredentialType     // credentials that the schema marks a trait for
	fields []Field
	shape  *payload.Shape
	ranks  map[string]int // document order of every property, by rankKey
	labels []label

	searchable  []string   // names of traits that operators can search by
	searchStamp string     // tells searchable from another list
	guards      []guard    // traits that people cannot set
	formless    [][]string // traits that no form has a field for: lists of objects
	languages   [][]string // paths below traits that say in which language to write
}

// label is a trait that stands for the account in sign-in forms.
type label struct{ name, title string }

// Compile compiles an identity schema. Drafts 4, 6, 7, 2019-09 and 2020-12 are
// understood; without "$schema" it is draft 7.
func Compile(id string, raw []byte, opts Options) (*Schema, error) {
	base := opts.BaseURL
	if base == "" {
		base = "schema:///identity.schema.json"
	}
	doc, err := parse(base, raw)
	if err != nil {
		return nil, wrap(id, err)
	}
	if err := checkDocument(doc.value); err != nil {
		return nil, wrap(id, err)
	}
	loader := &loader{load: opts.Load, order: doc.order, documents: 1}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(loader)
	c.RegisterVocabulary(factsVocabulary())
	c.AssertVocabs()
	registerFormats(c)
	if err := c.AddResource(base, doc.value); err != nil {
		return nil, wrap(id, err)
	}
	root, err := c.Compile(base)
	if err != nil {
		return nil, wrap(id, err)
	}
	s := &Schema{id: id, root: root, edges: map[*jsonschema.Schema][]edge{}, marked: map[*jsonschema.Schema]bool{}, ranks: map[string]int{}}
	if err := s.index(loader.order); err != nil {
		return nil, wrap(id, err)
	}
	if err := s.describe(); err != nil {
		return nil, wrap(id, err)
	}
	return s, nil
}

func wrap(id string, err error) error { return fmt.Errorf("identity schema %q: %w", id, err) }

// loader resolves references to other documents and remembers their key order.
type loader struct {
	load      func(url string) ([]byte, error)
	order     map[string][]string
	documents int
}

// Load is called by the compiler for every document it does not know.
func (l *loader) Load(url string) (any, error) {
	if l.documents++; l.documents > MaxDocuments {
		return nil, fmt.Errorf("more than %d documents", MaxDocuments)
	}
	raw, err := l.fetch(url)
	if err != nil {
		return nil, err
	}
	doc, err := parse(url, raw)
	if err != nil {
		return nil, err
	}
	for at, keys := range doc.order {
		l.order[at] = keys
	}
	return doc.value, checkExtensions(doc.value)
}

func (l *loader) fetch(url string) ([]byte, error) {
	if data, ok := strings.CutPrefix(url, "base64://"); ok {
		return base64.StdEncoding.DecodeString(data)
	}
	if l.load == nil {
		return nil, errors.New("references to other documents are not allowed")
	}
	return l.load(url)
}

// ID is the schema's id in the configuration.
func (s *Schema) ID() string { return s.id }

// Fields are the traits that make form fields, in document order. What they
// point to is shared: read only.
func (s *Schema) Fields() []Field { return slices.Clone(s.fields) }

// KeyOrder are the names of the fields in document order.
func (s *Schema) KeyOrder() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.Name
	}
	return names
}

// TraitsShape is what submitted traits are fitted to.
func (s *Schema) TraitsShape() *payload.Shape { return s.shape }

// IdentifierLabel gives title and name of the trait that a sign-in form asks
// for, if exactly one trait stands for the account and it has a title.
func (s *Schema) IdentifierLabel() (title, name string, ok bool) {
	if len(s.labels) != 1 || s.labels[0].title == "" {
		return "", "", false
	}
	return s.labels[0].title, s.labels[0].name, true
}
