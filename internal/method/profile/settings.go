package profile

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/ui"
)

// settings changes the traits of an account. What is submitted replaces all of
// them.
func settings() *flow.Step {
	return flow.Of(flow.Typed[struct{}]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: "profile", Group: ui.Profile,
			Needs:       flow.NeedSession,
			Traits:      true,
			ParksAlways: true,
			Enabled:     func(s *flow.Setup) bool { return s.SelfService.Methods.Profile.Enabled },
		},
		Render: renderSettings,
		Submit: submitSettings,
	})
}

func renderSettings(_ context.Context, v flow.View) (ui.Nodes, error) {
	nodes := flow.TraitNodes(v.Schema, ui.Profile)
	if _, sent := v.Flow.Values[flow.TraitsSent]; v.Identity != nil && !sent {
		var traits map[string]any
		if err := json.Unmarshal(v.Identity.Traits, &traits); err != nil {
			return nil, err
		}
		flow.ShowTraits(&nodes, traits, ui.Profile)
	}
	return append(nodes, ui.Submit(ui.Profile, "method", "profile", ui.New(ui.LabelSave))), nil
}

// submitSettings stores the traits and what follows from them. A change of how
// somebody signs in or is reached needs a recent sign-in.
func submitSettings(_ context.Context, x *flow.Exec, _ struct{}) (flow.Result, error) {
	if identity.TouchesSignIn(x.Identity, *x.Derived) && !x.Recent {
		return flow.Stale{}, nil
	}
	derived, schema, now := x.Derived, x.Schema, x.Now
	return flow.Changed{Apply: func(i *identity.Identity) error {
		current, violations, err := schema.Regard(derived, i.Traits)
		if err != nil {
			return err
		}
		if len(violations) > 0 {
			return problem.Conflict("Somebody else has changed this account at the same time. Please try again.")
		}
		identity.Apply(i, *current, now, uuid.New)
		return nil
	}}, nil
}
