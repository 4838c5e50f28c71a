package httpapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/problem"
)

// replayAtOnce is how many deliveries one request replays: it runs in one
// transaction, and others write, too.
const replayAtOnce = 500

// eventTable are the addresses on which operators look after what other systems are
// still to be told. The contract has none of them.
func (s *Server) eventTable() []Route {
	return under(apikey.Events, []entry{
		{"GET", "/admin/events/deliveries", "listDeliveries", s.listDeliveries},
		{"GET", "/admin/events/deliveries/{id}", "getDelivery", s.getDelivery},
		{"POST", "/admin/events/deliveries/{id}/replay", "replayDelivery", s.replayDelivery},
		{"POST", "/admin/events/deliveries/replay", "replayDeliveries", s.replayDeliveries},
	})
}

// deliveryFilters are the parameters that select deliveries.
var deliveryFilters = []string{"status", "target", "type"}

func deliveryFilter(q url.Values) (f DeliveryFilter, err error) {
	f = DeliveryFilter{Status: q.Get("status"), Target: q.Get("target"), Type: q.Get("type")}
	if f.Status != "" && f.Status != "waiting" && f.Status != "dead" {
		return f, problem.BadRequest("The status of a delivery is waiting or dead.")
	}
	return f, nil
}

// listDeliveries serves GET /admin/events/deliveries.
func (s *Server) listDeliveries(w http.ResponseWriter, r *http.Request) {
	list, err := s.deliveriesByKey(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	all := make([]deliveryWire, len(list))
	for i, d := range list {
		all[i] = wireDelivery(d)
	}
	writeJSON(w, 200, all)
}

func (s *Server) deliveriesByKey(w http.ResponseWriter, r *http.Request) ([]*Delivery, error) {
	q := r.URL.Query()
	f, err := deliveryFilter(q)
	if err != nil {
		return nil, err
	}
	size, err := messagePageSize(q)
	if err != nil {
		return nil, err
	}
	f.Limit = size + 1
	return byKey(s, w, r, s.pageScope("deliveries", filtersOf(q, deliveryFilters...)), size, func(before time.Time, id uuid.UUID) ([]*Delivery, error) {
		f.BeforeCreatedAt, f.BeforeID = before, id
		return s.Deliveries.ListDeliveries(r.Context(), f)
	}, func(d *Delivery) (time.Time, uuid.UUID) { return d.CreatedAt, d.ID })
}

// getDelivery serves GET /admin/events/deliveries/{id}.
func (s *Server) getDelivery(w http.ResponseWriter, r *http.Request) {
	id, err := deliveryID(r)
	if err == nil {
		err = s.showDelivery(w, r, id)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// replayDelivery serves POST /admin/events/deliveries/{id}/replay.
func (s *Server) replayDelivery(w http.ResponseWriter, r *http.Request) {
	id, err := deliveryID(r)
	if err == nil {
		err = s.replay(r, id)
	}
	if err == nil {
		err = s.showDelivery(w, r, id)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) replay(r *http.Request, id uuid.UUID) error {
	replayed, err := s.Deliveries.ReplayDelivery(r.Context(), id, s.clock.Now())
	if err == nil && !replayed {
		p := problem.Conflict("Only a delivery that was given up can be replayed; this one waits for its next attempt.")
		p.Message = "The state of the resource does not allow this"
		return p
	}
	return err
}

// replayDeliveries serves POST /admin/events/deliveries/replay.
func (s *Server) replayDeliveries(w http.ResponseWriter, r *http.Request) {
	f, err := deliveryFilter(r.URL.Query())
	f.Status, f.Limit = "", replayAtOnce
	var n int
	if err == nil {
		n, err = s.Deliveries.ReplayDeliveries(r.Context(), f, s.clock.Now())
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, 200, struct {
		Replayed int  `json:"replayed"`
		More     bool `json:"more"`
	}{n, n == replayAtOnce})
}

func deliveryID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return uuid.Nil, malformed("The id of a delivery is a UUID.", err)
	}
	return id, nil
}

func (s *Server) showDelivery(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	d, err := s.Deliveries.Delivery(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, 200, wireDelivery(d))
	return nil
}

// deliveryWire is a delivery as operators see it: never what it says.
type deliveryWire struct {
	ID        uuid.UUID `json:"id"`
	EventID   uuid.UUID `json:"event_id"`
	Kind      string    `json:"kind"`
	Target    string    `json:"target"`
	Type      string    `json:"type"`
	Subject   uuid.UUID `json:"subject"`
	Status    string    `json:"status"`
	Attempts  int       `json:"attempts"`
	Error     string    `json:"error,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func wireDelivery(d *Delivery) deliveryWire {
	return deliveryWire{
		ID: d.ID, EventID: d.Event, Kind: d.Kind, Target: d.Target, Type: d.Type, Subject: d.Subject,
		Status: d.Status, Attempts: d.Attempts, Error: d.Error, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
}
