package audit

import "encoding/json"

// Details are what a row says besides its columns. Ids and words of the house, nothing
// that somebody has typed.
type Details struct {
	Operation string   `json:"operation,omitempty"` // of the API
	Target    string   `json:"target,omitempty"`    // the id of what an operation was about
	Flow      string   `json:"flow_id,omitempty"`
	Client    string   `json:"client,omitempty"` // browser or api
	Method    string   `json:"method,omitempty"`
	AAL       string   `json:"aal,omitempty"`
	Changed   []string `json:"changed,omitempty"` // parts of an account
	Reason    string   `json:"reason,omitempty"`
	Messages  []int    `json:"messages,omitempty"` // ids, of a form
	Status    int      `json:"status,omitempty"`
	Error     string   `json:"error_id,omitempty"`

	BreakGlass bool `json:"break_glass,omitempty"`
	Secrets    bool `json:"secrets,omitempty"` // an export held them
	// Configuration is the mark of the configuration in force, Version that of the program.
	Configuration string `json:"configuration,omitempty"`
	Version       string `json:"version,omitempty"`
}

// JSON is how details are stored; nothing when there are none.
func (d Details) JSON() []byte {
	raw, err := json.Marshal(d)
	if err != nil || len(raw) == len("{}") {
		return nil
	}
	return raw
}
