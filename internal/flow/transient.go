package flow

import (
	"encoding/json"

	"cardea/internal/problem"
)

// hearTransient keeps what the client wants hooks to know.
func (r *run) hearTransient(tree map[string]any) (err error) {
	raw, ok := tree["transient_payload"]
	if !ok {
		return nil
	}
	if _, object := raw.(map[string]any); !object {
		return problem.BadRequest("The field transient_payload has to be a JSON object.")
	}
	r.flow.Transient, err = json.Marshal(raw)
	return err
}
