package ui

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Forms are rendered on every visit, so their JSON is appended by hand: the same
// bytes that encoding/json writes for structs of the contract's shape, HTML
// characters escaped, without reflection. A value that has no JSON form (which no
// decoded or stored value lacks) is written as null.

// AppendJSON appends the form as JSON.
func (c Container) AppendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `{"action":`...), c.Action)
	dst = appendString(append(dst, `,"method":`...), c.Method)
	dst = c.Nodes.AppendJSON(append(dst, `,"nodes":`...))
	if len(c.Messages) > 0 {
		dst = appendMessages(append(dst, `,"messages":`...), c.Messages)
	}
	return append(dst, '}')
}

// AppendJSON appends the nodes as a JSON array, null when they are nil.
func (ns Nodes) AppendJSON(dst []byte) []byte {
	if ns == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i := range ns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ns[i].AppendJSON(dst)
	}
	return append(dst, ']')
}

// AppendJSON appends the node as JSON. Messages and meta are always there.
func (n Node) AppendJSON(dst []byte) []byte {
	kind := string(n.Type())
	dst = appendString(append(dst, `{"type":`...), kind)
	dst = appendString(append(dst, `,"group":`...), string(n.Group))
	dst = n.Attributes.appendJSON(append(dst, `,"attributes":{`...))
	dst = appendString(append(dst, `,"node_type":`...), kind)
	dst = appendMessages(append(dst, `},"messages":`...), n.Messages)
	dst = append(dst, `,"meta":{`...)
	if n.Meta.Label != nil {
		dst = n.Meta.Label.AppendJSON(append(dst, `"label":`...))
	}
	return append(dst, `}}`...)
}

// AppendJSON appends the message as JSON. The text is whatever it is: fill it
// with a [Locale] before.
func (m Message) AppendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), int64(m.ID), 10)
	dst = appendString(append(dst, `,"text":`...), m.Text)
	dst = appendString(append(dst, `,"type":`...), string(m.Type))
	if len(m.Context) > 0 {
		dst = appendObject(append(dst, `,"context":`...), m.Context)
	}
	return append(dst, '}')
}

// MarshalJSON gives the contract's form.
func (c Container) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil), nil }

// MarshalJSON gives the contract's form.
func (ns Nodes) MarshalJSON() ([]byte, error) { return ns.AppendJSON(nil), nil }

// MarshalJSON gives the contract's form.
func (n Node) MarshalJSON() ([]byte, error) { return n.AppendJSON(nil), nil }

// MarshalJSON gives the contract's form, text included. Rows keep [Stored].
func (m Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// The attributes append their members, without braces and node_type.

func (a Input) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `"name":`...), a.Name)
	dst = appendString(append(dst, `,"type":`...), string(a.Type))
	if a.Value != nil {
		dst = appendValue(append(dst, `,"value":`...), a.Value)
	}
	if a.Required {
		dst = append(dst, `,"required":true`...)
	}
	dst = appendMember(dst, `,"autocomplete":`, string(a.Autocomplete))
	if a.Label != nil {
		dst = a.Label.AppendJSON(append(dst, `,"label":`...))
	}
	dst = appendMember(dst, `,"pattern":`, a.Pattern)
	dst = strconv.AppendBool(append(dst, `,"disabled":`...), a.Disabled)
	dst = appendMember(dst, `,"onclick":`, a.OnClick)
	dst = appendMember(dst, `,"onclickTrigger":`, string(a.OnClickTrigger))
	dst = appendMember(dst, `,"onload":`, a.OnLoad)
	dst = appendMember(dst, `,"onloadTrigger":`, string(a.OnLoadTrigger))
	if a.MaxLength != 0 {
		dst = strconv.AppendInt(append(dst, `,"maxlength":`...), int64(a.MaxLength), 10)
	}
	if len(a.Options) > 0 {
		dst = appendOptions(append(dst, `,"options":`...), a.Options)
	}
	return dst
}

