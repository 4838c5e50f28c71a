package courier

import (
	"fmt"
	"text/template/parse"
)

// check makes sure that every field and every template that an entry refers to
// exists. It follows the message's data as far as that is certain: inside of
// {{range}} and {{with}} the dot is something else, and the fields of an identity
// depend on its schema. Certain says that the entry builds on nothing of that kind,
// so that it works with every message or with none.
func (c compiler) check(entry string, trees map[string]*parse.Tree) (certain bool, err error) {
	w := &walk{fields: c.fields, trees: trees, seen: map[visit]bool{}, certain: true}
	err = w.template(visit{entry, true})
	return w.certain, err
}

// visit is a template executed with the message's data or with something else.
type visit struct {
	name string
	root bool
}

type walk struct {
	fields  map[string]shape
	trees   map[string]*parse.Tree
	seen    map[visit]bool
	certain bool
}

// scope says what the dot and the dollar are at a place of a template.
type scope struct {
	tree        *parse.Tree
	dot, dollar bool // the message's data
}

func (w *walk) template(v visit) error {
	tree := w.trees[v.name]
	if w.seen[v] || tree == nil {
		return nil
	}
	w.seen[v] = true
	return w.node(scope{tree: tree, dot: v.root, dollar: v.root}, tree.Root)
}

func (w *walk) node(s scope, n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		return w.list(s, n)
	case *parse.ActionNode:
		return w.pipe(s, n.Pipe)
	case *parse.IfNode:
		return w.branch(s, s, &n.BranchNode)
	case *parse.RangeNode:
		return w.branch(s, scope{tree: s.tree, dollar: s.dollar}, &n.BranchNode)
	case *parse.WithNode:
		return w.branch(s, scope{tree: s.tree, dollar: s.dollar}, &n.BranchNode)
	case *parse.TemplateNode:
		if w.trees[n.Name] == nil {
			return s.missing(n, fmt.Sprintf("there is no template %q", n.Name))
		}
		if s.passesOn(n.Pipe) {
			return w.template(visit{n.Name, true})
		}
		if err := w.pipe(s, n.Pipe); err != nil {
			return err
		}
		return w.template(visit{n.Name, false})
	case *parse.PipeNode:
		return w.pipe(s, n)
	case *parse.ChainNode:
		return w.node(s, n.Node)
	case *parse.DotNode:
		w.certain = w.certain && !s.dot
	case *parse.FieldNode:
		if s.dot {
			return w.field(s, n, n.Ident)
		}
	case *parse.VariableNode:
		switch {
		case !s.dollar || n.Ident[0] != "$":
		case len(n.Ident) == 1:
			w.certain = false
		default:
			return w.field(s, n, n.Ident[1:])
		}
	}
	return nil
}

// field checks a chain of names that begins at the message's data.
func (w *walk) field(s scope, n parse.Node, names []string) error {
	shape, ok := w.fields[names[0]]
	plain := shape == asText || shape == asNumber
	switch {
	case !ok:
		return s.missing(n, "this message has no field ."+names[0])
	case plain && len(names) > 1:
		return s.missing(n, "the field ."+names[0]+" of this message has no fields of its own")
	}
	w.certain = w.certain && plain
	return nil
}

func (w *walk) list(s scope, n *parse.ListNode) error {
	if n == nil {
		return nil
	}
	for _, child := range n.Nodes {
		if err := w.node(s, child); err != nil {
			return err
		}
	}
	return nil
}

// branch checks a control structure whose body has a scope of its own.
func (w *walk) branch(outside, inside scope, n *parse.BranchNode) error {
	if err := w.pipe(outside, n.Pipe); err != nil {
		return err
	}
	if err := w.list(inside, n.List); err != nil {
		return err
	}
	return w.list(outside, n.ElseList)
}

func (w *walk) pipe(s scope, n *parse.PipeNode) error {
	if n == nil {
		return nil
	}
	for _, command := range n.Cmds {
		for _, argument := range command.Args {
			if err := w.node(s, argument); err != nil {
				return err
			}
		}
	}
	return nil
}

// passesOn says whether a pipeline is the message's data itself.
func (s scope) passesOn(n *parse.PipeNode) bool {
	if n == nil || len(n.Cmds) != 1 || len(n.Cmds[0].Args) != 1 {
		return false
	}
	switch a := n.Cmds[0].Args[0].(type) {
	case *parse.DotNode:
		return s.dot
	case *parse.VariableNode:
		return s.dollar && len(a.Ident) == 1 && a.Ident[0] == "$"
	}
	return false
}

func (s scope) missing(n parse.Node, what string) error {
	location, _ := s.tree.ErrorContext(n)
	return fmt.Errorf("%s: %s", location, what)
}
