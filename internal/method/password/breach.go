package password

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"cardea/internal/breach"
	"cardea/internal/clock"
	"cardea/internal/problem"
)

const (
	rangePrefix = 5               // hexadecimal digits that are told to the service
	rangeSuffix = sha1.Size*2 - 5 // digits that are not
	breachTTL   = time.Hour       // how long an answer is believed
	breachCache = 256             // answers that are kept, about 40 kB each
	breachLimit = 1 << 20         // bytes of one answer
)

// ErrBreachUnavailable is a breach service that could not be asked: no
// connection, a time-out, an answer that breaks off or is not a 200.
var ErrBreachUnavailable = errors.New("the breach service is not available")

var errBreachAnswer = errors.New("the breach service's answer cannot be read")

// Doer sends a request: the guarded client, with a time-out of about a second
// and two retries.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// BreachClient asks a "Have I Been Pwned" range API how often a password was
// seen. It tells the service 20 of the 160 bits of the password's SHA-1 and
// asks for padding, so that the answer's size tells no eavesdropper which 20.
// Answers are remembered for an hour. Safe for concurrent use.
type BreachClient struct {
	doer  Doer
	base  string
	cache *rangeCache
}

// NewBreachClient makes a client of the API at a base URL without a path, for
// instance https://api.pwnedpasswords.com.
func NewBreachClient(doer Doer, baseURL string, clk clock.Clock) *BreachClient {
	return &BreachClient{
		doer:  doer,
		base:  strings.TrimSuffix(baseURL, "/"),
		cache: newRangeCache(breachCache, clk),
	}
}

// Breaches is how often the password was seen, 0 for never. Its errors are
// problems with status 502 and id upstream_error; their cause is
// ErrBreachUnavailable when the service could not be asked.
func (c *BreachClient) Breaches(ctx context.Context, password string) (int, error) {
	sum := sha1.Sum([]byte(password))
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	prefix, suffix := digest[:rangePrefix], digest[rangePrefix:]
	r, ok := c.cache.get(prefix)
	if !ok {
		var err error
		if r, err = c.fetch(ctx, prefix); err != nil {
			return 0, problem.New(http.StatusBadGateway,
				"The service that knows breached passwords did not answer as expected.").
				Named(problem.Upstream).With(err)
		}
		c.cache.put(prefix, r)
	}
	return r.count(suffix), nil
}

func (c *BreachClient) fetch(ctx context.Context, prefix string) (hashRange, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/range/"+prefix, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Add-Padding", "true")
	resp, err := c.doer.Do(req)
	if err != nil {
		return nil, errors.Join(ErrBreachUnavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrBreachUnavailable, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, breachLimit))
	if err != nil {
		return nil, errors.Join(ErrBreachUnavailable, err)
	}
	return parseRange(body)
}

// hashRange is one answer of the service.
type hashRange []breachedHash

type breachedHash struct {
	suffix [rangeSuffix]byte
	count  uint32
}

// parseRange reads the lines of an answer. A count that is not a number, or a digest
// that is none, makes all of it unreadable.
func parseRange(body []byte) (hashRange, error) {
	var out hashRange
	for line := range bytes.Lines(body) {
		suffix, count, ok, err := breach.Entry(line, rangeSuffix)
		if err != nil {
			return nil, errors.Join(errBreachAnswer, err)
		}
		if !ok {
			continue
		}
		one := breachedHash{count: count}
		for i, digit := range suffix {
			if one.suffix[i] = digit; !isHex(digit) {
				return nil, errBreachAnswer
			}
			if digit >= 'a' {
				one.suffix[i] -= 'a' - 'A'
			}
		}
		out = append(out, one)
	}
	return out, nil
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (r hashRange) count(suffix string) int {
	for i := range r {
		if string(r[i].suffix[:]) == suffix {
			return int(r[i].count)
		}
	}
	return 0
}

// rangeCache keeps the answers that were used last, each for breachTTL.
type rangeCache struct {
	clock clock.Clock
	size  int

	mu    sync.Mutex
	order *list.List // of *cachedRange, the last used in front
	byKey map[string]*list.Element
}

type cachedRange struct {
	prefix  string
	hashes  hashRange
	expires time.Time
}

func newRangeCache(size int, clk clock.Clock) *rangeCache {
	return &rangeCache{clock: clk, size: size, order: list.New(), byKey: map[string]*list.Element{}}
}

func (c *rangeCache) get(prefix string) (hashRange, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[prefix]
	if !ok {
		return nil, false
	}
	entry := e.Value.(*cachedRange)
	if !c.clock.Now().Before(entry.expires) {
		c.drop(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return entry.hashes, true
}

func (c *rangeCache) put(prefix string, hashes hashRange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[prefix]; ok {
		c.drop(e)
	}
	c.byKey[prefix] = c.order.PushFront(&cachedRange{prefix, hashes, c.clock.Now().Add(breachTTL)})
	if c.order.Len() > c.size {
		c.drop(c.order.Back())
	}
}

func (c *rangeCache) drop(e *list.Element) {
	c.order.Remove(e)
	delete(c.byKey, e.Value.(*cachedRange).prefix)
}
