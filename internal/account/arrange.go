package account

import (
	"slices"
	"strings"

	"cardea/internal/ui"
)

// A form has places. In the first stand the default group, the password and the
// group that leads; alternatives follow below a divider.

// leaders are the groups that can lead, the most wanted first; groups that are
// not listed come last. Profile stands behind the ways to sign in, because beside
// them it holds the way back to the step before.
var leaders = []ui.Group{
	ui.Password, ui.IdentifierFirst, ui.TOTP, ui.Code, ui.Link, ui.LookupSecret, ui.Profile,
	ui.Passkey, ui.WebAuthn, ui.DeviceAuthn, ui.OIDC, ui.SAML,
}

// section is the nodes that are sent together.
type section struct {
	group  ui.Group
	nodes  ui.Nodes
	riders ui.Nodes // buttons of other groups that send the same fields
}

// join makes one section of everything: all ways to sign up send the same fields.
func join(nodes ui.Nodes) []section {
	nodes = drawable(nodes)
	first := section{group: leader(nodes)}
	for _, n := range nodes {
		switch n.Group {
		case ui.Default, ui.Password, ui.Captcha, first.group:
			first.nodes = append(first.nodes, n)
		default:
			first.riders = append(first.riders, n)
		}
	}
	if !slices.ContainsFunc(slices.Concat(first.nodes, first.riders), visible) {
		return nil
	}
	return []section{first}
}

// arrange makes one section of the default and the leading group, and one of
// every other group that has fields of its own. Groups that are buttons alone ride
// with the first section: they may need its fields, as a code does the identifier.
func arrange(nodes ui.Nodes) []section {
	nodes = drawable(nodes)
	first := section{group: leader(nodes)}
	var others []section
	var unseen ui.Nodes
	for _, g := range groups(nodes) {
		if g == first.group || g == ui.Default || g == ui.Password || g == ui.Captcha {
			continue
		}
		own := nodes.WithGroup(g)
		switch {
		case !slices.ContainsFunc(own, visible):
			unseen = append(unseen, own...) // such as the identifier that was asked for before
		case slices.ContainsFunc(own, isField):
			others = append(others, section{group: g, nodes: append(shared(nodes), own...)})
		default:
			first.riders = append(first.riders, own...)
		}
	}
	first.nodes = append(nodes.WithGroup(ui.Default, ui.Password, ui.Captcha, first.group), unseen...)
	if !slices.ContainsFunc(first.nodes, visible) {
		return others
	}
	return append([]section{first}, others...)
}

// split makes a section of every group: things that are changed one at a time.
func split(nodes ui.Nodes) []section {
	nodes = drawable(nodes)
	var all []section
	for _, g := range groups(nodes) {
		own := nodes.WithGroup(g)
		if !slices.ContainsFunc(own, visible) {
			continue
		}
		if g != ui.Default {
			own = append(shared(nodes), own...)
		}
		all = append(all, section{group: g, nodes: own})
	}
	return all
}

// leader is the group whose button is the page's primary one, where there is no
// button the group with something to see.
func leader(nodes ui.Nodes) ui.Group {
	for _, leads := range []func(ui.Node) bool{isButton, visible} {
		var best ui.Group
		for _, n := range nodes {
			if n.Group != ui.Default && leads(n) && (best == "" || rank(n.Group) < rank(best)) {
				best = n.Group
			}
		}
		if best != "" {
			return best
		}
	}
	return ui.Default
}

func rank(g ui.Group) int {
	if i := slices.Index(leaders, g); i >= 0 {
		return i
	}
	return len(leaders)
}

// groups are the groups of the nodes in the order in which they first appear.
func groups(nodes ui.Nodes) []ui.Group {
	var all []ui.Group
	for _, n := range nodes {
		if !slices.Contains(all, n.Group) {
			all = append(all, n.Group)
		}
	}
	return all
}

// shared are the inputs that every form has to send: the anti-CSRF token above all, and
// the answer at the barrier against robots.
func shared(nodes ui.Nodes) ui.Nodes {
	hidden := nodes.WithGroup(ui.Default, ui.Captcha)
	hidden.Remove(visible)
	return hidden
}

// drawable leaves out what a page cannot offer: buttons that need a script of
// somebody else, and types of nodes that are newer than this page.
func drawable(nodes ui.Nodes) ui.Nodes {
	var out ui.Nodes
	for _, n := range nodes {
		switch a := n.Attributes.(type) {
		case ui.Input:
			n = mendable(n, a)
			if scripted(a.OnClickTrigger) || a.OnClickTrigger == "" && a.OnClick == "" && a.Type != ui.InputButton {
				out = append(out, n)
			}
		case ui.Image, ui.Anchor, ui.Text:
			out = append(out, n)
		}
	}
	return out
}

// mendable shows a trait that only travels along when something is wrong with it.
func mendable(n ui.Node, a ui.Input) ui.Node {
	if a.Type != ui.InputHidden || len(n.Messages) == 0 || !strings.HasPrefix(a.Name, "traits.") {
		return n
	}
	switch a.Type = ui.InputType(a.Autocomplete); a.Type {
	case ui.InputEmail, ui.InputTel, ui.InputURL:
	default:
		a.Type = ui.InputText
	}
	n.Attributes = a
	return n
}

func inputType(n ui.Node) ui.InputType {
	if in, ok := n.Attributes.(ui.Input); ok {
		return in.Type
	}
	return ""
}

func isButton(n ui.Node) bool { return inputType(n) == ui.InputSubmit || isTrigger(n) }

// isTrigger says whether a node is a button that the script carries out.
func isTrigger(n ui.Node) bool {
	in, ok := n.Attributes.(ui.Input)
	return ok && scripted(in.OnClickTrigger)
}
func visible(n ui.Node) bool { return inputType(n) != ui.InputHidden }

// isField says whether a node can be typed into.
func isField(n ui.Node) bool {
	_, input := n.Attributes.(ui.Input)
	return input && !isButton(n) && visible(n)
}
