package apikey

import (
	"slices"
	"strings"

	"cardea/internal/problem"
)

// Access is what a request does to a resource.
type Access string

// The two ways of access. A scope may name either, or "*" for both.
const (
	Read  Access = "read"
	Write Access = "write"
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
)

const every = "*"

// Resources are all resources, in the order in which they are listed to people.
func Resources() []Resource { return []Resource{Identities, Sessions, Courier, Recovery, Metrics} }

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
				return nil, problem.BadRequest("There is no scope %.40q. Scopes are %s, or * for everything.", word, strings.Join(vocabulary(), ", "))
			}
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	if len(all) == 0 {
		return nil, problem.BadRequest("Name at least one scope: %s, or * for everything.", strings.Join(vocabulary(), ", "))
	}
	slices.Sort(all)
	return all, nil
}

// vocabulary are all scopes but the widest.
func vocabulary() (words []string) {
	for _, r := range Resources() {
		for _, a := range []string{string(Read), string(Write), every} {
			words = append(words, string(r)+":"+a)
		}
	}
	return words
}

func (s Scope) known() bool { return s == All || slices.Contains(vocabulary(), string(s)) }

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
