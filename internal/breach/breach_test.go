package breach

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var made = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// synthetic is a digest that nobody's password has.
func synthetic(n uint64) Digest {
	return sha1.Sum(binary.BigEndian.AppendUint64([]byte("synthetic"), n))
}

// listOf is a sorted list as the official downloader writes it.
func listOf(from, to uint64, count int) string {
	var lines []string
	for n := from; n < to; n++ {
		lines = append(lines, fmt.Sprintf("%X:%d\r\n", synthetic(n), count))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func nothing() {}

// build makes a file of a list.
func build(t testing.TB, list string, minCount uint32) (string, Info) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "breached")
	b, err := Begin(path, minCount)
	if err != nil {
		t.Fatal(err)
	}
	if err := Lines(t.Context(), strings.NewReader(list), b, nothing); err != nil {
		t.Fatal(err)
	}
	info, err := b.Finish(made)
	if err != nil {
		t.Fatal(err)
	}
	return path, info
}

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func contains(t testing.TB, f *File, d Digest) bool {
	t.Helper()
	found, err := f.Contains(d)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEverythingListedIsFoundAndNextToNothingElse(t *testing.T) {
	const listed, strangers = 50_000, 400_000
	path, info := build(t, listOf(0, listed, 3), 1)
	f := open(t, path)
	if info != f.Info() || info.Entries != listed || info.MinCount != 1 || !info.Made.Equal(made) {
		t.Errorf("it was built as %+v and is read as %+v", info, f.Info())
	}
	for n := range uint64(listed) {
		if !contains(t, f, synthetic(n)) {
			t.Fatalf("entry %d is missed", n)
		}
	}
	// One in 65,536 is expected: six of them. Twenty is beyond five deviations, and
	// the digests are the same in every run.
	wrong := 0
	for n := range uint64(strangers) {
		if contains(t, f, synthetic(listed+n)) {
			wrong++
		}
	}
	if wrong > 20 {
		t.Errorf("%d of %d strangers are found", wrong, strangers)
	}
	if err := f.Verify(nothing); err != nil {
		t.Error(err)
	}
}

func TestFiltersOfEverySizeMissNothing(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 10, 33, 100, 999, 4096, 100_000} {
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = mix(uint64(i), uint64(n))
		}
		f, err := newFilter(keys)
		if err != nil {
			t.Fatalf("%d keys: %v", n, err)
		}
		for _, key := range keys {
			hash := mix(key, f.seed)
			value := fingerprint(hash)
			for _, at := range f.places(hash) {
				value ^= f.prints[at]
			}
			if value != 0 {
				t.Fatalf("of %d keys one is missed", n)
			}
		}
	}
}

// TestAnEntryTakesLessThanTwoAndAHalfBytes is about the sizes that shards of real
// lists have, from a hundred million entries to ten times the longest list there is.
func TestAnEntryTakesLessThanTwoAndAHalfBytes(t *testing.T) {
	for keys := 390_000; keys < 40_000_000; keys += keys / 7 {
		if bytes := float64(shapeFor(keys).slots()*printSize) / float64(keys); bytes >= 2.5 {
			t.Errorf("a shard of %d entries takes %.3f bytes for each", keys, bytes)
		}
	}
}

func TestRareEntriesAreLeftOutWhenAskedFor(t *testing.T) {
	list := []string{}
	for n := range uint64(400) {
		list = append(list, fmt.Sprintf("%X:%d", synthetic(n), n))
	}
	slices.Sort(list)
	path, info := build(t, strings.Join(list, "\n"), 300)
	if info.Entries != 100 || info.MinCount != 300 {
		t.Errorf("got %+v, want 100 entries of at least 300", info)
	}
	if f := open(t, path); contains(t, f, synthetic(299)) || !contains(t, f, synthetic(300)) {
		t.Error("the limit is not where it was asked for")
	}
}