func appendOptions(dst []byte, options []Option) []byte {
	dst = append(dst, '[')
	for i, o := range options {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(append(dst, `{"value":`...), o.Value)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (a Image) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `"src":`...), a.Source)
	dst = appendString(append(dst, `,"id":`...), a.ID)
	dst = strconv.AppendInt(append(dst, `,"width":`...), int64(a.Width), 10)
	return strconv.AppendInt(append(dst, `,"height":`...), int64(a.Height), 10)
}

func (a Anchor) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `"href":`...), a.HRef)
	dst = a.Title.AppendJSON(append(dst, `,"title":`...))
	return appendString(append(dst, `,"id":`...), a.ID)
}

func (a Text) appendJSON(dst []byte) []byte {
	dst = a.Text.AppendJSON(append(dst, `"text":`...))
	return appendString(append(dst, `,"id":`...), a.ID)
}

func (a Script) appendJSON(dst []byte) []byte {
	dst = appendString(append(dst, `"src":`...), a.Source)
	dst = strconv.AppendBool(append(dst, `,"async":`...), a.Async)
	dst = appendString(append(dst, `,"referrerpolicy":`...), a.ReferrerPolicy)
	dst = appendString(append(dst, `,"crossorigin":`...), a.CrossOrigin)
	dst = appendString(append(dst, `,"integrity":`...), a.Integrity)
	dst = appendString(append(dst, `,"type":`...), a.Type)
	dst = appendString(append(dst, `,"id":`...), a.ID)
	return appendString(append(dst, `,"nonce":`...), a.Nonce)
}

func (a Div) appendJSON(dst []byte) []byte {
	if a.Class != "" {
		dst = append(appendString(append(dst, `"class":`...), a.Class), ',')
	}
	dst = appendString(append(dst, `"id":`...), a.ID)
	if len(a.Data) > 0 {
		dst = appendObject(append(dst, `,"data":`...), a.Data)
	}
	return dst
}

// appendMember appends a string member unless it is empty.
func appendMember(dst []byte, prefix, s string) []byte {
	if s == "" {
		return dst
	}
	return appendString(append(dst, prefix...), s)
}

// appendMessages appends an array, also for nil.
func appendMessages(dst []byte, ms []Message) []byte {
	dst = append(dst, '[')
	for i := range ms {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ms[i].AppendJSON(dst)
	}
	return append(dst, ']')
}

// appendObject appends a map with its keys sorted, as encoding/json does.
func appendObject[V any](dst []byte, object map[string]V) []byte {
	var few [8]string // contexts are small: their keys fit on the stack
	keys := few[:0]
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		dst = appendValue(dst, object[k])
	}
	return append(dst, '}')
}

// appendValue appends any value; those that forms are made of without reflection.
func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		if isPlainInteger(v) {
			return strconv.AppendInt(dst, int64(v), 10)
		}
	case Message:
		return v.AppendJSON(dst)
	case []Message:
		if v != nil {
			return appendMessages(dst, v)
		}
	case map[string]any:
		if v != nil {
			return appendObject(dst, v)
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, encoded...)
}

// isPlainInteger says whether a number is written with digits only, which holds
// for whole numbers that a float64 is exact for. Negative zero keeps its sign.
func isPlainInteger(f float64) bool {
	return math.Trunc(f) == f && math.Abs(f) < 1<<53 && (f != 0 || !math.Signbit(f))
}

const hex = "0123456789abcdef"

// appendString appends a JSON string (RFC 8259 section 7) that is safe inside
// HTML and JavaScript; what is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		if b := s[i]; b < utf8.RuneSelf {
			if b < ' ' || b == '"' || b == '\\' || b == '<' || b == '>' || b == '&' {
				dst = appendEscape(append(dst, s[done:i]...), b)
				done = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[done:i]...), `\ufffd`...)
			done = i + size
		case r == '\u2028' || r == '\u2029': // line ends in old JavaScript
			dst = append(append(dst, s[done:i]...), `\u202`...)
			dst = append(dst, hex[r&0xf])
			done = i + size
		}
		i += size
	}
	return append(append(dst, s[done:]...), '"')
}

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(append(dst, `\u00`...), hex[b>>4], hex[b&0xf])
}
