package identity

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"cardea/internal/problem"
)

// maxPointer is how deep a patch may reach; every step may create an object.
const maxPointer = 100

// PatchOperation is one step of a JSON Patch (RFC 6902) on an identity as an
// operator sees it, credentials' configs included.
type PatchOperation struct {
	Op    string
	Path  string          // a JSON pointer (RFC 6901)
	Value json.RawMessage // nil when it is missing
}

// protected are the places that no patch may touch, with everything below them.
// They are matched without regard to case, as other servers of this interface do.
var protected = [][]string{
	{"id"}, {"schema_url"}, {"created_at"}, {"updated_at"}, {"state_changed_at"}, {"stateChangedAt"},
	{"credentials", "oidc"}, {"credentials", "saml"},
}

// Patch applies operations to the identity: all of them, or it answers with a
// *problem.Error of status 400 and the identity is of no use any more. Only members
// that an operation touches are read back; the rest is not even parsed.
//
// It departs from RFC 6902 where the contract does: only add, remove and replace
// exist; replace of something that is missing adds it, and missing parents are
// created, unless the pointer ends in an array index or "-".
//
// What follows from traits is not updated: Apply has to follow.
func (i *Identity) Patch(ops []PatchOperation, passwords PasswordImporter, now time.Time, newID func() uuid.UUID) error {
	doc := i.document()
	touched := map[string]bool{}
	for n, op := range ops {
		member, err := doc.apply(op)
		if err != nil {
			return problem.BadRequest("Operation %d (%.10s %.100s): %s.", n, op.Op, op.Path, err)
		}
		touched[member] = true
	}
	for _, m := range members {
		if !touched[m.name] {
			continue
		}
		if err := m.read(i, doc[m.name], patching{passwords, now, newID}); err != nil {
			if problem.As(err) != nil {
				return err
			}
			return problem.BadRequest("The patch leaves %q in a form that it cannot have.", m.name).With(err)
		}
	}
	return nil
}

// tree is a JSON object being patched.
type tree map[string]any

// apply carries out one operation and names the member that it touched. Its errors
// are for the operator.
func (t tree) apply(op PatchOperation) (member string, err error) {
	tokens, err := pointer(op.Path)
	if err != nil {
		return "", err
	}
	value, err := op.value()
	if err != nil {
		return "", err
	}
	strict := isIndex(tokens[len(tokens)-1])
	_, err = changeObject(t, tokens, edit{
		value: value, remove: op.Op == "remove",
		mustExist: op.Op == "replace" && strict, create: op.Op != "remove" && !strict,
	})
	return tokens[0], err
}

// pointer splits a JSON pointer and refuses those that a patch may not use.
func pointer(path string) ([]string, error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, fmt.Errorf("the path has to start with a slash")
	}
	tokens := strings.Split(rest, "/")
	if len(tokens) > maxPointer {
		return nil, fmt.Errorf("the path is too deep")
	}
	for n, token := range tokens {
		tokens[n] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	if len(tokens) == 1 && strings.EqualFold(tokens[0], "credentials") {
		return nil, fmt.Errorf("credentials can be changed only one by one")
	}
	for _, p := range protected {
		if len(tokens) >= len(p) && slices.EqualFunc(tokens[:len(p)], p, strings.EqualFold) {
			return nil, fmt.Errorf("this cannot be changed with a patch")
		}
	}
	return tokens, nil
}

func (op PatchOperation) value() (any, error) {
	switch op.Op {
	case "remove":
		return nil, nil
	case "add", "replace":
		if op.Value == nil {
			return nil, fmt.Errorf("a value is missing")
		}
		return decoded(op.Value)
	}
	return nil, fmt.Errorf("only add, remove and replace are supported")
}

func isIndex(token string) bool {
	_, err := strconv.Atoi(token)
	return token == "-" || err == nil
}

// edit is what happens at the end of a pointer.
type edit struct {
	value     any
	remove    bool
	mustExist bool // only what is there can be replaced
	create    bool // missing objects on the way are created
}

// change gives the node with the edit carried out below it.
func change(node any, tokens []string, e edit) (any, error) {
	switch node := node.(type) {
	case map[string]any:
		return changeObject(node, tokens, e)
	case []any:
		return changeList(node, tokens, e)
	case nil:
		if e.create {
			return changeObject(map[string]any{}, tokens, e)
		}
	}
	return nil, fmt.Errorf("there is no place for %q", tokens[0])
}

func changeObject(node map[string]any, tokens []string, e edit) (any, error) {
	key := tokens[0]
	child, exists := node[key]
	last := len(tokens) == 1
	switch {
	case !exists && (e.mustExist || e.remove || !last && !e.create):
		return nil, fmt.Errorf("there is no %q", key)
	case last && e.remove:
		delete(node, key)
	case last:
		node[key] = e.value
	default:
		changed, err := change(child, tokens[1:], e)
		if err != nil {
			return nil, err
		}
		node[key] = changed
	}
	return node, nil
}

func changeList(node []any, tokens []string, e edit) (any, error) {
	last := len(tokens) == 1
	adds := last && !e.remove && !e.mustExist
	at, err := index(tokens[0], len(node), adds)
	if err != nil {
		return nil, err
	}
	switch {
	case adds:
		return slices.Insert(node, at, e.value), nil
	case last && e.remove:
		return slices.Delete(node, at, at+1), nil
	case last:
		node[at] = e.value
		return node, nil
	}
	node[at], err = change(node[at], tokens[1:], e)
	return node, err
}

// index reads an array index: of an element, or of the place behind the last one
// when something is added there.
func index(token string, length int, adds bool) (int, error) {
	if token == "-" && adds {
		return length, nil
	}
	at, err := strconv.Atoi(token)
	if err != nil || at < 0 || at > length || at == length && !adds || strconv.Itoa(at) != token {
		return 0, fmt.Errorf("there is no element %q", token)
	}
	return at, nil
}
