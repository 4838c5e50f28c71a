package ui

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var traitNames = []string{"traits.email", "traits.name.first", "traits.age"}

// forms in the order clients see them
var arranged = []struct {
	name  string
	order SortOrder
	nodes Nodes
}{
	{
		"login: providers, identifier, passkey, code, password", LoginOrder(), Nodes{
			field(OIDC, "provider", "acme"), field(OIDC, "provider", "beta"),
			field(Default, "csrf_token", "t"), field(Default, "identifier", ""),
			Script{ID: "webauthn_script"}.Node(WebAuthn),
			field(Passkey, "passkey_login_trigger", ""), field(Passkey, "passkey_login", nil), field(Passkey, "passkey_challenge", "{}"),
			field(Code, "method", "code"),
			field(Password, "password", nil), field(Password, "method", "password"),
		},
	},
	{
		"login with a groupless method: unknown groups come first", LoginOrder(), Nodes{
			field(IdentifierFirst, "identifier", "a@b"), field(IdentifierFirst, "method", "identifier_first"),
			field(Default, "csrf_token", "t"),
		},
	},
	{
		"login, second factor with a key", LoginOrder(), Nodes{
			field(Default, "csrf_token", "t"), field(Default, "identifier", "a@b"),
			field(WebAuthn, "webauthn_login", ""), Script{ID: "webauthn_script"}.Node(WebAuthn),
			field(WebAuthn, "webauthn_login_trigger", "{}"),
		},
	},
	{
		"registration on one page: the password follows the first trait", RegistrationOrder(traitNames), Nodes{
			field(OIDC, "provider", "acme"),
			field(Default, "csrf_token", "t"), field(Default, "traits.email", nil), field(Password, "password", nil),
			field(Default, "traits.name.first", nil), field(Default, "traits.age", nil), field(Default, "nowhere", nil),
			field(Password, "method", "password"),
		},
	},
	{
		"registration with a group between: the password stays with its method", RegistrationOrder(traitNames), Nodes{
			field(Default, "csrf_token", "t"), field(Default, "traits.email", nil),
			field(Default, "traits.name.first", nil), field(Default, "traits.age", nil),
			field(Code, "method", "code"),
			field(Password, "password", nil), field(Password, "method", "password"),
			field(Profile, "screen", "previous"),
		},
	},
	{
		"registration after a wrong code", RegistrationOrder(traitNames), Nodes{
			field(Default, "csrf_token", "t"), field(Default, "traits.email", "a@b"),
			field(Code, "code", nil), field(Code, "resend", "code"), field(Code, "method", "code"),
		},
	},
	{
		"registration without traits", RegistrationOrder(nil), Nodes{
			field(Default, "csrf_token", "t"), field(Password, "password", nil), field(Password, "method", "password"),
		},
	},
	{
		"settings", SettingsOrder(traitNames), Nodes{
			field(Default, "traits", nil), field(Default, "csrf_token", "1"),
			field(Profile, "traits.email", nil), field(Profile, "traits.name.first", nil), field(Profile, "traits.age", nil),
			field(Profile, "method", "profile"),
			field(Password, "password", nil), field(Password, "method", "password"),
			field(OIDC, "unlink", "acme"), field(OIDC, "link", "beta"), field(OIDC, "unlink", "gamma"),
			field(LookupSecret, "lookup_secret_reveal", "true"), field(LookupSecret, "lookup_secret_disable", "true"),
			field(WebAuthn, "webauthn_remove", "k1"), field(WebAuthn, "webauthn_remove", "k2"),
			field(WebAuthn, "webauthn_register_displayname", ""), field(WebAuthn, "webauthn_register", ""),
			field(WebAuthn, "webauthn_register_trigger", "{}"), Script{ID: "webauthn_script"}.Node(WebAuthn),
			field(Passkey, "passkey_remove", "k3"), field(Passkey, "passkey_register_trigger", ""),
			field(Passkey, "passkey_settings_register", nil), field(Passkey, "passkey_create_data", "{}"),
			Image{ID: "totp_qr"}.Node(TOTP), Text{ID: "totp_secret_key"}.Node(TOTP), field(TOTP, "totp_code", nil),
			field(TOTP, "method", "totp"),
		},
	},
}

