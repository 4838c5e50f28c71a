package httpapi

import (
	"net/http"

	"cardea/internal/flow"
)

// offerMediation serves GET /self-service/fed-cm/parameters. Where no provider can be
// asked by browsers, there is nothing at this address.
func (s *Server) offerMediation(w http.ResponseWriter, r *http.Request) {
	set := s.compiled.Load()
	v, err := s.visit(r, set)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	a := s.Engine.Mediation(r.Context(), v)
	if a == nil {
		notFound(w, r)
		return
	}
	s.write(w, r, set, v, a)
}

type mediationWire struct {
	Providers []mediatorWire `json:"providers"`
	CSRF      string         `json:"csrf_token"`
}

type mediatorWire struct {
	ConfigURL string `json:"config_url"`
	ClientID  string `json:"client_id"`
	Nonce     string `json:"nonce"`
}

func wireMediation(m *flow.Mediation) mediationWire {
	w := mediationWire{Providers: []mediatorWire{}, CSRF: m.CSRF}
	for _, p := range m.Mediators {
		w.Providers = append(w.Providers, mediatorWire{p.ConfigURL, p.ClientID, p.Nonce})
	}
	return w
}
