package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

const (
	importBatch = 100     // lines that are stored in one transaction, at most
	maxLine     = 1 << 20 // bytes
)

// unlimited takes the deadlines of a request away and lets an answer begin before the
// request has ended. What a connection does not support it does not need.
func unlimited(c *http.ResponseController) {
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Time{})
	_ = c.EnableFullDuplex()
}

// importLine is one identity to import: what creating one takes, besides what an
// export tells of it. Of that, the id and the day of creation are kept.
type importLine struct {
	createBody
	ID          *uuid.UUID      `json:"id"`
	Credentials json.RawMessage `json:"credentials"`
	CreatedAt   *time.Time      `json:"created_at"`

	// Known, and without effect: they follow from the rest.
	SchemaURL      string     `json:"schema_url"`
	StateChangedAt *time.Time `json:"state_changed_at"`
	UpdatedAt      *time.Time `json:"updated_at"`
}

// importing is one import on its way.
type importing struct {
	s        *Server
	set      *compiled
	dryRun   bool
	terse    bool // only what went wrong is reported
	lines    *bufio.Reader
	report   *lines
	batch    []imported
	read     int // lines, so far
	created  int
	failures int
}

// imported is a line of the batch.
type imported struct {
	line     int
	identity *identity.Identity // nil when it cannot be stored
	failure  *problem.Error
}

// importIdentities serves POST /admin/identities:import. Every line is stored or
// refused on its own, and reported in the order of the lines; the last line of the
// report is a summary. dry_run=true stores nothing; it finds values that are taken,
// also by another of the 100 lines around. report=failures leaves successes out.
func (s *Server) importIdentities(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	m := &importing{s: s, set: s.compiled.Load(), lines: bufio.NewReaderSize(r.Body, 64<<10)}
	var err error
	if text := q.Get("dry_run"); text != "" {
		if m.dryRun, err = strconv.ParseBool(text); err != nil {
			s.fail(w, r, problem.BadRequest("The parameter dry_run is neither true nor false."))
			return
		}
	}
	switch q.Get("report") {
	case "", "all":
	case "failures":
		m.terse = true
	default:
		s.fail(w, r, problem.BadRequest("The parameter report is all or failures."))
		return
	}
	m.report = newLines(w)
	err = m.run(r.Context())
	if err != nil {
		s.note(r, err)
	}
	m.summary(err)
}

// run goes through all lines. Its error ends the import: what is reported so far has
// happened, the rest has not.
func (m *importing) run(ctx context.Context) error {
	for {
		raw, tooLong, err := readLine(m.lines)
		done := errors.Is(err, io.EOF)
		if err != nil && !done {
			return problem.BadRequest("The body broke off.").With(err)
		}
		if !done || len(raw) > 0 {
			m.read++
		}
		if tooLong {
			m.batch = append(m.batch, imported{line: m.read, failure: problem.BadRequest("A line holds at most %d MiB.", maxLine>>20)})
		} else if len(bytes.TrimSpace(raw)) > 0 {
			if err := m.take(ctx, raw); err != nil {
				return errors.Join(err, m.store(ctx))
			}
		}
		if done || len(m.batch) >= importBatch || m.lines.Buffered() == 0 {
			if err := m.store(ctx); err != nil {
				return err
			}
		}
		if done {
			return nil
		}
	}
}

// take makes the identity of a line. What is wrong with it is its own failure; an
// error of ours ends the import.
func (m *importing) take(ctx context.Context, raw []byte) error {
	i, err := m.identity(ctx, raw)
	item := imported{line: m.read, identity: i}
	if err != nil {
		if item.identity, item.failure = nil, problemOf(err); item.failure.Status >= 500 {
			return err
		}
	}
	m.batch = append(m.batch, item)
	return nil
}

func (m *importing) identity(ctx context.Context, raw []byte) (*identity.Identity, error) {
	var line importLine
	if err := decodeRaw(raw, &line, strict); err != nil {
		return nil, err
	}
	var err error
	if line.createBody.Credentials, err = importedCredentials(line.Credentials); err != nil {
		return nil, err
	}
	now := m.s.clock.Now()
	if line.ID == nil || *line.ID == uuid.Nil {
		id := m.s.newID()
		line.ID = &id
	}
	i, err := m.s.draftIdentityAs(ctx, m.set, *line.ID, &line.createBody, now)
	if err != nil {
		return nil, err
	}
	if line.CreatedAt != nil && line.CreatedAt.Before(now) && line.CreatedAt.Year() >= 1970 {
		i.CreatedAt = line.CreatedAt.UTC().Truncate(time.Microsecond)
	}
	return i, m.s.derive(m.set, i, now)
}

