package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsFollowEachOtherWithoutGaps(t *testing.T) {
	var h histogram
	for i := range len(h.counts) - 1 {
		top := highest(i)
		if bucket(top) != i || bucket(top+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, but that value is in bucket %d and the next in %d",
				i, top, bucket(top), bucket(top+1))
		}
	}
	if last := bucket(math.MaxInt64); last != len(h.counts)-1 {
		t.Errorf("the longest duration is in bucket %d, want the last, %d", last, len(h.counts)-1)
	}
}

func TestQuantilesAreAtMostOneBucketTooHigh(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h histogram
	values := make([]time.Duration, 10_000)
	for i := range values {
		values[i] = time.Duration(math.Exp(random.Float64() * 25)) // 1 ns to a minute
		h.record(values[i])
	}
	slices.Sort(values)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := values[max(int(math.Ceil(q*float64(len(values))))-1, 0)]
		got := h.quantile(q)
		if got < exact || float64(got) > float64(exact)*(1+1.0/64) {
			t.Errorf("quantile %v is %v, want %v or up to 1/64 more", q, got, exact)
		}
	}
}

func TestHistogram(t *testing.T) {
	tests := []struct {
		name          string
		record        []time.Duration
		p50, p99, max time.Duration
	}{
		{"nothing recorded", nil, 0, 0, 0},
		{"one value", []time.Duration{time.Second}, time.Second, time.Second, time.Second},
		{"small values are exact", []time.Duration{1, 2, 3, 4, 100}, 3, 100, 100},
		{"a clock that went backwards counts as zero", []time.Duration{-5}, 0, 0, 0},
		{"the longest duration", []time.Duration{math.MaxInt64}, math.MaxInt64, math.MaxInt64, math.MaxInt64},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h, merged histogram
			for i, d := range test.record {
				if i%2 == 0 {
					h.record(d)
				} else {
					merged.record(d)
				}
			}
			merged.merge(&h)
			if merged.total != uint64(len(test.record)) {
				t.Errorf("total %d, want %d", merged.total, len(test.record))
			}
			if p50, p99 := merged.quantile(0.5), merged.quantile(0.99); p50 != test.p50 || p99 != test.p99 || merged.max != test.max {
				t.Errorf("got p50 %v, p99 %v, max %v; want %v, %v, %v", p50, p99, merged.max, test.p50, test.p99, test.max)
			}
		})
	}
}
