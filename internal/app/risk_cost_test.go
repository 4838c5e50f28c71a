package app

import (
	"fmt"
	"testing"
)

// What sign-ins are compared with is one statement, and none where nobody depends on it.
func TestWeighingASignInCostsOneStatementAtMost(t *testing.T) {
	statements := func(policies string, request func(*costHouse) func()) uint64 {
		h := newCostHouse(t, fmt.Sprintf("\ncardea: {risk: {policies: [%s]}}\n", policies))
		send := request(h)
		send()
		before := h.app.db.Stats().Statements
		send()
		return h.app.db.Stats().Statements - before
	}
	login, whoami := (*costHouse).logIn, (*costHouse).whoami
	without := statements("", login)
	for _, tt := range []struct {
		policies string
		more     uint64
	}{
		{"{when: [new_network], flows: [recovery], then: block}", 0},
		{"{when: [new_network], methods: [oidc], then: block}", 0},
		{"{when: [new_device, new_network], then: notify}", 1},
		{"{when: [many_accounts], then: nothing}", 1},
		{"{when: [many_accounts], then: nothing}, {when: [impossible_travel], then: block}, {when: [new_network], then: second_factor}", 1},
	} {
		if got := statements(tt.policies, login); got != without+tt.more {
			t.Errorf("with %s a sign-in runs %d statements, want %d more than %d", tt.policies, got, tt.more, without)
		}
		if got := statements(tt.policies, whoami); got != 1 {
			t.Errorf("with %s whoami runs %d statements", tt.policies, got)
		}
	}
}
