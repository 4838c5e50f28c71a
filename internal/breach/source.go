package breach

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Key is what a filter keeps of a digest: its last eight bytes.
type Key = uint64

const (
	digestDigits = 2 * len(Digest{})
	rangeDigits  = 5 // of a digest, which name a range
	suffixDigits = digestDigits - rangeDigits
	rangesOfOne  = 1 << (4*rangeDigits - 8) // ranges of a shard
	rangeLimit   = 4 << 20                  // bytes of one range; they have about 40 kB
)

// ErrList is a list that cannot be read.
var ErrList = errors.New("the list cannot be read")

// Entry reads a line "DIGITS:COUNT" of a list. A line without a colon counts once,
// thousands may be separated by commas, counts are cut at 2^31-1. Padding, which lists
// have to hide their length, has a count of 0; ok is false for it, for empty lines and
// for those with another number of digits. A count that is no number is an error.
func Entry(line []byte, digits int) (hash []byte, count uint32, ok bool, err error) {
	line = bytes.TrimSpace(line)
	hash, number, counted := bytes.Cut(line, []byte(":"))
	count = 1
	if counted {
		n, err := strconv.ParseUint(strings.ReplaceAll(strings.TrimSpace(string(number)), ",", ""), 10, 64)
		if err != nil {
			return nil, 0, false, ErrList
		}
		count = uint32(min(n, math.MaxInt32))
	}
	return hash, count, len(hash) == digits && count > 0, nil
}

// keyOf reads the last digits of a digest.
func keyOf(hash []byte) (Key, error) {
	key, err := strconv.ParseUint(string(hash[len(hash)-16:]), 16, 64)
	if err != nil {
		return 0, ErrList
	}
	return key, nil
}

// Doer sends a request.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Ranges is a "Have I Been Pwned" range API: 4,096 ranges for each shard.
type Ranges struct {
	Client   Doer
	URL      string // without a path, for instance https://api.pwnedpasswords.com
	Parallel int    // requests at once; at least 1 is taken
}

// Fill asks for all shards that are not done yet. step is called after each. An
// interrupted call keeps the shards that were done.
func (r Ranges) Fill(ctx context.Context, b *Build, step func()) error {
	for shard := range Shards {
		if !b.Has(shard) {
			keys, err := r.shard(ctx, shard, b.minCount)
			if err != nil {
				return err
			}
			if err := b.Put(shard, keys); err != nil {
				return err
			}
		}
		step()
	}
	return nil
}

func (r Ranges) shard(ctx context.Context, shard int, minCount uint32) ([]Key, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var mu sync.Mutex
	var all []Key
	var workers sync.WaitGroup
	for range max(1, r.Parallel) {
		workers.Go(func() {
			for n := range numbers {
				keys, err := r.one(ctx, fmt.Sprintf("%02X%03X", shard, n), minCount)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				all = append(all, keys...)
				mu.Unlock()
			}
		})
	}
feed:
	for n := range rangesOfOne {
		select {
		case numbers <- n:
		case <-ctx.Done():
			break feed
		}
	}
	close(numbers)
	workers.Wait()
	return all, context.Cause(ctx)
}

func (r Ranges) one(ctx context.Context, prefix string, minCount uint32) ([]Key, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(r.URL, "/")+"/range/"+prefix, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: range %s was answered with status %d", ErrList, prefix, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, rangeLimit+1))
	if err != nil {
		return nil, err
	}
	if len(body) > rangeLimit {
		return nil, fmt.Errorf("%w: range %s is longer than %d bytes", ErrList, prefix, rangeLimit)
	}
	var keys []Key
	for line := range bytes.Lines(body) {
		hash, count, ok, err := Entry(line, suffixDigits)
		if err == nil && ok && count >= minCount {
			var key Key
			if key, err = keyOf(hash); err == nil {
				keys = append(keys, key)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("range %s: %w", prefix, err)
		}
	}
	return keys, nil
}

// Lines fills a build from a list of whole digests, "SHA1:COUNT" on each line, sorted
// by digest: what the official downloader writes. step is called after each of the 256
// shards.
func Lines(ctx context.Context, in io.Reader, b *Build, step func()) error {
	scan := bufio.NewScanner(in)
	shard, number := 0, 0
	var keys []Key
	finish := func(until int) error {
		for ; shard < until; shard++ {
			if err := errors.Join(ctx.Err(), b.Put(shard, keys)); err != nil {
				return err
			}
			keys = keys[:0]
			step()
		}
		return nil
	}
	for scan.Scan() {
		number++
		hash, count, ok, err := Entry(scan.Bytes(), digestDigits)
		if err != nil || !ok && len(bytes.TrimSpace(scan.Bytes())) > 0 && count > 0 {
			return fmt.Errorf("line %d: %w: %d hexadecimal digits are wanted, a colon and a count", number, ErrList, digestDigits)
		}
		if !ok {
			continue
		}
		var first [1]byte
		if _, err := hex.Decode(first[:], hash[:2]); err != nil {
			return fmt.Errorf("line %d: %w", number, ErrList)
		}
		if int(first[0]) < shard {
			return fmt.Errorf("line %d: %w: it is not sorted by digest", number, ErrList)
		}
		if err := finish(int(first[0])); err != nil {
			return err
		}
		if count < b.minCount {
			continue
		}
		key, err := keyOf(hash)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		keys = append(keys, key)
	}
	if err := scan.Err(); err != nil {
		return err
	}
	return finish(Shards)
}
