package account

import (
	"encoding/json"
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

// recognize fills in who is signed in where a form that confirms just that asks for it
// nevertheless, as the contract has it where codes can be sent. Whoever has several
// identifiers chooses for themselves.
func (p *Pages) recognize(r *http.Request, set *flow.Setup, f *flow.Flow, nodes ui.Nodes) {
	at := nodes.Find("identifier")
	if f.Kind != flow.Login || !f.Refresh || at == nil {
		return
	}
	asked, ok := at.Attributes.(ui.Input)
	if !ok || asked.Type == ui.InputHidden {
		return
	}
	s, err := p.journeys.Session(r)
	if err != nil || s == nil || s.Identity == nil {
		return // the form can do without
	}
	who := identifiersOf(set, s.Identity)
	if typed, _ := asked.Value.(string); len(who) != 1 || typed != "" && typed != who[0] {
		return
	}
	asked.Type, asked.Value = ui.InputHidden, who[0]
	at.Attributes = asked
}

// identifiersOf are the values that a person can type to sign in by password or code.
func identifiersOf(set *flow.Setup, i *identity.Identity) []string {
	s, err := set.Schema(i.SchemaID)
	if err != nil {
		return nil
	}
	var traits any
	if json.Unmarshal(i.Traits, &traits) != nil {
		return nil
	}
	var all []string
	for _, f := range s.Fields() {
		if text := traitText(below(traits, f.Path)); text != "" && (f.Extension.Password || f.Extension.Code) {
			all = append(all, text)
		}
	}
	return all
}

// below finds a trait by the path of its field, whose first part is "traits" itself.
func below(traits any, path []string) any {
	for _, key := range path[1:] {
		object, _ := traits.(map[string]any)
		traits = object[key]
	}
	return traits
}
