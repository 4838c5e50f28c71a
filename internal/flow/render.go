package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"sort"
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
	s, err := r.Schema(r.flow.SchemaID)
	if err != nil {
		return nil, err
	}
	nodes, err := r.nodes(ctx, s)
	if err != nil {
		return nil, err
	}
	page := &Page{Flow: r.flow, ExchangeCode: r.flow.ExchangeCode, UI: r.catalogue.Locale().Localize(ui.Container{
		Action:   r.action(r.flow),
		Method:   "POST",
		Nodes:    nodes,
		Messages: r.flow.Messages,
	})}
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
func (r *run) nodes(ctx context.Context, s *schema.Schema) (ui.Nodes, error) {
	var nodes ui.Nodes
	if r.kind.traits && r.flow.Organization == nil {
		nodes = append(nodes, TraitNodes(s, ui.Default)...)
	}
	account, err := r.account(ctx)
	if err != nil {
		return nil, err
	}
	for _, step := range r.offered() {
		if !r.flow.shows(step) {
			continue
		}
		more, err := step.render(ctx, View{Setup: r.Setup, Flow: r.flow, Schema: s, Identity: account, Facts: r.flow.Facts[step.Method]})
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, more...)
	}
	switch {
	case r.flow.Type == Browser && (len(nodes) > 0 || !r.kind.bare):
		nodes = append(ui.Nodes{ui.CSRFToken(r.CSRF.Masked(r.rand))}, nodes...)
	case len(nodes) > 0:
		nodes = append(ui.Nodes{ui.CSRFToken("")}, nodes...)
	}
	for _, name := range sortedKeys(r.flow.Values) {
		if !nodes.SetValue(name, r.flow.Values[name]) && strings.HasPrefix(name, "traits.") {
			nodes = append(nodes, guessed(name, r.flow.Values[name], r.kind.traitGroup))
		}
	}
	for _, m := range r.flow.FieldMessages {
		nodes.AddMessage(m.Node, m.Message)
	}
	if r.kind.traits && (r.flow.Stage() == Credentials || r.flow.State == SentEmail) {
		hideTraits(nodes)
	}
	if r.flow.Stage() == Prove && r.unsorted() {
		nodes = slices.Concat(nodes.WithGroup(ui.IdentifierFirst), nodes.WithGroup(ui.Default), rest(nodes))
	}
	if r.kind.order != nil && !r.unsorted() {
		ui.Sort(nodes, r.kind.order(s.KeyOrder()))
	}
	return nodes, nil
}

// unsorted says whether a form keeps the order in which its nodes were made: the
// contract does not sort the screen on which a code is asked for until something
// was wrong with it.
func (r *run) unsorted() bool {
	return (r.flow.State == SentEmail || r.flow.Stage() == Prove) && len(r.flow.FieldMessages) == 0 && !hasErrors(r.flow.Messages)
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

// rest are the nodes that belong to methods.
func rest(nodes ui.Nodes) ui.Nodes {
	return slices.DeleteFunc(slices.Clone(nodes), func(n ui.Node) bool { return n.Group == ui.IdentifierFirst || n.Group == ui.Default })
}

func hasErrors(all []ui.Message) bool {
	return slices.ContainsFunc(all, func(m ui.Message) bool { return m.Type == ui.Error })
}

// TraitNodes are the inputs of an identity schema's traits in document order.
func TraitNodes(s *schema.Schema, g ui.Group) ui.Nodes {
	var nodes ui.Nodes
	for _, f := range s.Fields() {
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

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
