package totp

import "slices"

// A code is a QR code of error correction level M (ISO/IEC 18004). It is drawn for
// every new settings flow, so it is made without detours.
type code struct {
	size  int
	black []byte // 1 for black, row by row
	fixed []bool // modules that carry no data
}

// Level M: error correction codewords of each block, and blocks, by version (table 9
// of the standard).
var (
	checkwords = [...]int{0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26,
		28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28}
	blocks = [...]int{0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17,
		17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49}
)

const (
	newestVersion = 40
	masks         = 8
)

// encode makes the code of a text, in the smallest version that holds it; ok is false
// when none does. Of the masks that one is used that the standard's penalties favour.
func encode(text string) (best *code, ok bool) {
	version := 1
	for ; version <= newestVersion && 8*capacity(version) < 4+countBits(version)+8*len(text); version++ {
	}
	if version > newestVersion {
		return nil, false
	}
	blank := newCode(version)
	blank.place(interleaved(version, codewords(version, text)))
	least := 0
	for mask := range masks {
		c := blank.masked(mask)
		if p := c.penalty(); best == nil || p < least {
			best, least = c, p
		}
	}
	return best, true
}

// capacity is how many bytes of data a version takes.
func capacity(version int) int { return room(version) - checkwords[version]*blocks[version] }

// room is how many codewords a version has: modules that are neither patterns nor
// information about the code.
func room(version int) int {
	bits := (16*version+128)*version + 64
	if version >= 2 {
		n := version/7 + 2
		bits -= (25*n-10)*n - 55
	}
	if version >= 7 {
		bits -= 36
	}
	return bits / 8
}

func countBits(version int) int {
	if version < 10 {
		return 8
	}
	return 16
}

// codewords are the text in byte mode, filled up (sections 7.4.5 and 7.4.10).
func codewords(version int, text string) []byte {
	words := make([]byte, 0, capacity(version))
	held, bits := uint32(4), 4 // byte mode
	add := func(value uint32, n int) {
		held, bits = held<<n|value, bits+n
		for ; bits >= 8; bits -= 8 {
			words = append(words, byte(held>>(bits-8)))
		}
	}
	add(uint32(len(text)), countBits(version))
	for i := range len(text) {
		add(uint32(text[i]), 8)
	}
	add(0, 4) // four bits are over: the mode took four
	for pad := byte(0xEC); len(words) < cap(words); pad ^= 0xEC ^ 0x11 {
		words = append(words, pad)
	}
	return words
}

// interleaved cuts data into blocks, and takes from all by turns: data first, then
// what corrects it (section 7.6).
func interleaved(version int, data []byte) []byte {
	n, check := blocks[version], checkwords[version]
	short := n - room(version)%n // the blocks behind these have one more
	length := room(version)/n - check
	generator := divisor(check)
	parts, checks := make([][]byte, n), make([][]byte, n)
	for k := range n {
		size := length
		if k >= short {
			size++
		}
		parts[k], data = data[:size], data[size:]
		checks[k] = remainder(parts[k], generator)
	}
	all := make([]byte, 0, room(version))
	for i := range length + 1 {
		for _, p := range parts {
			if i < len(p) {
				all = append(all, p[i])
			}
		}
	}
	for i := range check {
		for _, c := range checks {
			all = append(all, c[i])
		}
	}
	return all
}

// product multiplies in the field of 256 elements with the polynomial 0x11D.
func product(x, y byte) (z byte) {
	for bit := 7; bit >= 0; bit-- {
		z = z<<1 ^ z>>7*0x1D ^ y>>bit&1*x
	}
	return z
}

// divisor is the generator polynomial of a Reed-Solomon code, without its leading 1.
func divisor(degree int) []byte {
	d := make([]byte, degree)
	d[degree-1] = 1
	root := byte(1)
	for range degree {
		for k := range d {
			if d[k] = product(d[k], root); k+1 < degree {
				d[k] ^= d[k+1]
			}
		}
		root = product(root, 2)
	}
	return d
}

// remainder of the data polynomial divided by the generator: what corrects the data.
func remainder(data, generator []byte) []byte {
	rest := make([]byte, len(generator))
	for _, b := range data {
		factor := b ^ rest[0]
		copy(rest, rest[1:])
		rest[len(rest)-1] = 0
		for k, g := range generator {
			rest[k] ^= product(g, factor)
		}
	}
	return rest
}

// newCode has the patterns and the version, and keeps room for the format.
func newCode(version int) *code {
	size := 4*version + 17
	c := &code{size: size, black: make([]byte, size*size), fixed: make([]bool, size*size)}
	for i := range size {
		c.fix(6, i, i%2 == 0)
		c.fix(i, 6, i%2 == 0)
	}
	for _, corner := range [][2]int{{3, 3}, {size - 4, 3}, {3, size - 4}} {
		c.rings(corner[0], corner[1], 4, func(distance int) bool { return distance != 2 && distance != 4 })
	}
	at := alignments(version)
	for i, x := range at {
		for j, y := range at {
			last := len(at) - 1
			if i == 0 && j == 0 || i == 0 && j == last || i == last && j == 0 {
				continue // there are the corners
			}
			c.rings(x, y, 2, func(distance int) bool { return distance != 1 })
		}
	}
	c.writeFormat(0)
	if version >= 7 {
		bits := withChecksum(version, 12, 0x1F25)
		for i := range 18 {
			a, b := size-11+i%3, i/3
			c.fix(a, b, bits>>i&1 == 1)
			c.fix(b, a, bits>>i&1 == 1)
		}
	}
	return c
}

