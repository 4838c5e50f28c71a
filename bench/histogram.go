package main

import (
	"math"
	"math/bits"
	"time"
)

// A histogram counts durations in buckets whose width grows with the value:
// every power of two is cut into 1<<precision equal buckets, so a quantile is at
// most 1/64 too high, from nanoseconds to the longest duration. Recording is two
// shifts and an increment. The zero value is ready to use.
type histogram struct {
	counts [(64 - precision) << precision]uint32
	total  uint64
	max    time.Duration
}

const precision = 6

func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.total++
	h.max = max(h.max, d)
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile returns a duration that at least the share q (0 to 1) of the
// recorded durations do not exceed; 0 when nothing was recorded.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.total)))
	rank = min(max(rank, 1), h.total)
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= rank {
			return min(time.Duration(highest(i)), h.max)
		}
	}
	return 0
}

// bucket returns the index of v's bucket: the position of its leading bit and
// the precision bits behind that.
func bucket(v uint64) int {
	shift := max(bits.Len64(v)-1-precision, 0)
	return shift<<precision + int(v>>shift)
}

// highest returns the largest value of bucket i.
func highest(i int) uint64 {
	shift := max(i>>precision-1, 0)
	return uint64(i-shift<<precision+1)<<shift - 1
}
