package flow

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
)

// CallForProof makes a flow ask for a proof, as whoever has a reason to does.
func (e *Engine) CallForProof(ctx context.Context, k Kind, v *Visit, level int) *Answer {
	r := e.begin(k, v)
	if a := loadForSubmit(ctx, r); a != nil {
		return a
	}
	return r.callForProof(ctx, level)
}

// IsHuman says whether a proof was given in the course of a flow.
func IsHuman(f *Flow) bool { return (&run{flow: f}).isHuman() }

// Confirming are the facts of a login in which somebody confirms a sign-in.
func Confirming(identity uuid.UUID) map[string]json.RawMessage {
	var f Flow
	_ = f.remember(confirmKey, confirmation{Identity: identity}) // an id is JSON
	return f.Facts
}
