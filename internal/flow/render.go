package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"cardea/internal/identity/schema"
	"cardea/internal/ui"
)

// remember keeps a method's facts with the flow; nil forgets nothing.
func (f *Flow) remember(method string, facts any) error {
	if facts == nil {
		return nil
	}
	raw, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("keep the facts of %s: %w", method, err)
	}
	if f.Facts == nil {
		f.Facts = map[string]json.RawMessage{}
	}
	f.Facts[method] = raw
	return nil
}

// page renders the flow as it is now.
func (r *run) page(ctx context.Context) (*Page, error) {
	nodes, err := r.nodes(ctx)
	if err != nil {
		return nil, err
	}
	form := ui.Container{Action: r.action(r.flow), Method: "POST", Nodes: nodes, Messages: r.flow.Messages}
	if r.kind.name == Verification && r.flow.State == PassedChallenge {
		form = r.proven()
	}
	page := &Page{Flow: r.flow, Trial: r.flow.Trial(), ExchangeCode: r.flow.ExchangeCode, UI: r.catalogue.Locale().Localize(form)}
	if r.kind.name == Settings && r.Session != nil {
		page.Identity = r.Session.Identity
	}
	return page, nil
}

// action is where a flow's form is sent: to the flow, or to its successor.
func (r *run) action(f *Flow) string {
	id := f.ID
	if raw, ok := f.Facts[successorKey]; ok {
		_ = json.Unmarshal(raw, &id) // written by concludeSettings
	}
	return r.Public("self-service/"+string(f.Kind), url.Values{"flow": {id.String()}})
}

