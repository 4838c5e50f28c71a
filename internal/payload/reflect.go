package payload

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// ShapeOf derives the shape of a struct from its fields and their json tags.
// A json.RawMessage is an open object (traits, transient_payload), a pointer is
// what it points to, an embedded struct without a tag lends its fields. It is
// meant to be called once, where the struct's handler is made. It panics when T
// holds a type that no submission can fill, which is a programming error.
func ShapeOf[T any]() *Shape { return shapeOf(reflect.TypeFor[T]()) }

var scalarShapes = map[reflect.Kind]Type{
	reflect.String: String, reflect.Bool: Boolean,
	reflect.Int: Integer, reflect.Int8: Integer, reflect.Int16: Integer, reflect.Int32: Integer, reflect.Int64: Integer,
	reflect.Uint: Integer, reflect.Uint8: Integer, reflect.Uint16: Integer, reflect.Uint32: Integer, reflect.Uint64: Integer,
	reflect.Float32: Number, reflect.Float64: Number,
	reflect.Interface: Any,
}

func shapeOf(t reflect.Type) *Shape {
	if t.Kind() == reflect.Pointer {
		return shapeOf(t.Elem())
	}
	if t == reflect.TypeFor[json.RawMessage]() {
		return &Shape{Type: Object, Open: true}
	}
	if t == reflect.TypeFor[json.Number]() {
		return &Shape{Type: Number}
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &Shape{Type: String}
	}
	if typ, ok := scalarShapes[t.Kind()]; ok {
		return &Shape{Type: typ}
	}
	switch t.Kind() {
	case reflect.Slice:
		return &Shape{Type: Array, Items: shapeOf(t.Elem())}
	case reflect.Map:
		return &Shape{Type: Object, Open: true}
	case reflect.Struct:
		s := &Shape{Type: Object}
		addFields(s, t)
		return s
	}
	panic("payload: no shape for " + t.String())
}

func addFields(s *Shape, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			addFields(s, f.Type)
		case !f.IsExported():
		default:
			if name == "" {
				name = f.Name
			}
			s.Fields = append(s.Fields, Field{Name: name, Shape: shapeOf(f.Type)})
		}
	}
}
