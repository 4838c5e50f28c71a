package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// SortOrder says how the nodes of a form are arranged.
type SortOrder struct {
	// Groups in the order they are shown. A group that is not listed comes first.
	Groups []Group
	// Keys are prefixes of node ids in the order they are shown within a group.
	// An id without a prefix here comes after those that have one.
	Keys []string
	// Kept are groups whose nodes of one rank stay in the order in which they were
	// made; in others the value decides.
	Kept []Group
}

// LoginOrder arranges a login form.
func LoginOrder() SortOrder {
	return SortOrder{
		Groups: []Group{OIDC, Default, WebAuthn, Passkey, Code, Password, TOTP, LookupSecret},
		Keys: []string{
			"csrf_token", "identifier", "remember", "password",
			"webauthn_register_displayname", "webauthn_register", "passkey_register", "totp_qr", "totp_secret_key", "totp_code",
		},
	}
}

// RegistrationOrder arranges a registration form. The traits are the names of
// the schema's leaf properties ("traits.name.first") in document order; the
// password stands behind the first.
func RegistrationOrder(traits []string) SortOrder {
	keys := append([]string{"csrf_token"}, traits...)
	return SortOrder{
		Groups: []Group{OIDC, SAML, Default, WebAuthn, Passkey, Code, Password, Captcha, Profile},
		Keys: append(slices.Insert(keys, min(2, len(keys)), "password"),
			"webauthn_remove", "webauthn_register_displayname", "webauthn_register"),
	}
}

// SettingsOrder arranges a settings form; traits as in [RegistrationOrder].
func SettingsOrder(traits []string) SortOrder {
	return SortOrder{
		Groups: []Group{Default, Profile, Password, OIDC, LookupSecret, WebAuthn, Passkey, TOTP},
		Keys: append(slices.Clone(traits),
			"lookup_secret_reveal", "lookup_secret_regenerate", "lookup_secret_codes", "lookup_secret_confirm",
			"webauthn_remove", "webauthn_register_displayname", "webauthn_register",
			"passkey_remove", "passkey_register",
			"totp_qr", "totp_secret_key", "totp_unlink", "totp_code"),
	}
}

// Sort arranges the nodes in place: first by group, then by key.
//
// Both passes are stable. The second compares a node only with its own group,
// where the default and the password group count as one; everything else is
// "equal", so that the comparison is not transitive and its outcome depends on
// the algorithm. It has to be an insertion that stops at the first neighbour that
// is not greater: this lets the password move up among the traits when these
// groups touch, and stay where it is when another group stands between them.
func Sort(nodes Nodes, order SortOrder) {
	seats := make([]seat, len(nodes))
	for i, n := range nodes {
		seats[i] = seat{group: slices.Index(order.Groups, n.Group), key: order.keyPosition(n.ID()), kept: slices.Contains(order.Kept, n.Group), node: n}
	}
	insertionSort(seats, func(a, b *seat) bool { return a.group < b.group })
	insertionSort(seats, before)
	for i := range seats {
		nodes[i] = seats[i].node
	}
}

// seat is a node with its places in the order.
type seat struct {
	group, key int
	kept       bool
	node       Node
}

// keyPosition ranks an id: by key, then the unknown, then the method's button.
func (o SortOrder) keyPosition(id string) int {
	if id == "method" {
		return len(o.Keys) + 1
	}
	for i, key := range o.Keys {
		if strings.HasPrefix(id, key) {
			return i
		}
	}
	return len(o.Keys)
}

// before is the comparison of the second pass.
func before(a, b *seat) bool {
	if !sameSection(a.node.Group, b.node.Group) {
		return false
	}
	if c := cmp.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	if a.kept && b.kept {
		return false
	}
	return compareValues(a.node.Value(), b.node.Value()) < 0
}

// sameSection says whether nodes of two groups are arranged among each other.
func sameSection(a, b Group) bool {
	return a == b || (a == Default && b == Password) || (a == Password && b == Default)
}

// compareValues breaks ties: the empty value, then none, then by the value's text.
// That the absent value has a fixed place keeps forms from changing their order
// with the random value of the anti-CSRF token.
func compareValues(a, b any) int {
	if c := cmp.Compare(valueRank(a), valueRank(b)); c != 0 {
		return c
	}
	return cmp.Compare(valueText(a), valueText(b))
}

func valueRank(v any) int {
	switch v {
	case "":
		return 0
	case nil:
		return 1
	}
	return 2
}

func valueText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
}

// insertionSort is stable and, for a comparison that is not transitive,
// determined by its text. Forms come nearly sorted, which makes it fast.
func insertionSort(seats []seat, less func(a, b *seat) bool) {
	for i := 1; i < len(seats); i++ {
		for j := i; j > 0 && less(&seats[j], &seats[j-1]); j-- {
			seats[j], seats[j-1] = seats[j-1], seats[j]
		}
	}
}
