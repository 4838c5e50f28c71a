package lookup

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/secret"
	"cardea/internal/ui"
)

const (
	howMany = 12 // codes in a list
	length  = 8  // characters of a code
)

// pendingLabel is the use for which the new codes of a flow are sealed.
const pendingLabel secret.Label = "pending backup codes"

type settingsInput struct {
	Reveal     bool `json:"lookup_secret_reveal"`
	Regenerate bool `json:"lookup_secret_regenerate"`
	Confirm    bool `json:"lookup_secret_confirm"`
	Disable    bool `json:"lookup_secret_disable"`
}

// facts are what a settings flow remembers: codes that wait to be confirmed.
type facts struct {
	Pending string `json:"pending,omitempty"` // sealed; separated by spaces
}

func settings() *flow.Step {
	return flow.Of(flow.Typed[settingsInput]{
		Spec: flow.Spec{
			Kind: flow.Settings, Method: method, Group: ui.LookupSecret,
			Needs:   flow.NeedFreshSession,
			Answers: answers,
			Enabled: enabled,
		},
		Render: renderSettings,
		Submit: submitSettings,
	})
}

// answers says whether a submission asks for one of the actions: the method's name
// alone asks for nothing.
func answers(_ *flow.Flow, field func(string) string) bool {
	return slices.ContainsFunc([]string{"reveal", "regenerate", "confirm", "disable"}, func(action string) bool {
		asked := field("lookup_secret_" + action)
		return asked != "" && asked != "false"
	})
}

func renderSettings(_ context.Context, v flow.View) (ui.Nodes, error) {
	if v.Identity == nil {
		return nil, nil
	}
	shown := v.Recent && v.Flow.Reveals(method)
	stored := v.Identity.Credentials[identity.LookupSecret].Usable()
	fresh := pending(v.Vault(), v.Identity, v.Facts)
	switch {
	case shown && fresh != nil:
		return ui.Nodes{list(fresh), button("confirm", ui.SettingsConfirmBackupCodes)}, nil
	case shown && stored:
		return ui.Nodes{
			list(v.Identity.LookupCodes(v.Vault())),
			button("disable", ui.SettingsDisableBackupCodes),
			button("regenerate", ui.SettingsRegenerateBackupCodes),
		}, nil
	case stored:
		return ui.Nodes{button("reveal", ui.SettingsRevealBackupCodes), button("disable", ui.SettingsDisableBackupCodes)}, nil
	}
	return ui.Nodes{button("regenerate", ui.SettingsRegenerateBackupCodes)}, nil
}

func button(action string, label ui.MessageID) ui.Node {
	return ui.Submit(ui.LookupSecret, "lookup_secret_"+action, "true", ui.New(label))
}

// list shows codes; of used ones only when that was.
func list(codes []identity.LookupCode) ui.Node {
	each := make([]ui.Message, len(codes))
	for n, c := range codes {
		each[n] = ui.New(ui.SettingsBackupCode, "secret", c.Code)
		if c.UsedAt != nil {
			each[n] = ui.New(ui.SettingsBackupCodeUsed, ui.Moment("used_at", *c.UsedAt)...)
		}
	}
	return ui.Text{Text: ui.New(ui.SettingsBackupCodes, "secrets", each), ID: "lookup_secret_codes"}.Node(ui.LookupSecret).
		Labelled(ui.New(ui.SettingsBackupCodesLabel))
}

// pending opens the codes that wait in a flow, nil when there are none.
func pending(v identity.Vault, i *identity.Identity, raw json.RawMessage) []identity.LookupCode {
	var f facts
	if json.Unmarshal(raw, &f) != nil || f.Pending == "" {
		return nil
	}
	text, ok := v.Open(pendingLabel, i.ID, f.Pending)
	if !ok {
		return nil
	}
	var codes []identity.LookupCode
	for code := range strings.FieldsSeq(text) {
		codes = append(codes, identity.LookupCode{Code: code})
	}
	return codes
}

// submitSettings carries out what was asked for. Of several actions the first one of
// this order counts.
func submitSettings(_ context.Context, x *flow.Exec, in settingsInput) (flow.Result, error) {
	switch {
	case in.Confirm:
		return confirm(x)
	case in.Reveal:
		if !x.Identity.Credentials[identity.LookupSecret].Usable() {
			return nil, problem.BadRequest("There are no backup codes to show.")
		}
		return show(facts{}), nil
	case in.Disable:
		vault := x.Vault()
		return flow.Changed{
			Apply: func(i *identity.Identity) error { return i.SetLookupCodes(vault, nil) },
			Facts: facts{},
		}, nil
	}
	return regenerate(x)
}

// regenerate makes codes and shows them. They count once they are confirmed; until
// then the codes before them do.
func regenerate(x *flow.Exec) (flow.Result, error) {
	codes := make([]string, howMany)
	for n := range codes {
		codes[n] = draw(x)
	}
	sealed, err := x.Vault().Seal(pendingLabel, x.Identity.ID, strings.Join(codes, " "))
	if err != nil {
		return nil, err
	}
	return show(facts{Pending: sealed}), nil
}

// draw makes a code of lower-case letters and digits. Dropping the capitals, instead
// of folding them, leaves every character as likely as any other.
func draw(x *flow.Exec) string {
	code := ""
	for len(code) < length {
		code += strings.Map(func(r rune) rune {
			if unicode.IsUpper(r) {
				return -1
			}
			return r
		}, x.Secret(length))
	}
	return code[:length]
}

// show is the screen with codes.
func show(f facts) flow.Result {
	none := ""
	return flow.Await{Screen: true, Stage: flow.Shown, Methods: []string{method}, Facts: f, Active: &none}
}

// confirm stores the codes that somebody has seen in place of those before.
func confirm(x *flow.Exec) (flow.Result, error) {
	vault := x.Vault()
	codes := pending(vault, x.Identity, x.Flow.Facts[method])
	if codes == nil {
		return nil, problem.BadRequest("There are no new backup codes to confirm. Make some first.")
	}
	proof := evidence()
	return flow.Changed{
		Apply:    func(i *identity.Identity) error { return i.SetLookupCodes(vault, codes) },
		Evidence: &proof,
		Facts:    facts{},
	}, nil
}