func TestListsThatAreNoneAreRefusedByLine(t *testing.T) {
	d := synthetic(1)
	good := fmt.Sprintf("%X:1", d)
	for name, list := range map[string]string{
		"unsorted":         fmt.Sprintf("FF%s\n00%s", good[2:], good[2:]),
		"too short":        good[:30] + ":1",
		"too long":         "AA" + good,
		"no number":        good + "x",
		"no digits":        "ZZ" + good[2:],
		"no digits at all": good[:38] + "ZZ:1",
		"a range":          good[rangeDigits:],
		"one long line":    strings.Repeat("A", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Begin(filepath.Join(t.TempDir(), "f"), 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := Lines(t.Context(), strings.NewReader(list), b, nothing); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	path, _ := build(t, listOf(0, 2000, 1), 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int) []byte {
		b := slices.Clone(whole)
		b[at] ^= 1
		return b
	}
	for name, content := range map[string][]byte{
		"empty": {}, "half a header": whole[:40], "half a table": whole[:1000], "cut off": whole[:len(whole)-2], "longer": append(slices.Clone(whole), 0),
		"another magic": change(0), "another version": change(8), "a changed count": change(16), "a changed table": change(headerSize + 9), "a changed check sum": change(shardsAt - 1),
	} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := Open(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v %v", name, f, err)
		}
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, change(len(whole)-1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, bad).Verify(nothing); !errors.Is(err, ErrDamaged) {
		t.Errorf("a changed fingerprint: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestAFileThatIsCutOffWhileItIsOpenIsAnError and does not end the process, which is
// what memory without a file behind it would do.
func TestAFileThatIsCutOffWhileItIsOpenIsAnError(t *testing.T) {
	path, _ := build(t, listOf(0, 20_000, 1), 1)
	f := open(t, path)
	if err := os.Truncate(path, shardsAt); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for n := range uint64(20_000) {
		if _, err := f.Contains(synthetic(n)); err != nil {
			failed++
		}
	}
	if failed == 0 {
		t.Error("nobody noticed")
	}
	if f.Verify(nothing) == nil {
		t.Error("verifying it finds nothing wrong")
	}
}

// service answers ranges out of a list, and refuses those that are not expected.
type service struct {
	list   map[string][]string // lines by range
	status func(prefix string) int
}

func newService(entries uint64) *service {
	s := &service{list: map[string][]string{}, status: func(string) int { return 200 }}
	for n := range entries {
		d := fmt.Sprintf("%X", synthetic(n))
		s.list[d[:rangeDigits]] = append(s.list[d[:rangeDigits]], d[rangeDigits:]+":1,024")
	}
	return s
}

func (s *service) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	prefix := strings.TrimPrefix(r.URL.Path, "/range/")
	body := strings.Join(append(s.list[prefix], strings.Repeat("0", suffixDigits)+":0"), "\r\n")
	return &http.Response{StatusCode: s.status(prefix), Body: io.NopCloser(strings.NewReader(body))}, nil
}

func TestAnInterruptedBuildGoesOnWhereItWas(t *testing.T) {
	const entries = 3000
	path := filepath.Join(t.TempDir(), "breached")
	s := newService(entries)
	s.status = func(prefix string) int {
		if strings.HasPrefix(prefix, "04") {
			return http.StatusBadGateway
		}
		return http.StatusOK
	}
	begin := func() *Build {
		b, err := Begin(path, 1)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := begin()
	if err := (Ranges{Client: s, URL: "https://ranges.test", Parallel: 1}).Fill(t.Context(), b, nothing); !errors.Is(err, ErrList) {
		t.Fatalf("a range that is not there: %v", err)
	}
	if !b.Has(3) || b.Has(4) {
		t.Fatal("what was done before is not kept, or what was not is")
	}
	if _, err := b.Finish(made); err == nil {
		t.Fatal("half a list was made a file")
	}
	// The rest comes from the list itself: asking for a million ranges takes a while.
	for shard := 6; shard < Shards; shard++ {
		var keys []Key
		for n := range uint64(entries) {
			if d := synthetic(n); int(d[0]) == shard {
				keys = append(keys, d.key())
			}
		}
		if err := b.Put(shard, keys); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Begin(path, 2); err == nil {
		t.Error("a build goes on with another smallest count")
	}
	again := false
	s.status = func(prefix string) int {
		again = again || prefix[:2] != "04" && prefix[:2] != "05"
		return http.StatusOK
	}
	b = begin()
	steps := 0
	if err := (Ranges{Client: s, URL: "https://ranges.test/", Parallel: 1}).Fill(t.Context(), b, func() { steps++ }); err != nil {
		t.Fatal(err)
	}
	if steps != Shards || again {
		t.Errorf("%d steps; asked again for what was there: %v", steps, again)
	}
	if _, err := b.Finish(made); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.folder()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left behind: %v", err)
	}
	f := open(t, path)
	for n := range uint64(entries) {
		if !contains(t, f, synthetic(n)) {
			t.Fatalf("entry %d is missed", n)
		}
	}
}

func TestABuildThatIsCalledOffEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newService(0)
	s.status = func(string) int { cancel(); return 200 }
	b, err := Begin(filepath.Join(t.TempDir(), "f"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := (Ranges{Client: s, URL: "https://ranges.test", Parallel: 4}).Fill(ctx, b, nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// BenchmarkContains asks warm pages, and holds the file to what docs/guide/passwords.md
// says of it; CARDEA_BREACH_ENTRIES=100000000 is a list that one would really use.
func BenchmarkContains(b *testing.B) {
	entries := uint64(1_000_000)
	if _, err := fmt.Sscan(os.Getenv("CARDEA_BREACH_ENTRIES"), &entries); err != nil && os.Getenv("CARDEA_BREACH_ENTRIES") != "" {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "breached")
	begun := time.Now()
	w, err := Begin(path, 1)
	if err != nil {
		b.Fatal(err)
	}
	// Keys are spread by the same finaliser: hashing a hundred million texts is not
	// what is measured.
	key := func(n uint64) Key { return mix(n, 77) }
	for shard := range uint64(Shards) {
		keys := make([]Key, 0, entries/Shards)
		for n := shard; n < entries; n += Shards {
			keys = append(keys, key(n))
		}
		if err := w.Put(int(shard), keys); err != nil {
			b.Fatal(err)
		}
	}
	info, err := w.Finish(made)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(begun)
	f := open(b, path)
	digest := func(n uint64) (d Digest) {
		d[0] = byte(n % Shards)
		binary.BigEndian.PutUint64(d[12:], key(n))
		return d
	}
	missed := 0
	for n := range entries {
		if found, err := f.Contains(digest(n)); err != nil || !found {
			missed++
		}
	}
	wrong := 0
	for n := range entries {
		if found, _ := f.Contains(digest(entries + n)); found {
			wrong++
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	n := uint64(0)
	for b.Loop() {
		_, _ = f.Contains(digest(n % (2 * entries)))
		n += 7919
	}
	size, expected := float64(info.Size)/float64(entries), float64(entries)/(1<<16)
	// Small lists have more space between their entries.
	if entries >= 100_000_000 && size >= 2.5 || missed > 0 || float64(wrong) > expected+5*math.Sqrt(expected) || m.Sys >= 1<<30 {
		b.Errorf("it is not as it is said to be: see the metrics")
	}
	b.ReportMetric(size, "bytes/entry")
	b.ReportMetric(float64(missed), "missed")
	b.ReportMetric(float64(entries)/float64(max(1, wrong)), "strangers/found")
	b.ReportMetric(took.Seconds(), "s-to-build")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-of-memory")
}