// nodes builds the form out of the steps' nodes, what was typed and what was
// wrong with it.
func (r *run) nodes(ctx context.Context) (ui.Nodes, error) {
	if err := r.enterRealm(ctx); err != nil {
		return nil, err
	}
	account, err := r.account(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.schemaFor(account)
	if err != nil {
		return nil, err
	}
	var nodes ui.Nodes
	if r.kind.traits && (r.flow.Organization == nil || r.flow.Stage() == Complete) {
		nodes = append(nodes, TraitNodes(s, ui.Default)...)
	}
	link := r.flow.Linking()
	for _, step := range r.arranged() {
		if !r.flow.shows(step) || link != nil && link.hides(step.Method) {
			continue
		}
		more, err := step.render(ctx, View{Setup: r.Setup, Flow: r.flow, Schema: s, Identity: account, Facts: r.flow.Facts[step.Method], Realm: r.realm, Recent: r.Session != nil && r.recent()})
		if err != nil {
			return nil, err
		}
		merge(&nodes, more)
	}
	if r.asksToRemember() && len(nodes) > 0 {
		nodes = append(nodes, r.rememberNode())
	}
	nodes = r.withToken(nodes)
	nodes = append(nodes, r.captchaNodes(nodes)...)
	for _, name := range sortedKeys(r.flow.Values) {
		if !nodes.SetValue(name, r.flow.Values[name]) && strings.HasPrefix(name, "traits.") {
			nodes = append(nodes, guessed(name, r.flow.Values[name], r.kind.traitGroup))
		}
	}
	for _, m := range r.flow.FieldMessages {
		nodes.AddMessage(m.Node, m.Message)
	}
	if r.kind.traits && (r.flow.Stage() == Credentials || r.flow.State != ChooseMethod) {
		hideTraits(nodes)
	}
	if r.flow.Stage() == Prove && r.flow.State == ChooseMethod && r.unsorted() {
		nodes = r.afterFirst(nodes, s)
	}
	if link != nil {
		link.arrange(nodes)
	}
	last := r.below(&nodes)
	if r.kind.order != nil && !r.unsorted() {
		ui.Sort(nodes, r.order(s))
	}
	return append(nodes, last...), nil
}

// unsorted says whether a form keeps the order in which its nodes were made: the
// contract does not sort the screen on which a code is asked for until something
// was wrong with it.
func (r *run) unsorted() bool {
	if r.flow.Stage() == Alone || r.flow.Trial() != nil {
		return true
	}
	return (r.flow.State == SentEmail || r.flow.Stage() == Prove) && !r.flow.Faulty()
}

// below takes the nodes of the stage Shown out of a form: they stand below
// everything else, in the order in which they were made.
func (r *run) below(nodes *ui.Nodes) ui.Nodes {
	stage := r.flow.stage()
	if stage.Stage != Shown {
		return nil
	}
	var groups []ui.Group
	for _, s := range r.steps[r.kind.name] {
		if slices.Contains(stage.Methods, s.Method) {
			groups = append(groups, s.Group)
		}
	}
	last := nodes.WithGroup(groups...)
	nodes.Remove(func(n ui.Node) bool { return slices.Contains(groups, n.Group) })
	return last
}

// arranged are the steps that are offered, those that only accompany the screen
// of a code behind it.
func (r *run) arranged() []*Step {
	steps := r.offered()
	if r.flow.State != SentEmail {
		return steps
	}
	beside := func(s *Step) bool { return s.Companion && s.Method != r.flow.Active }
	return slices.Concat(
		slices.DeleteFunc(slices.Clone(steps), beside),
		slices.DeleteFunc(slices.Clone(steps), func(s *Step) bool { return !beside(s) }),
	)
}

// Faulty says whether the form shows that something was wrong.
func (f *Flow) Faulty() bool { return len(f.FieldMessages) > 0 || hasErrors(f.Messages) }

// merge adds the nodes of a step to a form. Fields of the default group belong to
// all steps together: there is one of a name, and the last one says how it looks.
// A script is loaded once.
func merge(nodes *ui.Nodes, more ui.Nodes) {
	for _, n := range more {
		if n.Group == ui.Default || n.Type() == ui.TypeScript {
			nodes.Upsert(n)
		} else {
			*nodes = append(*nodes, n)
		}
	}
}

// withToken puts the anti-CSRF token where the step wants it, else in front. A
// native client sees it, empty, only where no step has given it a place, and a
// flow that an operator hands out has none.
func (r *run) withToken(nodes ui.Nodes) ui.Nodes {
	token := ""
	switch {
	case r.flow.untried():
		token = r.trialToken()
	case r.flow.Type == Browser:
		token = r.CSRF.Masked(r.rand)
	}
	placed := nodes.Find("csrf_token") != nil
	switch {
	case r.flow.handedOut(), placed && r.flow.Type == API:
		nodes.Remove(func(n ui.Node) bool { return n.ID() == "csrf_token" })
	case placed:
		nodes.SetValue("csrf_token", token)
	case len(nodes) > 0, r.flow.Type == Browser && !r.kind.bare:
		nodes = append(ui.Nodes{ui.CSRFToken(token)}, nodes...)
	}
	return nodes
}

// guessed is the input for a trait that the schema does not know: it shows what
// was sent, so that the message about it has a place.
func guessed(name string, value any, g ui.Group) ui.Node {
	kind := ui.InputText
	switch value.(type) {
	case json.Number, float64:
		kind = ui.InputNumber
	case bool:
		kind = ui.InputCheckbox
	}
	return ui.Input{Name: name, Type: kind, Value: value}.Node(g)
}

// afterFirst arranges the screen about one account: what was on the screen before
// it stays where it was, and what has come for the account follows.
func (r *run) afterFirst(nodes ui.Nodes, s *schema.Schema) ui.Nodes {
	var groups []ui.Group
	for _, step := range r.steps[r.kind.name] {
		if step.FirstScreen {
			groups = append(groups, step.Group)
		}
	}
	before := func(n ui.Node) bool {
		in, ok := n.Attributes.(ui.Input)
		button := ok && in.Type == ui.InputButton
		return n.Group == ui.Default || n.Type() == ui.TypeScript || slices.Contains(groups, n.Group) && !button
	}
	after := slices.DeleteFunc(slices.Clone(nodes), before)
	nodes.Remove(func(n ui.Node) bool { return !before(n) })
	ui.Sort(nodes, r.order(s))
	return append(nodes, after...)
}

// order is how the forms of the kind are sorted.
func (r *run) order(s *schema.Schema) ui.SortOrder {
	order := r.kind.order(s.KeyOrder())
	if r.Cardea.Federation.Order == "configured" {
		order.Kept = []ui.Group{ui.OIDC}
	}
	return order
}

func hasErrors(all []ui.Message) bool {
	return slices.ContainsFunc(all, func(m ui.Message) bool { return m.Type == ui.Error })
}

// IdentifierLabel is the title of the one trait people sign in with, or a word
// for any of several.
func (v View) IdentifierLabel() ui.Message {
	if title, name, ok := v.Schema.IdentifierLabel(); ok {
		return ui.New(ui.LabelTrait, "title", title, "name", name)
	}
	return ui.New(ui.LabelID)
}

// TraitNodes are the inputs of an identity schema's traits in document order. Hidden
// traits have none.
func TraitNodes(s *schema.Schema, g ui.Group) ui.Nodes {
	var nodes ui.Nodes
	for _, f := range s.Fields() {
		if f.Extension.Hidden {
			continue
		}
		nodes = append(nodes, ui.TraitField(ui.TraitSpec{
			Name: f.Name, JSONType: f.Type, Format: f.Format, Title: f.Title, Enum: f.Enum,
			Pattern: f.Pattern, Required: f.Required, Disabled: f.Disabled, Group: g,
		}))
	}
	return nodes
}

// Flatten gives the leaves of a tree by their dotted names below a prefix. A
// list is a leaf.
func Flatten(into map[string]any, prefix string, value any) {
	object, ok := value.(map[string]any)
	if !ok {
		into[prefix] = value
		return
	}
	for key, v := range object {
		Flatten(into, prefix+"."+key, v)
	}
}

// Fields gives the values of a form's fields: the leaves of a tree, and the items of
// a list by position (section 5.1 of the reference of first factors). A list of
// objects is a leaf, because forms have no fields for it.
func Fields(into map[string]any, prefix string, value any) {
	leaves := map[string]any{}
	Flatten(leaves, prefix, value)
	for name, leaf := range leaves {
		items, ok := leaf.([]any)
		if !ok || slices.ContainsFunc(items, structured) {
			into[name] = leaf
			continue
		}
		for i, item := range items {
			into[name+"."+strconv.Itoa(i)] = item
		}
	}
}

// structured says whether a value is an object or a list.
func structured(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// ShowTraits puts an account's traits into the fields of a form. Items of a list get
// fields of their own beside that of the list.
func ShowTraits(nodes *ui.Nodes, traits map[string]any, g ui.Group) {
	values := map[string]any{}
	Fields(values, "traits", traits)
	for _, name := range sortedKeys(values) {
		if nodes.SetValue(name, values[name]) {
			continue
		}
		list, position := name[:strings.LastIndexByte(name, '.')], name[strings.LastIndexByte(name, '.')+1:]
		if _, err := strconv.Atoi(position); err == nil && nodes.Find(list) != nil {
			*nodes = append(*nodes, guessed(name, values[name], g))
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