// importedCredentials reads credentials as creating an identity takes them, or as an
// export shows them: those also tell their type and what follows from the rest.
func importedCredentials(raw json.RawMessage) (body credentialsBody, err error) {
	if raw == nil {
		return body, nil
	}
	var entries map[identity.CredentialType]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return body, malformed("The credentials are not an object of objects.", err)
	}
	mode := strict
	for name, entry := range entries {
		if _, exported := entry["type"]; !exported {
			continue
		}
		mode = lenient // their configs may tell more than an import understands
		var config map[string]json.RawMessage
		if err := json.Unmarshal(entry["config"], &config); err != nil && len(entry["config"]) > 0 {
			return body, malformed("A config is not as an export shows it.", err)
		}
		if config = importable(name, config); config == nil {
			delete(entries, name)
			continue
		}
		encoded, err := json.Marshal(config)
		if err != nil {
			return body, err
		}
		plain := map[string]json.RawMessage{"config": encoded}
		if handles := entry["identifiers"]; name == identity.Passkey && len(handles) > 0 {
			plain["identifiers"] = handles // unlike those of others, they follow from nothing
		}
		entries[name] = plain
	}
	plain, err := json.Marshal(entries)
	if err != nil {
		return body, err
	}
	return body, decodeRaw(plain, &body, mode)
}

// importable gives an exported config the form in which it is imported; nil for one
// that says nothing, or only what follows from the traits and the id.
func importable(t identity.CredentialType, config map[string]json.RawMessage) map[string]json.RawMessage {
	empty := func(name string) bool {
		var list []json.RawMessage
		return json.Unmarshal(config[name], &list) != nil || len(list) == 0
	}
	switch {
	case len(config) == 0, t == identity.Code:
		return nil
	case (t == identity.WebAuthn || t == identity.Passkey) && empty("credentials"):
		return nil
	case t == identity.LookupSecret:
		return map[string]json.RawMessage{"codes": config["recovery_codes"]}
	}
	return config
}

// store stores the batch and reports on its lines.
func (m *importing) store(ctx context.Context) error {
	var list []*identity.Identity
	var from []int
	for n := range m.batch {
		if m.batch[n].identity != nil {
			list, from = append(list, m.batch[n].identity), append(from, n)
		}
	}
	if len(list) > 0 {
		write := m.s.Identities.CreateIdentities
		if m.dryRun {
			write = m.s.Identities.CheckIdentities
		}
		conflicts, err := write(ctx, list)
		if err != nil {
			return err
		}
		for k, conflict := range conflicts {
			if conflict != nil {
				m.batch[from[k]].identity, m.batch[from[k]].failure = nil, problemOf(duplicate(conflict))
			}
		}
	}
	for _, item := range m.batch {
		if err := m.tell(item); err != nil {
			return err
		}
	}
	if len(m.batch) > 0 {
		m.batch = m.batch[:0]
		return m.report.flush()
	}
	return nil
}

// tell reports on a line.
func (m *importing) tell(item imported) error {
	o := open(m.report.buffer())
	o.number("line", item.line)
	if item.failure == nil {
		m.created++
		if m.terse {
			return nil
		}
		o.plain("action", "create")
		o.id("identity", item.identity.ID)
	} else {
		m.failures++
		raw, err := json.Marshal(wireError(item.failure, ""))
		if err != nil {
			return err
		}
		o.plain("action", "error")
		o.raw("error", raw)
	}
	m.report.write(o.close())
	return nil
}

// summary is the last line of the report. A report without one is not complete.
func (m *importing) summary(failure error) {
	o := open(m.report.buffer())
	o.key("summary")
	in := open(o.b)
	in.number("lines", m.read)
	in.number("created", m.created)
	in.number("failed", m.failures)
	in.flag("dry_run", m.dryRun)
	in.flag("complete", failure == nil)
	if failure != nil {
		if raw, err := json.Marshal(wireError(problemOf(failure), "")); err == nil {
			in.raw("error", raw)
		}
	}
	o.b = in.close()
	m.report.write(o.close())
	_ = m.report.flush() // a client that went away is no error of ours
}

// readLine reads up to the next line feed. Of a line that is too long nothing is
// kept. The error is io.EOF with the last line.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxLine; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}
