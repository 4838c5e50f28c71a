package jsonnet

import (
	"crypto/rand"
	"testing"

	"cardea/internal/clock"
	"cardea/internal/trace"
)

func TestAnEvaluationIsAStepOfATrace(t *testing.T) {
	ended := 0
	tracer := trace.New(clock.System{}, rand.Reader, trace.Sampling{Ratio: 1}, func(*trace.Span) { ended++ })
	ctx, span := tracer.Request(t.Context(), "request", "")
	if _, err := newPool(t, Options{}).Evaluate(ctx, Program{Filename: "a", Snippet: "1"}, Vars{}); err != nil {
		t.Fatal(err)
	}
	span.End()
	if ended != 2 {
		t.Errorf("%d steps ended, want the request and the evaluation", ended)
	}
}
