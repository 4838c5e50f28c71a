package flow_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
	"cardea/internal/store"
)

// listed are four hooks, one of each sort, that tell by their path who they are.
func listed(name string) string {
	return fmt.Sprintf("hooks: [%s, %s, %s, %s]", hookTo("/"+name+"/reports", ""), hookTo("/"+name+"/refuses", ", can_interrupt: true"),
		hookTo("/"+name+"/unheard", ", response: {ignore: true}"), hookTo("/"+name+"/changes", ", response: {parse: true}"))
}

// placed are the hooks of a kind's lists: those of the start, those of all methods,
// and what stands under the method.
func placed(k flow.Kind, all, method, own string) string {
	after := all
	if own != "" {
		after = strings.TrimPrefix(all+", "+method+": {"+own+"}", ", ") // one of the two may be all there is
	}
	return fmt.Sprintf("selfservice: {methods: {code: {enabled: true}}, flows: {%s: {%sbefore: {%s}, after: {%s}}}}", k, enabled(k), listed("start"), after)
}

// order is that in which hooks of a kind are called: each is a list and the end of
// a path.
func order(start, gates, reports string, k flow.Kind) (paths []string) {
	begins := []string{"/" + start + "/reports", "/" + start + "/refuses", "/" + start + "/changes"}
	paths = slices.Clone(begins)
	switch k {
	case flow.Registration, flow.Settings:
		paths = append(paths, "/"+gates+"/refuses", "/"+gates+"/changes", "stored", "/"+reports+"/reports")
	default:
		called := []string{"/" + reports + "/reports"}
		if gates == reports {
			called = append(called, "/"+gates+"/refuses", "/"+gates+"/changes")
		}
		if k == flow.Verification { // the address is proved, whatever they say
			return slices.Concat(paths, []string{"stored"}, called)
		}
		return slices.Concat(paths, called, []string{"stored"})
	}
	if k == flow.Settings { // the form that is shown now is a new one
		paths = append(paths, begins...)
	}
	return paths
}

// subject prepares what a kind's success needs, and has the stub succeed.
func (h *house) subject(k flow.Kind, g *guest) uuid.UUID {
	i := newcomer(h).Identity
	at := h.clock.Now()
	i.VerifiableAddresses = []identity.VerifiableAddress{{ID: uuid.New(), Value: "new@cardea.test", Via: identity.Email, Status: identity.AddressPending, CreatedAt: at, UpdatedAt: at}}
	i.RecoveryAddresses = []identity.RecoveryAddress{{ID: uuid.New(), Value: "new@cardea.test", Via: identity.Email, CreatedAt: at, UpdatedAt: at}}
	if k != flow.Registration {
		if err := h.rows.CreateIdentity(h.Context(), i); err != nil {
			h.Fatal(err)
		}
	}
	if k == flow.Settings {
		g.as(h.loaded(h.session(i, session.AAL1)))
	}
	proof := session.Method{Method: "password", AAL: session.AAL1}
	h.submit = func(context.Context, *flow.Exec, stubInput) (flow.Result, error) {
		return map[flow.Kind]flow.Result{
			flow.Login:        flow.Proved{Identity: i, Method: proof},
			flow.Registration: flow.NewIdentity{Identity: i, Method: proof},
			flow.Settings:     flow.Changed{Apply: func(i *identity.Identity) error { i.MetadataPublic = []byte(`{"changed":true}`); return nil }},
			flow.Recovery:     flow.Recovered{Identity: i.ID, Method: proof},
			flow.Verification: flow.AddressProved{Address: identity.Address{Value: "new@cardea.test", Via: identity.Email}},
		}[k], nil
	}
	return i.ID
}

// storedBy says whether the row is written that a kind's success writes.
func (h *house) storedBy(k flow.Kind, id uuid.UUID) bool {
	i, err := h.rows.Identity(h.Context(), id)
	switch k {
	case flow.Registration:
		return err == nil
	case flow.Settings:
		return string(i.MetadataPublic) != ""
	case flow.Verification:
		return i.VerifiableAddresses[0].Verified
	}
	all, err := h.rows.Sessions(h.Context(), store.SessionFilter{IdentityID: id, Limit: 1})
	return err == nil && len(all) > 0
}

