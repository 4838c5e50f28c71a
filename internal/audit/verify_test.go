package audit_test

import (
	"context"
	"testing"
	"time"

	"cardea/internal/audit"
)

// longLog is a log in memory that notes how much of it is asked for at once.
type longLog struct {
	head  audit.Head
	links []audit.Link
	most  int
}

func newLongLog(keys audit.Keys, rows int) *longLog {
	l := &longLog{head: audit.NewHead(1)}
	for n := range rows {
		link := audit.Link{Seq: int64(n + 1), Entry: audit.Entry{Action: "login.succeeded"}}
		link.Hash = audit.Next(l.head.Hash, 1, link.Seq, &link.Entry)
		l.head.Seq, l.head.Hash = link.Seq, link.Hash
		l.links = append(l.links, link)
	}
	keys.Sign(&l.head, time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	return l
}

func (l *longLog) AuditHead(context.Context) (audit.Head, error) { return l.head, nil }

func (l *longLog) AuditLinks(_ context.Context, after int64, limit int) ([]audit.Link, error) {
	l.most = max(l.most, limit)
	rest := l.links[after:]
	return rest[:min(limit, len(rest))], nil
}

func (l *longLog) AuditTail(context.Context) (n int64, oldest time.Time, err error) {
	return 0, oldest, nil
}

func TestACheckReadsAsMuchAtATimeHoweverLongTheLogIs(t *testing.T) {
	keys := audit.NewKeys([][]byte{make([]byte, 32)})
	most := map[int]int{}
	for _, rows := range []int{5_000, 20_000} {
		l := newLongLog(keys, rows)
		r, err := audit.Verify(t.Context(), l, keys, nil, nil)
		if err != nil || r.Broken() || r.Checked != int64(rows) {
			t.Fatalf("of %d rows: %+v, %v", rows, r, err)
		}
		most[rows] = l.most
	}
	if most[20_000] > most[5_000] {
		t.Errorf("of 5,000 rows %d are held at a time, of 20,000 %d", most[5_000], most[20_000])
	}
}
