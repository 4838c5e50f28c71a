package apikey

import (
	"slices"
	"strings"

	"cardea/internal/problem"
)

// Access is what a request does to a resource.
type Access string

// The ways of access. A scope may name one of them, or "*" for all.
const (
	Read  Access = "read"
	Write Access = "write"
	// Secrets is to read what opens accounts: hashes of passwords, keys of second
	// factors, tokens of other providers. Only identities have such.
	Secrets Access = "secrets"
)

// Resource is a part of the admin port.
type Resource string

// The resources that scopes name.
const (
	Identities Resource = "identities"
	Sessions   Resource = "sessions"
	Courier    Resource = "courier"
	Recovery   Resource = "recovery"
	Metrics    Resource = "metrics"
	Events     Resource = "events"
	Audit      Resource = "audit"
	// Profiles are those of the running process.
	Profiles Resource = "profiles"
	// Organizations decide who may sign in.
	Organizations Resource = "organizations"
)

const every = "*"

// Accesses are the ways of access that there are to a resource.
func (r Resource) Accesses() []Access {
	if r == Identities {
		return []Access{Read, Write, Secrets}
	}
	return []Access{Read, Write}
}

// Resources are all resources, in the order in which they are listed to people.
func Resources() []Resource {
	return []Resource{Identities, Sessions, Courier, Recovery, Metrics, Profiles, Events, Organizations, Audit}
}

// Scope is one permission: "identities:read", "sessions:*", or "*" for everything.
type Scope string

// All is the scope of a key that may do everything.
const All Scope = every

// Scopes are what a key may do: any of them is enough.
type Scopes []Scope

// ParseScopes reads scopes, separated by commas or spaces. Words that mean nothing
// are a problem with status 400: a misspelt scope must not silently open nothing.
func ParseScopes(texts ...string) (Scopes, error) {
	var all Scopes
	for _, text := range texts {
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
			s := Scope(word)
			if !s.known() {
				return nil, problem.BadRequest("There is no scope %.40q. Scopes are %s, or * for everything.", word, strings.Join(Vocabulary(), ", "))
			}
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		return nil, problem.BadRequest("Name at least one scope: %s, or * for everything.", strings.Join(Vocabulary(), ", "))
	}
	slices.Sort(all)
	return all, nil
}

// Vocabulary are all scopes but the widest.
func Vocabulary() (words []string) {
	for _, r := range Resources() {
		for _, a := range append(r.Accesses(), every) {
			words = append(words, string(r)+":"+string(a))
		}
	}
	return words
}

func (s Scope) known() bool { return s == All || slices.Contains(Vocabulary(), string(s)) }

// Allow says whether the scopes permit an access. What has no name, because somebody
// forgot to give it one, is open to keys that may do everything, and to nobody else.
func (s Scopes) Allow(r Resource, a Access) bool {
	if slices.Contains(s, All) {
		return true
	}
	if r == "" || a == "" {
		return false
	}
	return slices.Contains(s, Scope(string(r)+":"+string(a))) || slices.Contains(s, Scope(string(r)+":"+every))
}

// String lists the scopes, separated by spaces: the form that ParseScopes reads.
func (s Scopes) String() string {
	words := make([]string, len(s))
	for i, one := range s {
		words[i] = string(one)
	}
	return strings.Join(words, " ")
}
