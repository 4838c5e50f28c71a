package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cardea/internal/apikey"
	"cardea/internal/problem"
	"cardea/internal/secret"
)

// Sizes of the pages of messages (family C of the admin reference).
const (
	defaultMessagePage = 10
	largestMessagePage = 500
)

// pageLifetime is how long the token of a page of messages can be used.
const pageLifetime = time.Hour

// pageLabel separates page tokens from everything else that is made with the same
// secrets.
const pageLabel secret.Label = "page token"

// redacted stands for what a message says: codes and links that open accounts, so
// that not even operators see them outside of development mode.
const redacted = "<hidden outside of development mode>"

// courierTable are the addresses on which operators look after messages.
func (s *Server) courierTable() []Route {
	return under(apikey.Courier, append([]entry{
		{"GET", "/admin/courier/messages", "listCourierMessages", s.listMessages},
		{"GET", "/admin/courier/messages/{id}", "getCourierMessage", s.getMessage},
		{"POST", "/admin/courier/messages/{id}/resend", "resendCourierMessage", s.resendMessage},
	}, s.suppressionTable()...))
}

// messageStates are the words for the states of a message.
var messageStates = map[string]bool{"queued": true, "sent": true, "processing": true, "abandoned": true}

// listMessages serves GET /admin/courier/messages.
func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) {
	list, err := s.messagesByKey(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	open := s.compiled.Load().Dev
	all := make([]messageWire, len(list))
	for i, m := range list {
		all[i] = wireMessage(m, open)
		all[i].Dispatches = nil
	}
	writeJSON(w, 200, all)
}

// messagesByKey loads a page of messages and adds its links.
func (s *Server) messagesByKey(w http.ResponseWriter, r *http.Request) ([]*Message, error) {
	q := r.URL.Query()
	size, err := messagePageSize(q)
	if err != nil {
		return nil, err
	}
	f := MessageFilter{Status: q.Get("status"), Recipient: q.Get("recipient"), Limit: size + 1}
	if q.Has("status") && !messageStates[f.Status] {
		return nil, problem.BadRequest("The status of a message is queued, processing, sent or abandoned.")
	}
	return byKey(s, w, r, s.pageScope("messages", filtersOf(q, "status", "recipient")), size, func(before time.Time, id uuid.UUID) ([]*Message, error) {
		f.BeforeCreatedAt, f.BeforeID = before, id
		return s.Courier.ListMessages(r.Context(), f)
	}, func(m *Message) (time.Time, uuid.UUID) { return m.CreatedAt, m.ID })
}

// byKey loads a page of a list that goes by time and id, and adds its links. load
// gives what follows a place, zero for the first page, and one more than fits.
func byKey[T any](s *Server, w http.ResponseWriter, r *http.Request, scope []byte, size int,
	load func(before time.Time, id uuid.UUID) ([]T, error), place func(T) (time.Time, uuid.UUID),
) ([]T, error) {
	set, now := s.compiled.Load(), s.clock.Now()
	var before time.Time
	var id uuid.UUID
	var err error
	if token := pageToken(r.URL.Query()); token != "" {
		if before, id, err = set.openPage(token, scope, now); err != nil {
			return nil, err
		}
	}
	list, err := load(before, id)
	if err != nil {
		return nil, err
	}
	first, err := s.sealPage(set, scope, firstMoment(), uuid.Nil, now)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > size {
		list = list[:size]
		at, id := place(list[size-1])
		if next, err = s.sealPage(set, scope, at, id, now); err != nil {
			return nil, err
		}
	}
	writeKeyLinks(w, r, size, first, next)
	return list, nil
}

func messagePageSize(q url.Values) (int, error) {
	text := q.Get("page_size")
	if text == "" {
		return defaultMessagePage, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, malformed("The page_size is not a number.", err)
	case n < 1:
		return defaultMessagePage, nil
	}
	return min(n, largestMessagePage), nil
}

// firstMoment is before every message, in the order of the list.
func firstMoment() time.Time { return time.Date(2200, 12, 31, 23, 59, 59, 0, time.UTC) }

// pageSize is the length of an opened page token: when it ends, the moment and the
// id of the last message of the page before.
const pageSize = 8 + 8 + 16

// sealPage makes the token of the page that follows a message.
func (s *Server) sealPage(set *compiled, scope []byte, at time.Time, id uuid.UUID, now time.Time) (string, error) {
	plain := make([]byte, 0, pageSize)
	plain = binary.BigEndian.AppendUint64(plain, uint64(now.Add(pageLifetime).UnixMicro()))
	plain = binary.BigEndian.AppendUint64(plain, uint64(at.UnixMicro()))
	plain = append(plain, id[:]...)
	sealed, err := set.pageKeys.Seal(s.rand, pageLabel, plain, scope)
	return base64.URLEncoding.EncodeToString(sealed), err
}

// openPage is the way back from sealPage. A token that was made up, that belongs to
// another list or that is over is a 400.
func (set *compiled) openPage(token string, scope []byte, now time.Time) (at time.Time, id uuid.UUID, err error) {
	const foreign = "The page_token is not one of this list."
	sealed, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return at, id, malformed(foreign, err)
	}
	plain, err := set.pageKeys.Open(pageLabel, sealed, scope)
	if err != nil || len(plain) != pageSize {
		return at, id, malformed(foreign, err)
	}
	if ends := time.UnixMicro(int64(binary.BigEndian.Uint64(plain))); now.After(ends) {
		return at, id, malformed("The page_token is over. Please start with the first page.", nil)
	}
	copy(id[:], plain[16:])
	return time.UnixMicro(int64(binary.BigEndian.Uint64(plain[8:]))).UTC(), id, nil
}

