package httpapi

import (
	"net/http"
	"net/url"
	"unicode/utf8"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// maxProviderID is how long the name of a provider may be, in characters.
const maxProviderID = 255

// trialBody asks for a sign-in that only shows what a provider says.
type trialBody struct {
	ProviderID string `json:"provider_id"`
}

// startTrial serves POST /admin/test-login-flows.
func (s *Server) startTrial(w http.ResponseWriter, r *http.Request) {
	var body trialBody
	if err := decodeBody(r, &body, lenient); err != nil {
		if p := problem.As(err); p != nil && p.Status == 400 && p.Reason == "" {
			err = problem.BadRequest("%s", p.Message).With(err)
		}
		s.fail(w, r, err)
		return
	}
	if body.ProviderID == "" || utf8.RuneCountInString(body.ProviderID) > maxProviderID {
		s.fail(w, r, problem.BadRequest("The member provider_id has to name a provider, in at most %d characters.", maxProviderID))
		return
	}
	set := s.compiled.Load()
	v := &flow.Visit{Setup: set.Setup, URL: requestURL(r), Query: url.Values{}, CSRF: flow.NewCSRF(nil), JSON: true}
	s.write(w, r, set, v, s.Engine.StartTrial(r.Context(), v, body.ProviderID))
}

// endTrial serves DELETE /self-service/login/test.
func (s *Server) endTrial(w http.ResponseWriter, r *http.Request) {
	s.engine(func(r *http.Request, v *flow.Visit) *flow.Answer { return s.Engine.EndTrial(r.Context(), v) })(w, r)
}