func (c *code) fix(x, y int, black bool) {
	if x < 0 || y < 0 || x >= c.size || y >= c.size {
		return
	}
	c.fixed[y*c.size+x], c.black[y*c.size+x] = true, 0
	if black {
		c.black[y*c.size+x] = 1
	}
}

// rings draws squares around a middle.
func (c *code) rings(x, y, radius int, black func(distance int) bool) {
	for dy := -radius; dy <= radius; dy++ {
		for dx := -radius; dx <= radius; dx++ {
			c.fix(x+dx, y+dy, black(max(dx, -dx, dy, -dy)))
		}
	}
}

// alignments are the rows, and the columns, of the alignment patterns' middles.
func alignments(version int) (at []int) {
	if version == 1 {
		return nil
	}
	n := version/7 + 2
	step := (version*4 + n*2 + 1) / (n*2 - 2) * 2
	if version == 32 {
		step = 26 // the one that does not follow the rule
	}
	for k, last := 0, 4*version+10; k < n-1; k++ {
		at = append(at, last-k*step)
	}
	at = append(at, 6)
	slices.Reverse(at)
	return at
}

// withChecksum puts a remainder of so many bits behind a value (annexes C and D).
func withChecksum(value, bits, generator int) int {
	rest := value
	for range bits {
		rest = rest<<1 ^ rest>>(bits-1)*generator
	}
	return value<<bits | rest
}

// writeFormat writes level and mask, twice (section 7.9).
func (c *code) writeFormat(mask int) {
	bits := withChecksum(mask, 10, 0x537) ^ 0x5412 // level M is 00
	black := func(i int) bool { return bits>>i&1 == 1 }
	for i := range 6 {
		c.fix(8, i, black(i))
		c.fix(5-i, 8, black(9+i))
	}
	c.fix(8, 7, black(6))
	c.fix(8, 8, black(7))
	c.fix(7, 8, black(8))
	for i := range 8 {
		c.fix(c.size-1-i, 8, black(i))
	}
	for i := 8; i < 15; i++ {
		c.fix(8, c.size-15+i, black(i))
	}
	c.fix(8, c.size-8, true)
}

// place fills the free modules, two columns at a time, up and down (section 7.7.3).
func (c *code) place(words []byte) {
	bit := 0
	for right := c.size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5
		}
		for step := range c.size {
			y := step
			if (right+1)&2 == 0 {
				y = c.size - 1 - step
			}
			for x := right; x > right-2; x-- {
				if at := y*c.size + x; !c.fixed[at] && bit < 8*len(words) {
					c.black[at] = words[bit/8] >> (7 - bit%8) & 1
					bit++
				}
			}
		}
	}
}

// inverts are the masks (table 10).
var inverts = [masks]func(x, y int) bool{
	func(x, y int) bool { return (x+y)%2 == 0 },
	func(_, y int) bool { return y%2 == 0 },
	func(x, _ int) bool { return x%3 == 0 },
	func(x, y int) bool { return (x+y)%3 == 0 },
	func(x, y int) bool { return (x/3+y/2)%2 == 0 },
	func(x, y int) bool { return x*y%2+x*y%3 == 0 },
	func(x, y int) bool { return (x*y%2+x*y%3)%2 == 0 },
	func(x, y int) bool { return ((x+y)%2+x*y%3)%2 == 0 },
}

// masked is the code with one of the masks.
func (c *code) masked(mask int) *code {
	m := &code{size: c.size, black: slices.Clone(c.black), fixed: c.fixed}
	for y := range c.size {
		for x := range c.size {
			if at := y*c.size + x; !c.fixed[at] && inverts[mask](x, y) {
				m.black[at] ^= 1
			}
		}
	}
	m.writeFormat(mask)
	return m
}

// penalty is how hard a code is to read (section 7.8.3.1): runs and squares of one
// colour, what looks like a corner, and how far from balance it is.
func (c *code) penalty() (sum int) {
	dark := 0
	for y := range c.size {
		sum += c.linePenalty(y*c.size, 1) + c.linePenalty(y, c.size)
		for x := range c.size {
			at := y*c.size + x
			dark += int(c.black[at])
			if x+1 < c.size && y+1 < c.size {
				if four := c.black[at] + c.black[at+1] + c.black[at+c.size] + c.black[at+c.size+1]; four == 0 || four == 4 {
					sum += 3
				}
			}
		}
	}
	all := c.size * c.size
	return sum + max(20*dark-10*all, 10*all-20*dark)/all*10
}

// linePenalty judges a row or a column.
func (c *code) linePenalty(at, step int) (sum int) {
	const corner, eleven = 0b1011101, 1<<11 - 1
	run, last, window := 0, byte(2), 0
	for n := range c.size {
		b := c.black[at]
		at += step
		if b != last {
			run, last = 0, b
		}
		if run++; run == 5 {
			sum += 3
		} else if run > 5 {
			sum++
		}
		window = (window<<1 | int(b)) & eleven
		if n >= 10 && (window == corner || window == corner<<4) {
			sum += 40
		}
	}
	return sum
}
