package breach

import (
	"errors"
	"math"
	"math/bits"
)

const (
	arity         = 3
	maxSegmentLog = 18
	// seeds is how many are tried; each succeeds nine times out of ten and more.
	seeds = 100
)

// errNoSeed is bad luck that does not happen to distinct keys.
var errNoSeed = errors.New("no seed separates the entries")

// shape is the size of a filter of so many keys: overlapping segments of a power of
// two, over which the three places of a key are spread.
type shape struct {
	segmentLog uint32
	segments   uint32 // in which a key's first place may be; two more follow
}

// shapeFor follows section 4 of the paper.
func shapeFor(keys int) shape {
	if keys == 0 {
		return shape{}
	}
	n := float64(keys)
	log := uint32(2)
	if keys > 1 {
		log = min(maxSegmentLog, uint32(math.Floor(math.Log(n)/math.Log(3.33)+2.25)))
	}
	factor := 1.125
	if keys > 1 {
		factor = max(factor, 0.875+0.25*math.Log(1e6)/math.Log(n))
	}
	length := 1 << log
	slots := int(math.Round(n*factor)) + length - 1
	return shape{segmentLog: log, segments: uint32(max(1, slots/length-(arity-1)))}
}

// slots is how many fingerprints the filter has.
func (s shape) slots() int {
	if s.segments == 0 {
		return 0
	}
	return int(s.segments+arity-1) << s.segmentLog
}

// places are the three slots of a mixed key.
func (s shape) places(hash uint64) [arity]uint32 {
	length, mask := uint32(1)<<s.segmentLog, uint64(1)<<s.segmentLog-1
	hi, _ := bits.Mul64(hash, uint64(s.segments)<<s.segmentLog)
	first := uint32(hi)
	return [arity]uint32{first, (first + length) ^ uint32(hash>>18&mask), (first + 2*length) ^ uint32(hash&mask)}
}

// mix spreads a key over 64 bits anew for each seed: the finaliser of MurmurHash3.
func mix(key, seed uint64) uint64 {
	h := key + seed
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func fingerprint(hash uint64) uint16 { return uint16(hash ^ hash>>32) }

// filter is what is made of a set of keys.
type filter struct {
	shape
	seed   uint64
	prints []uint16
}

// newFilter makes a filter of distinct keys. It takes about 40 bytes a key meanwhile.
func newFilter(keys []uint64) (*filter, error) {
	f := &filter{shape: shapeFor(len(keys))}
	if len(keys) == 0 {
		return f, nil
	}
	p := peeler{shape: f.shape, degree: make([]uint8, f.slots()), sum: make([]uint64, f.slots())}
	for seed := uint64(1); seed <= seeds; seed++ {
		f.seed = mix(seed, 0x9e3779b97f4a7c15)
		if p.peel(keys, f.seed) {
			f.prints = p.assign()
			return f, nil
		}
	}
	return nil, errNoSeed
}

// peeler takes keys out of the hypergraph one at a time: always one that has a place
// to itself. The order backwards is the one in which fingerprints can be set.
type peeler struct {
	shape
	degree []uint8  // how many keys have this place, cut at 255
	sum    []uint64 // their mixed keys, each exclusive-or the others
	queue  []uint32
	order  []peeled
}

type peeled struct {
	hash uint64
	slot uint32
}

func (p *peeler) peel(keys []uint64, seed uint64) bool {
	clear(p.degree)
	clear(p.sum)
	p.queue, p.order = p.queue[:0], p.order[:0]
	for _, key := range keys {
		hash := mix(key, seed)
		for _, at := range p.places(hash) {
			if p.degree[at] == math.MaxUint8 {
				return false
			}
			p.degree[at]++
			p.sum[at] ^= hash
		}
	}
	for at, d := range p.degree {
		if d == 1 {
			p.queue = append(p.queue, uint32(at))
		}
	}
	for len(p.queue) > 0 {
		at := p.queue[len(p.queue)-1]
		p.queue = p.queue[:len(p.queue)-1]
		if p.degree[at] != 1 {
			continue
		}
		hash := p.sum[at]
		p.order = append(p.order, peeled{hash, at})
		for _, other := range p.places(hash) {
			p.degree[other]--
			p.sum[other] ^= hash
			if p.degree[other] == 1 {
				p.queue = append(p.queue, other)
			}
		}
	}
	return len(p.order) == len(keys)
}

func (p *peeler) assign() []uint16 {
	prints := make([]uint16, p.slots())
	for i := len(p.order) - 1; i >= 0; i-- {
		k := p.order[i]
		value := fingerprint(k.hash)
		for _, at := range p.places(k.hash) {
			if at != k.slot {
				value ^= prints[at]
			}
		}
		prints[k.slot] = value
	}
	return prints
}
