package jsonnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/google/go-jsonnet/ast"
)

var (
	errNotJSON     = errors.New("is not JSON")
	errNotANumber  = errors.New("holds a number that is out of range")
	jsonNullPrefix = []byte("null")
)

// literal turns a JSON document into the tree of a Jsonnet literal, without
// parsing it as Jsonnet: data stays data. Of a key that comes twice, the last
// counts. Errors say nothing of the document's contents.
func literal(document json.RawMessage) (ast.Node, error) {
	if len(document) == 0 {
		document = jsonNullPrefix
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, errNotJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return literalOf(v)
}

func literalOf(v any) (ast.Node, error) {
	switch v := v.(type) {
	case nil:
		return &ast.LiteralNull{}, nil
	case bool:
		return &ast.LiteralBoolean{Value: v}, nil
	case string:
		return &ast.LiteralString{Value: v, Kind: ast.StringDouble}, nil
	case json.Number:
		if _, err := strconv.ParseFloat(v.String(), 64); err != nil {
			return nil, errNotANumber
		}
		return &ast.LiteralNumber{OriginalString: v.String()}, nil
	case []any:
		return literalArray(v)
	case map[string]any:
		return literalObject(v)
	}
	return nil, errNotJSON
}

func literalArray(items []any) (ast.Node, error) {
	array := &ast.Array{Elements: make([]ast.CommaSeparatedExpr, len(items))}
	for i, item := range items {
		node, err := literalOf(item)
		if err != nil {
			return nil, err
		}
		array.Elements[i].Expr = node
	}
	return array, nil
}

func literalObject(fields map[string]any) (ast.Node, error) {
	object := &ast.DesugaredObject{Fields: make(ast.DesugaredObjectFields, 0, len(fields))}
	for name, value := range fields {
		node, err := literalOf(value)
		if err != nil {
			return nil, err
		}
		object.Fields = append(object.Fields, ast.DesugaredObjectField{
			Name: &ast.LiteralString{Value: name, Kind: ast.StringDouble},
			Body: node,
			Hide: ast.ObjectFieldInherit,
		})
	}
	return object, nil
}
