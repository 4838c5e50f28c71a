package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cardea/internal/problem"
)

func TestTheCauseIsForLogsAlone(t *testing.T) {
	cause := errors.New("canary")
	p := problem.Forbidden("You may not.").Named(problem.CSRFViolation).Detail("hint", "x").Beside("y", "z").With(cause)
	if !errors.Is(p, cause) || !strings.Contains(p.Error(), "canary") || !strings.Contains(p.Error(), "You may not.") {
		t.Errorf("a log reads %q", p)
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "canary") {
		t.Errorf("whoever writes it whole writes the cause: %s", raw)
	}
	if got := problem.Internal(cause); got.Status != 500 || got.Reason != "" || strings.Contains(got.Message, "canary") {
		t.Errorf("an internal error is told as %d %q %q", got.Status, got.Message, got.Reason)
	}
	if got := problem.Internal(nil).Error(); got == "" {
		t.Error("an error without a cause says nothing")
	}
}

func TestAddingToAProblemLeavesTheOriginal(t *testing.T) {
	base := problem.BadRequest("why").Detail("a", 1).Beside("b", 2)
	_ = base.Named(problem.FlowExpired).Detail("c", 3).Beside("d", 4).With(errors.New("x"))
	if base.ID != "" || len(base.Details) != 1 || len(base.Top) != 1 || base.Unwrap() != nil {
		t.Errorf("the original became %+v", base)
	}
}

func TestEveryClassHasAName(t *testing.T) {
	for want, p := range map[int]*problem.Error{
		400: problem.BadRequest("%d", 7), 401: problem.Unauthorized("%d", 7), 403: problem.Forbidden("%d", 7), 404: problem.NotFound("%d", 7),
		409: problem.Conflict("%d", 7), 503: problem.Busy("%d", 7), 410: problem.New(410, "%d", 7), 422: problem.New(422, "%d", 7),
		405: problem.New(405, "%d", 7), 413: problem.New(413, "%d", 7), 429: problem.New(429, "%d", 7), 499: problem.New(499, "%d", 7), 500: problem.New(500, "%d", 7), 502: problem.New(502, "%d", 7),
	} {
		if p.Status != want || p.Message == "" || p.Reason != "7" {
			t.Errorf("%d is %d %q %q", want, p.Status, p.Message, p.Reason)
		}
	}
	if got := problem.BadRequest("100%").Reason; got != "100%" {
		t.Errorf("a reason without arguments is formatted: %q", got)
	}
}

func TestAProblemIsFoundInAChain(t *testing.T) {
	p := problem.NotFound("x")
	if got := problem.As(fmt.Errorf("while: %w", p)); got != p {
		t.Errorf("found %v", got)
	}
	if problem.As(errors.New("x")) != nil || problem.As(nil) != nil {
		t.Error("a problem was found where there is none")
	}
	taken := &problem.ConflictError{What: "identifier", Value: "ann@cardea.test"}
	if strings.Contains(taken.Error(), "ann") {
		t.Errorf("a conflict names who it is: %q", taken)
	}
}
