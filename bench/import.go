package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// importBatch is the largest batch that PATCH /admin/identities takes.
	importBatch = 1000
	// importConnections is how many batches are on their way at once: one is stored
	// while the others are read and checked.
	importConnections = 4
	// stretches is how many parts an import is told in, so that one that slows down
	// with the number of rows is seen.
	stretches = 10
	// memoryInterval is how often the server's memory is read meanwhile.
	memoryInterval = 100 * time.Millisecond
	// listSize is the length of a page of the list, the default of the contract.
	listSize = 250
	// listRepeats is how often each of the two pages is asked for.
	listRepeats = 200
	// importTimeout ends an experiment that does not come to an end.
	importTimeout = 2 * time.Hour
)

// An importReport is what importing identities through the admin API has cost,
// beside what the same rows cost without a server.
type importReport struct {
	binary     string
	identities int
	took       time.Duration
	cpu        time.Duration // of the server meanwhile; 0: not known
	stretches  []stretch
	peak       int64 // highest resident set of the whole import, in bytes
	rawTook    time.Duration
	rawRows    int
	first      time.Duration // median of the first page of the list
	last       time.Duration // and of the last one
	pages      int
}

// A stretch is a part of an import.
type stretch struct {
	perSecond float64
	memory    int64 // highest resident set that was read in it, in bytes
}

// measureImport imports so many identities with given hashes into an empty
// database, goes through the whole list, and then stores the same rows anew with
// nothing but SQL.
func (e *experiment) measureImport(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	binary, err := e.findBinary(ctx)
	if err != nil {
		return err
	}
	s, err := install(ctx, binary, filepath.Join(e.dir, "import"), "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if _, err := s.start(ctx); err != nil {
		return err
	}
	r := &importReport{binary: binary, identities: e.imported}
	e.say("importing %d identities", e.imported)
	if err := e.importAll(ctx, s, r); err != nil {
		return err
	}
	e.say("reading the list to its end")
	if err := r.readList(ctx, s); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	e.say("inserting the same rows without a server")
	raw, err := install(ctx, binary, filepath.Join(e.dir, "raw"), "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.log.Close()) }()
	r.rawRows, r.rawTook, err = insertAgain(ctx, s.path("db.sqlite"), raw.path("db.sqlite"))
	e.report.imported = r
	return err
}

// importAll sends batch after batch and notes rate and memory on the way.
func (e *experiment) importAll(ctx context.Context, s *server, r *importReport) error {
	var done atomic.Int64
	before, _ := s.process.cpu()
	begun := time.Now()
	var failed error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		failed = sendAll(ctx, s.admin, e.imported, &done)
	}()
	r.watch(s.process, begun, &done, ended)
	r.took = time.Since(begun)
	if after, err := s.process.cpu(); err == nil {
		r.cpu = after - before
	}
	return failed
}

// sendAll creates so many identities, a few batches at a time, and counts them.
func sendAll(ctx context.Context, addr string, total int, done *atomic.Int64) error {
	batches := int64((total + importBatch - 1) / importBatch)
	var next atomic.Int64
	errs := make([]error, importConnections)
	var senders sync.WaitGroup
	for k := range errs {
		senders.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for n := next.Add(1) - 1; n < batches && errs[k] == nil; n = next.Add(1) - 1 {
				from, to := int(n)*importBatch, min(int(n+1)*importBatch, total)
				if errs[k] = sendBatch(ctx, c, addr, from, to); errs[k] == nil {
					done.Add(int64(to - from))
				} else {
					next.Store(batches)
				}
			}
		})
	}
	senders.Wait()
	return errors.Join(errs...)
}

// watch notes what the import does, stretch by stretch, until it has ended.
func (r *importReport) watch(p *process, begun time.Time, done *atomic.Int64, ended <-chan struct{}) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	var highest int64
	before, since := int64(0), begun
	for running := true; running; {
		select {
		case <-tick.C:
		case <-ended:
			running = false
		}
		if now, peak, err := p.memory(); err == nil {
			highest, r.peak = max(highest, now), peak
		}
		n, now := done.Load(), time.Now()
		if n-before >= int64(r.identities/stretches) || !running && n > before {
			r.stretches = append(r.stretches, stretch{float64(n-before) / now.Sub(since).Seconds(), highest})
			before, since, highest = n, now, 0
		}
	}
}

