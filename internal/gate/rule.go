package gate

import "time"

// Lease is how long a guess is reserved for the process that looks at it. It counts as
// wrong for so long; what a process that was killed had reserved is free again then.
const Lease = 2 * time.Minute

// Rule says how many guesses a counter lets through. Free go through at once. Then
// each has to wait after the one before it: First, and twice as long each time, at
// most Longest. Stop is how many there are in all. A counter starts again when nothing
// was counted for Window.
//
// With Every it is a bucket instead: Stop go through at once, and one more for every
// Every that passes (the generic cell rate algorithm of ITU-T I.371 in its virtual
// scheduling form). So what it has counted fades, however steadily more is added. Of
// the rest only Stop matters then, and nothing is reserved.
type Rule struct {
	Free, Stop             int
	First, Longest, Window time.Duration
	Every                  time.Duration
}

// Bucket is the rule of a bucket for so many, which all fade within a time.
func Bucket(stop int, within time.Duration) Rule {
	return Rule{Stop: stop, Every: max((within / time.Duration(stop)).Truncate(time.Microsecond), time.Microsecond)}
}

// enough is how long a guess has to be reserved still for somebody to look at it.
func (r Rule) enough() time.Duration {
	if r.Every > 0 {
		return 0
	}
	return Lease / 2
}

// Row is a counter as it is kept. The zero Row has counted nothing.
type Row struct {
	Taken     int           // what counts, reserved ones included
	Held      int           // reserved by processes, and not known to be wrong
	Wait      time.Duration // the pause after the last one
	Counted   time.Time     // when that was
	Ends      time.Time     // when the counter starts again; of a bucket: when it is empty
	HeldUntil time.Time     // when reservations end
}

// At is what is left of a counter at a moment.
func (row Row) At(now time.Time) Row {
	switch {
	case !row.Ends.After(now):
		return Row{}
	case !row.HeldUntil.After(now):
		row.Taken, row.Held = row.Taken-row.Held, 0
	}
	return row
}

// Take is the counter with one more; false when the rule does not let it through. Package
// store says the same in SQL, for databases that can ask and count in one statement.
func (r Rule) Take(row Row, now time.Time) (Row, bool) {
	row = row.At(now)
	if !r.Until(row, now).IsZero() {
		return row, false
	}
	if r.Every > 0 {
		if row.Ends.Before(now) {
			row.Ends = now
		}
		return Row{Taken: row.Taken + 1, Counted: now, Ends: row.Ends.Add(r.Every)}, true
	}
	wait := time.Duration(0)
	switch {
	case row.Taken+1 < r.Free:
	case row.Wait == 0:
		wait = r.First
	default:
		wait = min(row.Wait*2, r.Longest)
	}
	return Row{Taken: row.Taken + 1, Held: row.Held + 1, Wait: wait, Counted: now, Ends: now.Add(r.Window), HeldUntil: now.Add(Lease)}, true
}

// Until is when a counter lets another one through; zero for now.
func (r Rule) Until(row Row, now time.Time) (until time.Time) {
	row = row.At(now)
	switch {
	case r.Every > 0:
		until = row.Ends.Add(-time.Duration(r.Stop-1) * r.Every)
	case row.Taken < r.Stop:
		until = row.Counted.Add(row.Wait)
	case row.Held > 0 && row.HeldUntil.Before(row.Ends):
		until = row.HeldUntil
	default:
		until = row.Ends
	}
	if !until.After(now) {
		return time.Time{}
	}
	return until
}

// Level is how many count: of a bucket, those that have not faded.
func (r Rule) Level(row Row, now time.Time) int {
	row = row.At(now)
	if r.Every > 0 {
		return int((row.Ends.Sub(now) + r.Every - 1) / r.Every)
	}
	return row.Taken
}

// State is what a counter that was asked at a moment tells.
func (r Rule) State(row Row, granted bool, now time.Time) State {
	s := State{Granted: granted, Taken: r.Level(row, now), Held: row.At(now).Held}
	switch {
	case !granted:
		s.Until = r.Until(row, now)
	case r.Every > 0:
		s.Ends = row.Ends
	default:
		s.Ends = row.HeldUntil
	}
	return s
}
