package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cardea/internal/identity"
	"cardea/internal/payload"
)

// with adds what another schema says about the same trait. Of the contract's words
// the first that says something counts; ours add up, so that no schema can take a
// protection away.
func (e Extension) with(more Extension) Extension {
	searchable, readOnly, hidden := e.Searchable || more.Searchable, e.ReadOnly || more.ReadOnly, e.Hidden || more.Hidden
	tongue := e.Language || more.Language
	bare := e
	bare.Searchable, bare.ReadOnly, bare.Hidden, bare.Language = false, false, false, false
	if bare == (Extension{}) {
		bare = more
	}
	bare.Searchable, bare.ReadOnly, bare.Hidden, bare.Language = searchable, readOnly, hidden, tongue
	return bare
}

// Reasons why a trait cannot be what it says.
var (
	errLanguagePlace = errors.New("language marks one trait that is named under properties, not what is in a list")
	// An element of a list has no name that stays the same while the list changes,
	// so nothing could be held against what it was.
	errGuardedElement = errors.New("read_only and hidden protect a whole list, not what is in it")
	errGuardedPattern = errors.New("read_only and hidden protect traits that are named under properties only")
)

// guard is a trait that people cannot set, with everything below it.
type guard struct {
	path   []string
	hidden bool
}

// describeOwn notes what a trait says under this server's keyword.
func (w *walker) describeOwn(path []string, e Extension, element bool) error {
	if e.Searchable {
		if name := searchName(path); !slices.Contains(w.searchable, name) {
			w.searchable = append(w.searchable, name)
		}
	}
	if e.Language {
		if element || slices.Contains(path, anyIndex) {
			return errLanguagePlace
		}
		w.languages = append(w.languages, slices.Clone(path[1:]))
	}
	if !e.Guarded() {
		return nil
	}
	if element || slices.Contains(path, anyIndex) {
		return errGuardedElement
	}
	w.guards = append(w.guards, guard{slices.Clone(path), e.Hidden})
	return nil
}

// settleGuards lets protections hold for the fields below them, and refuses those
// that stand where no form field can be found for them.
func (w *walker) settleGuards() error {
	for at := range w.edges {
		if w.described[at] {
			continue
		}
		if factsOf(at).Guarded() {
			return errGuardedPattern
		}
		if factsOf(at).Language {
			return errLanguagePlace
		}
	}
	for n := range w.fields {
		f := &w.fields[n]
		for _, g := range w.guards {
			if len(f.Path) >= len(g.path) && slices.Equal(f.Path[:len(g.path)], g.path) {
				f.Disabled, f.Extension.ReadOnly = true, true
				f.Extension.Hidden = f.Extension.Hidden || g.hidden
			}
		}
	}
	return nil
}

// searchName is a path below traits without the positions in lists.
func searchName(path []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(path[1:]), func(seg string) bool { return seg == anyIndex }), ".")
}

// Searchable are the names of the traits that operators can search by.
func (s *Schema) Searchable() []string { return s.searchable }

// SearchStamp changes with the list of searchable traits; "" when there are none.
func (s *Schema) SearchStamp() string { return s.searchStamp }

func searchStamp(names []string) string {
	if len(names) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(names)), "\x00")))
	return hex.EncodeToString(sum[:])
}

// Guard holds submitted traits against those that are stored: traits that people
// cannot set stay as they are. One that was left out is put back, which is what
// forms do with disabled fields; one that was changed is a violation. A list of
// objects, which forms have no field for, is put back as well: an empty one removes
// it. before is nil when there is nothing yet.
func (s *Schema) Guard(submitted map[string]any, before json.RawMessage) ([]Violation, error) {
	if len(s.guards)+len(s.formless) == 0 {
		return nil, nil
	}
	var stored any
	if before != nil {
		var err error
		if stored, err = payload.DecodeJSON(before); err != nil {
			return nil, err
		}
	}
	for _, path := range s.formless {
		was, had := lookup(stored, path[1:])
		if _, has := lookup(submitted, path[1:]); had && !has {
			restore(submitted, path[1:], was)
		}
	}
	var found []Violation
	for _, g := range s.guards {
		path := g.path
		was, had := lookup(stored, path[1:])
		is, has := lookup(submitted, path[1:])
		switch {
		case !had && !has, had && has && sameValue(is, was):
		case has || !restore(submitted, path[1:], was):
			f := generic("this cannot be changed here")
			found = append(found, Violation{Path: path, ID: f.id, Context: f.context, Reason: f.reason, Pointer: "#/" + ownKey})
		}
	}
	return found, nil
}

// Regard makes what Guard let through follow protected traits that were changed since:
// an operator's change that came in between must not be undone by somebody's form.
// Violations mean that the rest does not fit the change.
func (s *Schema) Regard(d *identity.Derived, stored json.RawMessage) (*identity.Derived, []Violation, error) {
	if len(s.guards) == 0 {
		return d, nil, nil
	}
	submitted, err := payload.DecodeJSON(d.Traits)
	if err != nil {
		return nil, nil, err
	}
	now, err := payload.DecodeJSON(stored)
	if err != nil {
		return nil, nil, err
	}
	changed := false
	for _, g := range s.guards {
		path := g.path[1:]
		is, has := lookup(submitted, path)
		want, there := lookup(now, path)
		if has == there && (!has || sameValue(is, want)) {
			continue
		}
		changed = true
		if obj, ok := submitted.(map[string]any); ok {
			settle(obj, path, want, there)
		}
	}
	if !changed {
		return d, nil, nil
	}
	raw, err := json.Marshal(submitted)
	if err != nil {
		return nil, nil, err
	}
	return s.Validate(raw)
}

// settle puts a value where it belongs, or takes it away from there.
func settle(obj map[string]any, path []string, value any, there bool) {
	if there {
		restore(obj, path, value)
		return
	}
	if parent, _ := lookup(obj, path[:len(path)-1]); parent != nil {
		if parent, ok := parent.(map[string]any); ok {
			delete(parent, path[len(path)-1])
		}
	}
}

func lookup(v any, path []string) (any, bool) {
	for _, seg := range path {
		obj, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = obj[seg]; !ok {
			return nil, false
		}
	}
	return v, true
}

// restore puts a value back, unless something else stands in its way.
func restore(obj map[string]any, path []string, value any) bool {
	for _, seg := range path[:len(path)-1] {
		next, there := obj[seg]
		if !there {
			next = map[string]any{}
			obj[seg] = next
		}
		below, ok := next.(map[string]any)
		if !ok {
			return false
		}
		obj = below
	}
	obj[path[len(path)-1]] = value
	return true
}

// sameValue compares JSON values; numbers by what they are, not how they are written.
func sameValue(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) }

func plain(v any) (out any) {
	raw, err := json.Marshal(v)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return err // nothing equals it
	}
	return out
}

// search notes a trait that operators can search by.
func (d *deriver) search(m *mark) {
	name := strings.Join(d.names(m.path[1:]), ".")
	if !slices.Contains(d.searchable, name) {
		return
	}
	if v, ok := identity.NewSearchValue(name, m.text); ok && !slices.Contains(d.out.Search, v) {
		d.out.Search = append(d.out.Search, v)
	}
}

// names are the segments of a path into the traits that are not positions in lists.
func (d *deriver) names(path []string) (names []string) {
	at := d.traits
	for _, seg := range path {
		switch in := at.(type) {
		case map[string]any:
			names = append(names, seg)
			at = in[seg]
		case []any:
			n, _ := strconv.Atoi(seg) // written by elements
			at = in[n]
		}
	}
	return names
}
