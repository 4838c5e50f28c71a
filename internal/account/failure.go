package account

import (
	"errors"
	"net/http"

	"cardea/internal/flow"
	"cardea/internal/problem"
)

// notice is what the template of a page gets that only says something.
type notice struct {
	frame
	Text    string
	More    string // what can be done, "" when the links say so
	Details []fact
	Links   []link
}

// failure shows the error that a journey ended with.
func (p *Pages) failure(v *visit) error {
	id := v.query.Get("id")
	if id == "" {
		id = v.query.Get("error")
	}
	if id == "" {
		return problem.ErrNotFound
	}
	fault, err := p.journeys.Failure(v.request, id)
	if err != nil {
		return err
	}
	return p.renderFailure(v, http.StatusOK, fault, id)
}

// explain shows an error of the page itself. The cause goes into the log alone.
func (p *Pages) explain(v *visit, err error) {
	fault := problem.As(err)
	switch {
	case fault != nil:
	case errors.Is(err, problem.ErrNotFound):
		fault = problem.NotFound(v.words.Text("failure.unknown"))
	default:
		fault = problem.Internal(err)
	}
	if fault.Status >= 500 {
		p.log.ErrorContext(v.request.Context(), "page failed", "path", v.request.URL.Path, "status", fault.Status, "error", fault.Error())
	}
	if err := p.renderFailure(v, fault.Status, fault, ""); err != nil {
		p.log.ErrorContext(v.request.Context(), "page failed", "path", v.request.URL.Path, "status", 500, "error", err.Error())
		http.Error(v, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// renderFailure says what happened: in words of its own for errors that people
// meet, else in those of the error.
func (p *Pages) renderFailure(v *visit, status int, fault *problem.Error, id string) error {
	view := notice{
		frame: p.frame(v, v.words.Text(failureTitle(fault))),
		Text:  v.words.Maybe("failure." + string(fault.ID)),
		Links: v.waysOut(),
	}
	if fault.Status == http.StatusTooManyRequests || fault.Status == http.StatusServiceUnavailable {
		view.Text = v.words.Text("failure.busy.text")
	}
	if view.Text == "" {
		view.Text = fault.Reason
	}
	if view.Text == "" {
		view.Text = v.words.Text("failure.text")
	}
	if fault.Status >= 500 {
		view.More = v.words.Text("failure.next")
	}
	if id != "" {
		view.Details = []fact{{Name: v.words.Text("failure.id"), Value: id}}
	}
	return p.render(v, status, "notice", &view)
}

// failureTitle tells whose turn it is: ours, or the person's to try again.
func failureTitle(fault *problem.Error) string {
	switch {
	case fault.Status == http.StatusTooManyRequests, fault.Status == http.StatusServiceUnavailable:
		return "failure.busy.title"
	case fault.Status == http.StatusNotFound:
		return "failure.missing.title"
	case fault.Status >= 500:
		return "failure.ours.title"
	}
	return "failure.title"
}

func (v *visit) waysOut() []link {
	if home := v.home(); home != "" {
		return []link{{Href: home, Text: v.words.Text("to.home"), Button: true, Primary: true}}
	}
	return []link{{Href: v.start(flow.Login, nil), Text: v.words.Text("login.title"), Button: true, Primary: true}}
}