// getMessage serves GET /admin/courier/messages/{id}.
func (s *Server) getMessage(w http.ResponseWriter, r *http.Request) {
	id, err := messageID(r)
	if err == nil {
		err = s.showMessage(w, r, id)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// resendMessage serves POST /admin/courier/messages/{id}/resend: a message that was
// given up gets all its attempts again. The contract has no such operation.
func (s *Server) resendMessage(w http.ResponseWriter, r *http.Request) {
	id, err := messageID(r)
	if err == nil {
		err = s.resend(r, id)
	}
	if err == nil {
		err = s.showMessage(w, r, id)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) resend(r *http.Request, id uuid.UUID) error {
	requeued, err := s.Courier.RequeueMessage(r.Context(), id, s.clock.Now())
	if err == nil && !requeued {
		p := problem.Conflict("Only a message that was abandoned can be sent again.")
		p.Message = "The state of the resource does not allow this"
		return p
	}
	return err
}

func messageID(r *http.Request) (uuid.UUID, error) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return uuid.Nil, malformed("The id of a message is a UUID.", err)
	}
	return id, nil
}

func (s *Server) showMessage(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	m, err := s.Courier.Message(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, 200, wireMessage(m, s.compiled.Load().Dev))
	return nil
}

// messageWire is a message in the order of the contract.
type messageWire struct {
	ID           uuid.UUID      `json:"id"`
	Status       string         `json:"status"`
	Type         string         `json:"type"`
	Recipient    string         `json:"recipient"`
	Body         string         `json:"body"`
	Subject      string         `json:"subject"`
	TemplateType string         `json:"template_type"`
	Channel      string         `json:"channel"`
	SendCount    int            `json:"send_count"`
	Dispatches   []dispatchWire `json:"dispatches,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
}

// dispatchWire is one attempt to send a message.
type dispatchWire struct {
	ID        uuid.UUID  `json:"id"`
	MessageID uuid.UUID  `json:"message_id"`
	Status    string     `json:"status"`
	Error     *errorWire `json:"error"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// wireMessage puts a message into the words of the contract; open shows what it
// says.
func wireMessage(m *Message, open bool) messageWire {
	out := messageWire{
		ID: m.ID, Status: m.Status, Type: string(m.Channel), Recipient: m.Recipient, Body: redacted, Subject: redacted,
		TemplateType: m.Template, Channel: string(m.Channel), SendCount: m.SendCount, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	if open {
		out.Subject, out.Body = m.Content()
	}
	for _, d := range m.Dispatches {
		wire := dispatchWire{ID: d.ID, MessageID: m.ID, Status: "success", CreatedAt: d.CreatedAt, UpdatedAt: d.CreatedAt}
		if d.Error != "" {
			inner := wireError(problem.New(http.StatusInternalServerError, "%s", d.Error), "")
			wire.Status, wire.Error = "failed", &inner
		}
		out.Dispatches = append(out.Dispatches, wire)
	}
	return out
}