// observe notes the calls of hooks in their order and when the journey's success was
// stored, and checks what each hook is told.
func (h *house) observe(k flow.Kind, g *guest) (id uuid.UUID, calls func() []string) {
	id = h.subject(k, g)
	var paths []string
	stored := false
	look := func() {
		if !stored && h.storedBy(k, id) {
			stored, paths = true, append(paths, "stored")
		}
	}
	h.told = func(path string, about flow.HookCall) {
		if start := strings.HasPrefix(path, "/start/"); start != about.Before {
			h.Errorf("%s is told that it is at the start: %v", path, about.Before)
		}
		h.checkTold(k, id, path, about)
	}
	h.hook = func(path string, about flow.HookCall) (*flow.HookAnswer, error) {
		look()
		paths = append(paths, path)
		h.told(path, about)
		return &flow.HookAnswer{}, nil
	}
	return id, func() []string { look(); return paths }
}

// checkTold checks that what a hook is told of is what there is, with its ids.
func (h *house) checkTold(k flow.Kind, id uuid.UUID, path string, about flow.HookCall) {
	if about.Page.Flow.ID == uuid.Nil || about.Page.Flow.Kind != k {
		h.Errorf("%s is told of the flow %+v", path, about.Page.Flow)
	}
	if who := about.Identity; (who == nil) != about.Before {
		h.Errorf("%s is told of %+v", path, who)
	} else if who != nil && (who.ID != id || who.CreatedAt.IsZero() || who.VerifiableAddresses[0].ID == uuid.Nil || who.RecoveryAddresses[0].ID == uuid.Nil) {
		h.Errorf("%s is told of somebody without ids: %+v", path, who)
	}
	tells := k == flow.Settings || k == flow.Login && !about.Before
	if s := about.Session; (s != nil) != tells {
		h.Errorf("%s is told of the session %+v", path, s)
	} else if s != nil && s.IdentityID != id {
		h.Errorf("%s is told of the session of somebody else", path)
	}
}

// unheard are the hooks whose calls wait, by their paths.
func (h *house) unheard() (paths []string) {
	all, err := h.rows.Errands(h.Context(), store.ErrandFilter{Limit: 10})
	if err != nil {
		h.Fatal(err)
	}
	for _, e := range all {
		paths = append(paths, e.Target)
	}
	slices.Sort(paths)
	return paths
}

// hooksOf is a configuration of hooks, and what comes of it: the names of the lists
// that decide before something is stored, and that are told afterwards.
type hooksOf struct{ name, all, own, gates, reports string }

func listsOf(method string) []hooksOf {
	lists := []hooksOf{{"of all methods", listed("all"), "", "all", "all"}}
	if method == "" {
		return lists
	}
	return append(lists,
		hooksOf{"of the method", "", listed("own"), "own", "own"},
		hooksOf{"of both", listed("all"), listed("own"), "own", "own"},
		hooksOf{"of both, and the method's own only reports", listed("all"), "hooks: [" + hookTo("/own/reports", "") + "]", "all", "own"},
	)
}

// TestEveryHookIsCalledInItsPlace goes through all lists of web hooks that there are
// (reference of methods, sections 11.1 to 11.3).
func TestEveryHookIsCalledInItsPlace(t *testing.T) {
	methods := map[flow.Kind][]string{
		flow.Login:        {"password", "webauthn", "passkey", "oidc", "code", "totp", "lookup_secret"},
		flow.Registration: {"password", "webauthn", "passkey", "oidc", "code"},
		flow.Settings:     {"profile", "password", "totp", "oidc", "webauthn", "passkey", "lookup_secret"},
		flow.Recovery:     {""}, flow.Verification: {""},
	}
	for k, names := range methods {
		for n, method := range names {
			for _, c := range listsOf(method) {
				for _, client := range clients {
					if n > 0 && (client != script || c.name != "of the method") { // one method shows what is the same for all
						continue
					}
					t.Run(strings.Join([]string{string(k), method, client, c.name}, " "), func(t *testing.T) {
						h := newHouse(t, placed(k, c.all, method, c.own), func(s *flow.Spec) { s.Method = cmp.Or(method, s.Method) })
						g := h.guest(client)
						id, calls := h.observe(k, g)
						f := g.begin(k, "")
						if a := g.post(k, f, map[string]any{"method": cmp.Or(method, "stub")}); a.Status >= 400 && a.Status != 422 {
							t.Fatalf("answered %s", said(a))
						}
						if got, want := calls(), order("start", c.gates, c.reports, k); !slices.Equal(got, want) {
							t.Errorf("of %s came\n%v, want\n%v", id, got, want)
						}
						want := []string{"/start/unheard"}
						if k == flow.Settings {
							want = append(want, "/start/unheard")
						}
						if c.own == "" || c.gates == "own" {
							want = append([]string{"/" + c.reports + "/unheard"}, want...)
						}
						if got := h.unheard(); !slices.Equal(got, want) {
							t.Errorf("unheard are %v, want %v", got, want)
						}
					})
				}
			}
		}
	}
}
