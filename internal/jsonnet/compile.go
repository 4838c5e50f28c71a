package jsonnet

import (
	"strings"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// compiled is a parsed program. It does not change once it is made.
type compiled struct {
	root ast.Node
	size int // bytes of source
	// source and raised are both the program's file. Every `error` and `assert` of
	// the program is placed in raised, everything else in source: so a failure
	// tells by its place whether its text is the program's own.
	source, raised *ast.Source
	// literals are the strings of the program's text, field names among them.
	literals map[string]bool
}

// compile parses a snippet and refuses imports, even those that would never be
// evaluated.
func compile(filename, snippet string) (*compiled, *failure) {
	root, err := jsonnet.SnippetToAST(filename, snippet)
	if err != nil {
		return nil, syntaxFailure(err)
	}
	c := &compiled{root: root, size: len(snippet), literals: map[string]bool{}}
	c.source = root.Loc().File
	c.raised = &ast.Source{}
	if c.source != nil {
		*c.raised = *c.source
	}
	if failed := c.survey(root); failed != nil {
		return nil, failed
	}
	return c, nil
}

// survey marks the program's own errors, collects its strings and finds imports.
func (c *compiled) survey(node ast.Node) *failure {
	children := toolutils.Children(node)
	switch n := node.(type) {
	case *ast.Import, *ast.ImportStr, *ast.ImportBin:
		begin := node.Loc().Begin
		return &failure{Kind: Syntax, Message: errNoImports.Error(), Line: begin.Line, Column: begin.Column}
	case *ast.LiteralString:
		c.literals[n.Value] = true
	case *ast.Error: // assert is one, too, by now
		n.LocRange.File = c.raised
	case *ast.DesugaredObject: // whose asserts the library does not count as children
		children = append(children, n.Asserts...)
	}
	for _, child := range children {
		if failed := c.survey(child); failed != nil {
			return failed
		}
	}
	return nil
}

// syntaxFailure takes place and message apart. Both are about the source only: no
// variable is known when a program is parsed.
func syntaxFailure(err error) *failure {
	f := &failure{Kind: Syntax, Message: clip(err.Error())}
	if placed, ok := err.(interface{ Loc() ast.LocationRange }); ok {
		at := placed.Loc()
		f.Line, f.Column = at.Begin.Line, at.Begin.Column
		if at.IsSet() {
			f.Message = clip(strings.TrimSpace(strings.TrimPrefix(err.Error(), at.String())))
		}
	}
	return f
}
