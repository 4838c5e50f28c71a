package trace

import "context"

type requestKey struct{}

// WithRequest gives a request the name under which logs know it.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the name of the request that a context belongs to, "" for none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// longestID bounds the name that a client may give its request, in bytes.
const longestID = 64

// Acceptable says whether a client's own name for its request can be taken into
// logs: short, and of letters, digits and "-_.:" alone.
func Acceptable(id string) bool {
	if id == "" || len(id) > longestID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
