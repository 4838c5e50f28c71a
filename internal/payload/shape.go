package payload

import (
	"slices"
)

// Type is a JSON type, by the name that validation messages use.
type Type string

// The types of a shape. Any takes everything as it comes.
const (
	Any     Type = ""
	String  Type = "string"
	Boolean Type = "boolean"
	Number  Type = "number"
	Integer Type = "integer"
	Array   Type = "array"
	Object  Type = "object"
)

// Shape says what a submission is fitted to: a small tree of types, much less
// than a JSON schema. Shapes are immutable once built and may be shared.
type Shape struct {
	Type     Type
	Nullable bool    // null is a value of its own, not the same as absent
	Items    *Shape  // of an Array; nil means Any
	Fields   []Field // of an Object, in order
	Required []string
	// Open keeps JSON members that no field names; a closed object ignores them.
	Open bool

	grafted bool // validated elsewhere: Check does not look inside
}

// Field is a member of an object.
type Field struct {
	Name  string
	Shape *Shape
	// Conditional is set for members that exist only in some alternative of a
	// schema: an absent object of that kind is not filled in.
	Conditional bool
}

// With returns a copy in which the field name has the shape sub, which is
// validated elsewhere. A field that does not exist yet is appended.
func (s *Shape) With(name string, sub *Shape) *Shape {
	graft := *sub
	graft.grafted = true
	c := *s
	c.Fields = slices.Clone(s.Fields)
	if i := c.index(name); i >= 0 {
		c.Fields[i].Shape = &graft
		return &c
	}
	c.Fields = append(c.Fields, Field{Name: name, Shape: &graft})
	return &c
}

func (s *Shape) index(name string) int {
	return slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
}

func (s *Shape) requires(name string) bool { return slices.Contains(s.Required, name) }

// scalar says whether values of this shape are written as one text.
func (s *Shape) scalar() bool { return s.Type != Object && s.Type != Array }
