package ui

// InputType is the type attribute of an input, as in HTML.
type InputType string

// The input types.
const (
	InputText          InputType = "text"
	InputPassword      InputType = "password"
	InputNumber        InputType = "number"
	InputCheckbox      InputType = "checkbox"
	InputHidden        InputType = "hidden"
	InputEmail         InputType = "email"
	InputTel           InputType = "tel"
	InputSubmit        InputType = "submit"
	InputButton        InputType = "button"
	InputDateTimeLocal InputType = "datetime-local"
	InputDate          InputType = "date"
	InputURL           InputType = "url"
)

// Autocomplete is the autofill hint of an input, as in HTML
// (https://html.spec.whatwg.org/#autofill).
type Autocomplete string

// The autofill hints.
const (
	AutocompleteEmail            Autocomplete = "email"
	AutocompleteTel              Autocomplete = "tel"
	AutocompleteURL              Autocomplete = "url"
	AutocompleteCurrentPassword  Autocomplete = "current-password"
	AutocompleteNewPassword      Autocomplete = "new-password"
	AutocompleteOneTimeCode      Autocomplete = "one-time-code"
	AutocompleteUsername         Autocomplete = "username"
	AutocompleteUsernameWebAuthn Autocomplete = "username webauthn"
)

// Trigger names a function of the WebAuthn script that the page calls on a click
// or on load.
type Trigger string

// The triggers.
const (
	TriggerWebAuthnRegistration        Trigger = "oryWebAuthnRegistration"
	TriggerWebAuthnLogin               Trigger = "oryWebAuthnLogin"
	TriggerPasskeyLogin                Trigger = "oryPasskeyLogin"
	TriggerPasskeyLoginAutocomplete    Trigger = "oryPasskeyLoginAutocompleteInit"
	TriggerPasskeyRegistration         Trigger = "oryPasskeyRegistration"
	TriggerPasskeySettingsRegistration Trigger = "oryPasskeySettingsRegistration"
)

// Call gives the JavaScript that calls the trigger, which older pages evaluate.
// The argument is a JavaScript expression such as a JSON object, "" for none.
func (t Trigger) Call(argument string) string {
	return "window." + string(t) + "(" + argument + ")"
}

// Input is a field or a button.
type Input struct {
	Name           string
	Type           InputType
	Value          any // a JSON value; nil for none, which differs from ""
	Required       bool
	Autocomplete   Autocomplete
	Label          *Message // unused by the contract's forms: labels are in Meta
	Pattern        string   // regular expression
	Disabled       bool
	OnClick        string // JavaScript, deprecated by the contract
	OnClickTrigger Trigger
	OnLoad         string // JavaScript, deprecated by the contract
	OnLoadTrigger  Trigger
	MaxLength      int // characters; 0 for no limit
	Options        []Option
}

// Option is one of the values an input may take.
type Option struct {
	Value any // a JSON value
}

// Node places the input in a group.
func (a Input) Node(g Group) Node { return Node{Group: g, Attributes: a} }

func (Input) nodeType() Type   { return TypeInput }
func (a Input) nodeID() string { return a.Name }

// CSRFToken is the node that carries the anti-CSRF token; native flows show it
// with an empty token.
func CSRFToken(token string) Node {
	return Input{Name: "csrf_token", Type: InputHidden, Value: token, Required: true}.Node(Default)
}

// Hidden is an input that the user does not see.
func Hidden(g Group, name string, value any) Node {
	return Input{Name: name, Type: InputHidden, Value: value}.Node(g)
}

// Submit is a button that sends the form with its name and value.
func Submit(g Group, name, value string, label Message) Node {
	return Input{Name: name, Type: InputSubmit, Value: value}.Node(g).Labelled(label)
}
