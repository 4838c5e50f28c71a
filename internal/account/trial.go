package account

import (
	"encoding/json"
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// trialPath is where a sign-in ends that an operator has tried out.
const trialPath = "session/test-oidc"

// trialReport is what the page shows of a report.
type trialReport struct {
	Claims   json.RawMessage `json:"id_token_claims"`
	UserInfo json.RawMessage `json:"userinfo"`
	Output   json.RawMessage `json:"jsonnet_output"`
	Wrong    []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"schema_validation_errors"`
	Error *struct {
		Step    string `json:"step"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"error"`
}

// trial shows an operator what a provider says and what becomes of it.
func (p *Pages) trial(v *visit) error {
	shown, err := p.journeys.Page(v.request, flow.Login, v.query.Get("flow"))
	if err != nil {
		return err
	}
	if shown.Trial == nil || shown.Trial.Report == nil {
		return problem.ErrNotFound
	}
	var r trialReport
	if err := json.Unmarshal(shown.Trial.Report, &r); err != nil {
		return err
	}
	view := notice{
		frame:   p.frame(v, v.words.Text("trial.title")),
		Text:    v.words.Text("trial.good"),
		Details: []fact{{Name: v.words.Text("trial.provider"), Value: shown.Trial.Provider}},
	}
	add := func(word string, value string) {
		if value != "" {
			view.Details = append(view.Details, fact{Name: v.words.Text(word), Value: value})
		}
	}
	if r.Error != nil {
		view.Text = v.words.Text("trial.bad")
		add("trial.step", r.Error.Step+" / "+r.Error.Reason)
		add("trial.message", r.Error.Message)
	}
	for _, w := range r.Wrong {
		add("trial.wrong", w.Path+": "+w.Message)
	}
	add("trial.claims", string(r.Claims))
	add("trial.userinfo", string(r.UserInfo))
	add("trial.output", string(r.Output))
	return p.render(v, http.StatusOK, "notice", view)
}
