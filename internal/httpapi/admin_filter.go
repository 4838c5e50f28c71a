package httpapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// maxTraitFilters is how many conditions on traits one request may have.
const maxTraitFilters = 8

// traitFilters are the parameters that search traits, each as name[trait]=text.
var traitFilters = []struct {
	name string
	how  identity.Matching
	most int // characters
}{
	{"trait", identity.Equals, identity.MaxSearchValue},
	{"trait_prefix", identity.Begins, identity.MaxSearchValue},
	{"trait_contains", identity.Contains, identity.MaxSearchPart},
}

// identityFilters are the parameters that decide which identities are listed, those
// on traits left out.
var identityFilters = []string{
	"ids", "credentials_identifier", "preview_credentials_identifier_similar", "organization_id",
	"state", "schema_id", "verified", "created_after", "created_before", "updated_after", "updated_before",
}

// narrow reads the conditions that this server adds to those of the contract. All of
// them have to hold.
func (set *compiled) narrow(q url.Values, f *IdentityFilter) (err error) {
	switch f.State = identity.State(q.Get("state")); f.State {
	case "", identity.Active, identity.Inactive:
	default:
		return problem.BadRequest("The state is active or inactive.")
	}
	f.SchemaID = q.Get("schema_id")
	if text := q.Get("verified"); text != "" {
		verified, err := strconv.ParseBool(text)
		if err != nil {
			return problem.BadRequest("The parameter verified is neither true nor false.")
		}
		f.Verified = &verified
	}
	for name, place := range map[string]*time.Time{
		"created_after": &f.CreatedAfter, "created_before": &f.CreatedBefore,
		"updated_after": &f.UpdatedAfter, "updated_before": &f.UpdatedBefore,
	} {
		if *place, err = moment(name, q.Get(name)); err != nil {
			return err
		}
	}
	f.Traits, err = set.traitMatches(q, f.SchemaID)
	return err
}

// moment reads a time (RFC 3339); zero for none.
func moment(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, problem.BadRequest("The parameter %s is not a time such as 2026-01-31T12:00:00Z.", name)
	}
	return t, nil
}

// traitMatches reads the conditions on traits. A trait that no schema lets operators
// search by is refused: an empty list would look like an answer.
func (set *compiled) traitMatches(q url.Values, schemaID string) (all []identity.SearchMatch, err error) {
	known := set.searchable(schemaID)
	for _, p := range traitFilters {
		for key, texts := range q {
			name, ok := bracketed(p.name, key)
			if !ok {
				continue
			}
			if !slices.Contains(known, name) {
				return nil, problem.BadRequest("There is no searchable trait of that name. Searchable are: %s.", orNone(known))
			}
			for _, text := range texts {
				m := identity.SearchMatch{Name: name, Text: identity.FoldSearch(text), How: p.how}
				if n := utf8.RuneCountInString(m.Text); n == 0 || n > p.most {
					return nil, problem.BadRequest("%s looks for texts of 1 to %d characters.", p.name, p.most)
				}
				all = append(all, m)
			}
		}
	}
	if len(all) > maxTraitFilters {
		return nil, problem.BadRequest("At most %d conditions on traits can be given at once.", maxTraitFilters)
	}
	slices.SortStableFunc(all, func(a, b identity.SearchMatch) int {
		return strings.Compare(strconv.Itoa(int(a.How))+a.Name+"\x00"+a.Text, strconv.Itoa(int(b.How))+b.Name+"\x00"+b.Text)
	})
	return all, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// bracketed gives the trait of a key such as trait[name.first].
func bracketed(parameter, key string) (trait string, ok bool) {
	rest, ok := strings.CutPrefix(key, parameter+"[")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "]")
}

// searchable are the traits that can be searched by in one schema, or in any.
func (set *compiled) searchable(schemaID string) (names []string) {
	for _, ref := range set.Identity.Schemas {
		if schemaID != "" && ref.ID != schemaID {
			continue
		}
		compiled, err := set.Schema(ref.ID)
		if err != nil {
			continue // every configured schema is compiled
		}
		for _, name := range compiled.Searchable() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// filtersOf are the parameters of a request that decide what is listed. What is empty
// counts as absent.
func filtersOf(q url.Values, names ...string) url.Values {
	out := url.Values{}
	for key, values := range q {
		ours := slices.Contains(names, key)
		for _, p := range traitFilters {
			_, bracket := bracketed(p.name, key)
			ours = ours || bracket
		}
		for _, v := range values {
			if ours && v != "" {
				out.Add(key, v)
			}
		}
	}
	return out
}

// counted says whether the number of all that match is asked for.
func counted(q url.Values) (bool, error) {
	text := q.Get("count")
	if text == "" {
		return false, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return false, problem.BadRequest("The parameter count is neither true nor false.")
	}
	return yes, nil
}

// narrowed says whether a filter has conditions that the contract does not know.
func (f *IdentityFilter) narrowed() bool {
	return f.State != "" || f.SchemaID != "" || f.Verified != nil || len(f.Traits) > 0 ||
		!f.CreatedAfter.IsZero() || !f.CreatedBefore.IsZero() || !f.UpdatedAfter.IsZero() || !f.UpdatedBefore.IsZero()
}
