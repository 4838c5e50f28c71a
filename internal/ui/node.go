package ui

// Type is the kind of a node; the contract's words.
type Type string

// The node types.
const (
	TypeInput  Type = "input"
	TypeImage  Type = "img"
	TypeAnchor Type = "a"
	TypeText   Type = "text"
	TypeScript Type = "script"
	TypeDiv    Type = "div"
)

// Group says which part of the form, and mostly which method, a node belongs to.
type Group string

// The groups.
const (
	Default         Group = "default"
	Password        Group = "password"
	OIDC            Group = "oidc"
	Profile         Group = "profile"
	Link            Group = "link"
	Code            Group = "code"
	TOTP            Group = "totp"
	LookupSecret    Group = "lookup_secret"
	WebAuthn        Group = "webauthn"
	Passkey         Group = "passkey"
	IdentifierFirst Group = "identifier_first"
	Captcha         Group = "captcha"
	SAML            Group = "saml"
	DeviceAuthn     Group = "deviceauthn"
)

// Node is one element of a form. The zero value is not useful: start from one of
// the attribute structs and its Node method.
type Node struct {
	Group      Group
	Attributes Attributes
	Messages   []Message
	Meta       Meta
}

// Meta is what a node says about itself beside its attributes.
type Meta struct {
	Label *Message // nil for none
}

// Attributes are what a node of one type is made of: an [Input], [Image],
// [Anchor], [Text], [Script] or [Div].
type Attributes interface {
	nodeType() Type
	nodeID() string
	appendJSON(dst []byte) []byte
}

// Type gives the node's type, which follows from its attributes.
func (n Node) Type() Type { return n.Attributes.nodeType() }

// ID gives the node's identity: the name of an input, the id of everything else.
// Several nodes of a form may share one.
func (n Node) ID() string { return n.Attributes.nodeID() }

// Value gives an input's value, nil when it has none or the node is no input.
func (n Node) Value() any {
	if in, ok := n.Attributes.(Input); ok {
		return in.Value
	}
	return nil
}

// Labelled returns the node with a label.
func (n Node) Labelled(label Message) Node {
	n.Meta.Label = &label
	return n
}

// withValue returns the node with another value; only inputs have one.
func (n Node) withValue(value any) Node {
	if in, ok := n.Attributes.(Input); ok {
		in.Value = value
		n.Attributes = in
	}
	return n
}

// Image is a picture.
type Image struct {
	Source string // URL, also a data URL
	ID     string
	Width  int // pixels
	Height int // pixels
}

// Anchor is a link to click.
type Anchor struct {
	HRef  string
	Title Message
	ID    string
}

// Text is a text to read.
type Text struct {
	Text Message
	ID   string
}

// Script is a piece of JavaScript the page has to load.
type Script struct {
	Source         string
	Async          bool
	ReferrerPolicy string
	CrossOrigin    string
	Integrity      string // Subresource Integrity, https://www.w3.org/TR/SRI/
	Type           string // MIME type
	ID             string
	Nonce          string
}

// Div is an empty box that a script fills.
type Div struct {
	Class string // "" for none
	ID    string
	Data  map[string]string // data attributes; nil for none
}

// Node places the image in a group.
func (a Image) Node(g Group) Node { return Node{Group: g, Attributes: a} }

// Node places the anchor in a group.
func (a Anchor) Node(g Group) Node { return Node{Group: g, Attributes: a} }

// Node places the text in a group.
func (a Text) Node(g Group) Node { return Node{Group: g, Attributes: a} }

// Node places the script in a group.
func (a Script) Node(g Group) Node { return Node{Group: g, Attributes: a} }

// Node places the box in a group.
func (a Div) Node(g Group) Node { return Node{Group: g, Attributes: a} }

func (Image) nodeType() Type  { return TypeImage }
func (Anchor) nodeType() Type { return TypeAnchor }
func (Text) nodeType() Type   { return TypeText }
func (Script) nodeType() Type { return TypeScript }
func (Div) nodeType() Type    { return TypeDiv }

func (a Image) nodeID() string  { return a.ID }
func (a Anchor) nodeID() string { return a.ID }
func (a Text) nodeID() string   { return a.ID }
func (a Script) nodeID() string { return a.ID }
func (a Div) nodeID() string    { return a.ID }

// WebAuthnScript is the node that loads the browser part of WebAuthn and
// passkeys. Both share this one node, so that a form loads the script once.
// Integrity is the script's Subresource Integrity value, nonce a random one.
func WebAuthnScript(source, integrity, nonce string) Node {
	return Script{
		Source:         source,
		Async:          true,
		ReferrerPolicy: "no-referrer",
		CrossOrigin:    "anonymous",
		Integrity:      integrity,
		Type:           "text/javascript",
		ID:             "webauthn_script",
		Nonce:          nonce,
	}.Node(WebAuthn)
}
