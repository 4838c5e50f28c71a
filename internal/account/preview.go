package account

import (
	"net/http"
	"net/url"

	"cardea/internal/problem"
)

// previewPage is what the template of the preview gets. It is for developers and
// speaks English alone.
type previewPage struct {
	frame
	Screens []link
}

// preview lists every screen in every state, or shows one of them with sample
// data. There is one in development mode only, so that nobody takes it for real.
func (p *Pages) preview(v *visit) error {
	name := v.query.Get("screen")
	all := screens()
	if name == "" {
		view := previewPage{frame: p.frame(v, "Theme preview")}
		for _, s := range all {
			view.Screens = append(view.Screens, link{Href: v.place("preview") + "?" + url.Values{"screen": {s.name}}.Encode(), Text: s.name})
		}
		return p.render(v, http.StatusOK, "preview", &view)
	}
	stage := &Pages{journeys: sampleJourneys{Journeys: p.journeys}, self: sampleSelf{v.set}, log: p.log}
	for _, s := range all {
		if s.name == name {
			return s.draw(stage, v)
		}
	}
	return problem.ErrNotFound
}