// sendBatch creates the identities with the numbers from up to to.
func sendBatch(ctx context.Context, c *http.Client, addr string, from, to int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, "http://"+addr+"/admin/identities", bytes.NewReader(batchBody(from, to)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %.300s", statusError(res.StatusCode), body)
	}
	return allCreated(body, to-from)
}

// batchBody describes people whose addresses come in no order, as those of another
// system do, each with a hash of bcrypt's form and cost 12.
func batchBody(from, to int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"identities":[`)
	for n := from; n < to; n++ {
		if n > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"create":{"schema_id":"default","traits":{"email":%q,"name":{"first":"Ada","last":"Byron %d"}},`+
			`"credentials":{"password":{"config":{"hashed_password":"$2a$12$%s"}}}}}`, importedEmail(n), n, hashTail(scattered(n)))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// importedEmail is the address of the imported identity with a number.
func importedEmail(n int) string { return fmt.Sprintf("%08x.person@cardea.test", scattered(n)) }

// scattered gives each number another one, in no order: its factor is odd.
func scattered(n int) uint32 { return uint32(n) * 2654435761 }

// hashTail is a salt and a hash in bcrypt's alphabet: 22 and 31 characters.
func hashTail(seed uint32) string {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	tail := make([]byte, 53)
	for i := range tail {
		seed = seed*1664525 + 1013904223
		tail[i] = alphabet[seed>>26]
	}
	tail[21], tail[52] = 'O', '.' // their last bits belong to no byte
	return string(tail)
}

// readList follows the list's links from the first page to the last, and then asks
// for both by turns.
func (r *importReport) readList(ctx context.Context, s *server) error {
	c := &http.Client{Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	first := fmt.Sprintf("/admin/identities?page_size=%d", listSize)
	last, seen := "", 0
	for next := first; next != ""; r.pages++ {
		page, err := getPage(ctx, c, s.admin, next)
		if err != nil {
			return err
		}
		seen += page.length
		last, next = next, page.next
	}
	if seen != r.identities {
		return fmt.Errorf("the list holds %d identities, want %d", seen, r.identities)
	}
	took := map[string][]time.Duration{}
	for range listRepeats {
		for _, address := range []string{first, last} {
			page, err := getPage(ctx, c, s.admin, address)
			if err != nil {
				return err
			}
			took[address] = append(took[address], page.took)
		}
	}
	middle := func(all []time.Duration) time.Duration { return slices.Sorted(slices.Values(all))[len(all)/2] }
	r.first, r.last = middle(took[first]), middle(took[last])
	return nil
}

// A listPage is an answer of the list.
type listPage struct {
	length int
	next   string // "" on the last one
	took   time.Duration
}

func getPage(ctx context.Context, c *http.Client, addr, path string) (p listPage, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return p, err
	}
	begun := time.Now()
	res, err := c.Do(req)
	if err != nil {
		return p, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	p.took = time.Since(begun)
	if err != nil {
		return p, err
	}
	if res.StatusCode != 200 {
		return p, statusError(res.StatusCode)
	}
	var list []struct{}
	if err := json.Unmarshal(raw, &list); err != nil {
		return p, errUnexpectedBody
	}
	p.length, p.next = len(list), nextLink(res.Header.Get("Link"))
	return p, nil
}

// nextLink finds the relative address of the next page in a Link header (RFC 8288).
func nextLink(header string) string {
	for link := range strings.SplitSeq(header, ",") {
		if address, rel, ok := strings.Cut(link, ">"); ok && strings.Contains(rel, `rel="next"`) {
			return strings.TrimPrefix(strings.TrimSpace(address), "<")
		}
	}
	return ""
}