func TestFormsAreArrangedWhateverTheOrderTheyWereBuiltIn(t *testing.T) {
	for _, tt := range arranged {
		t.Run(tt.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				got := slices.Clone(tt.nodes)
				random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
				Sort(got, tt.order)
				if diff := cmp.Diff(tt.nodes, got); diff != "" {
					t.Fatalf("want %v\ngot  %v", outline(tt.nodes), outline(got))
				}
			}
		})
	}
}

func TestASortedFormStaysAsItIs(t *testing.T) {
	for _, tt := range arranged {
		got := slices.Clone(tt.nodes)
		Sort(got, tt.order)
		if diff := cmp.Diff(outline(tt.nodes), outline(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// nodesOf draws forms of some groups with few names, so that many nodes tie.
func nodesOf(groups ...Group) *rapid.Generator[Nodes] {
	names := rapid.SampledFrom([]string{"csrf_token", "identifier", "password", "passwordless", "method", "x", "y"})
	node := rapid.Custom(func(t *rapid.T) Node {
		value := rapid.SampledFrom([]any{nil, "", "a", "b", 1, true}).Draw(t, "value")
		return field(rapid.SampledFrom(groups).Draw(t, "group"), names.Draw(t, "name"), value)
	})
	return rapid.Custom(func(t *rapid.T) Nodes { return Nodes(rapid.SliceOfN(node, 0, 40).Draw(t, "nodes")) })
}

// numbered marks every node with its place, so that ties can be told apart.
func numbered(ns Nodes) Nodes {
	for i := range ns {
		ns[i].Messages = []Message{{ID: MessageID(i)}}
	}
	return ns
}

func place(n Node) int { return int(n.Messages[0].ID) }

func TestSortingIsStable(t *testing.T) {
	order := LoginOrder()
	rapid.Check(t, func(t *rapid.T) {
		ns := numbered(nodesOf(OIDC, Code, Profile, Link).Draw(t, "nodes"))
		before := slices.Clone(ns)
		Sort(ns, order)
		for i := 1; i < len(ns); i++ {
			a, b := ns[i-1], ns[i]
			tie := slices.Index(order.Groups, a.Group) == slices.Index(order.Groups, b.Group) &&
				a.Group == b.Group && a.ID() == b.ID() && a.Value() == b.Value()
			if tie && place(a) > place(b) {
				t.Fatalf("equal nodes changed places: %v", outline(ns))
			}
		}
		slices.SortFunc(ns, func(a, b Node) int { return place(a) - place(b) })
		if diff := cmp.Diff(before, ns); diff != "" {
			t.Fatalf("nodes were lost or changed (-want +got):\n%s", diff)
		}
	})
}

func TestGroupsAndKeysAreInOrder(t *testing.T) {
	order := LoginOrder()
	rapid.Check(t, func(t *rapid.T) {
		ns := nodesOf(OIDC, Default, Code, Profile).Draw(t, "nodes")
		Sort(ns, order)
		for i := 1; i < len(ns); i++ {
			a, b := ns[i-1], ns[i]
			if slices.Index(order.Groups, a.Group) > slices.Index(order.Groups, b.Group) {
				t.Fatalf("groups are out of order: %v", outline(ns))
			}
			if a.Group == b.Group && order.keyPosition(a.ID()) > order.keyPosition(b.ID()) {
				t.Fatalf("keys are out of order: %v", outline(ns))
			}
		}
	})
}

func TestSortingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := nodesOf(OIDC, Default, Code, Profile).Draw(t, "nodes")
		Sort(ns, LoginOrder())
		again := slices.Clone(ns)
		Sort(again, LoginOrder())
		if diff := cmp.Diff(ns, again); diff != "" {
			t.Fatalf("(-once +twice):\n%s", diff)
		}
	})
}

func TestTheOrderDoesNotDependOnTheSizeOfTheForm(t *testing.T) {
	for _, size := range []int{1, 10, 30, 60} {
		var traits []string
		var ns Nodes
		for i := range size {
			traits = append(traits, "traits."+string(rune('A'+i)))
			ns = append(ns, field(Default, traits[i], nil))
		}
		want := append(outline(ns), "passkey passkey_register", "password password", "password method")
		ns = append(ns, field(Password, "method", "password"), field(Password, "password", nil), field(Passkey, "passkey_register", ""))
		Sort(ns, RegistrationOrder(traits))
		if diff := cmp.Diff(want, outline(ns)); diff != "" {
			t.Errorf("%d traits (-want +got):\n%s", size, diff)
		}
	}
}
