package cardeatest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"strings"
)

// ReadQR reads the QR code (ISO/IEC 18004) of a picture, a PNG as a data URL, as the
// camera of a phone does when nothing is in the way: upright, with error correction
// level M and one run of bytes.
func ReadQR(dataURL string) (string, error) {
	raw, ok := strings.CutPrefix(dataURL, "data:image/png;base64,")
	if !ok {
		return "", errors.New("no PNG as a data URL")
	}
	img, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(raw)))
	if err != nil {
		return "", err
	}
	c, err := sample(img)
	if err != nil {
		return "", err
	}
	return c.text()
}

// qrCode are the modules of a code, dark ones true, by row and column.
type qrCode struct {
	version int
	dark    [][]bool
}

// sample finds the code: it begins with a finder pattern, whose edge is seven modules.
func sample(img image.Image) (*qrCode, error) {
	b := img.Bounds()
	black := func(x, y int) bool { r, _, _, _ := img.At(x, y).RGBA(); return r < 0x8000 }
	left, top := b.Max.X, b.Max.Y
	right := b.Min.X
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if black(x, y) {
				left, top, right = min(left, x), min(top, y), max(right, x)
			}
		}
	}
	edge := 0
	for left+edge < b.Max.X && black(left+edge, top) {
		edge++
	}
	module := edge / 7
	if module == 0 || edge%7 != 0 {
		return nil, errors.New("no finder pattern")
	}
	size := (right - left + 1) / module
	c := &qrCode{version: (size - 17) / 4}
	if c.version < 1 || c.version > 20 || c.size() != size {
		return nil, fmt.Errorf("no code has %d modules", size)
	}
	for y := range size {
		row := make([]bool, size)
		for x := range size {
			row[x] = black(left+x*module+module/2, top+y*module+module/2)
		}
		c.dark = append(c.dark, row)
	}
	return c, nil
}

func (c *qrCode) size() int { return 17 + 4*c.version }

// format gives the mask, and fails for another level of error correction than M.
func (c *qrCode) format() (mask int, err error) {
	bits := 0
	for i, at := range [][2]int{{8, 0}, {8, 1}, {8, 2}, {8, 3}, {8, 4}, {8, 5}, {8, 7}, {8, 8}, {7, 8}, {5, 8}, {4, 8}, {3, 8}, {2, 8}, {1, 8}, {0, 8}} {
		if c.dark[at[1]][at[0]] {
			bits |= 1 << i
		}
	}
	data := (bits ^ 0x5412) >> 10
	if data>>3 != 0 {
		return 0, errors.New("the level of error correction is not M")
	}
	return data & 7, nil
}

func masked(mask, x, y int) bool {
	return []bool{
		(x+y)%2 == 0, y%2 == 0, x%3 == 0, (x+y)%3 == 0,
		(x/3+y/2)%2 == 0, x*y%2+x*y%3 == 0, (x*y%2+x*y%3)%2 == 0, ((x+y)%2+x*y%3)%2 == 0,
	}[mask]
}

// pattern says whether a module belongs to a pattern and holds no data.
func (c *qrCode) pattern(x, y int) bool {
	size := c.size()
	switch {
	case x < 9 && y < 9, x >= size-8 && y < 9, x < 9 && y >= size-8, x == 6, y == 6:
		return true
	case c.version >= 7 && (x < 6 && y >= size-11 || y < 6 && x >= size-11):
		return true
	}
	centers := c.alignments()
	for i, cx := range centers {
		for j, cy := range centers {
			corner := i == 0 && j == 0 || i == 0 && j == len(centers)-1 || i == len(centers)-1 && j == 0
			if !corner && x >= cx-2 && x <= cx+2 && y >= cy-2 && y <= cy+2 {
				return true
			}
		}
	}
	return false
}

func (c *qrCode) alignments() []int {
	if c.version == 1 {
		return nil
	}
	n := c.version/7 + 2
	step := (c.version*4 + n*2 + 1) / (n*2 - 2) * 2
	centers := make([]int, n)
	centers[0] = 6
	for i, at := n-1, c.size()-7; i > 0; i, at = i-1, at-step {
		centers[i] = at
	}
	return centers
}

// codewords reads the modules in pairs of columns, up and down, from the right.
func (c *qrCode) codewords(mask int) []byte {
	var words []byte
	size, n := c.size(), 0
	for right := size - 1; right >= 1; right -= 2 {
		if right == 6 {
			right = 5
		}
		for vertical := range size {
			y := vertical
			if (right+1)&2 == 0 {
				y = size - 1 - vertical
			}
			for _, x := range []int{right, right - 1} {
				if c.pattern(x, y) {
					continue
				}
				if n%8 == 0 {
					words = append(words, 0)
				}
				if c.dark[y][x] != masked(mask, x, y) {
					words[n/8] |= 0x80 >> (n % 8)
				}
				n++
			}
		}
	}
	return words[:n/8]
}

// text puts the blocks of data together and reads the run of bytes in them.
func (c *qrCode) text() (string, error) {
	mask, err := c.format()
	if err != nil {
		return "", err
	}
	words := c.codewords(mask)
	blocks := []int{1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16}[c.version-1]
	correction := []int{10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26}[c.version-1]
	short, data := blocks-len(words)%blocks, len(words)/blocks-correction
	parts := make([][]byte, blocks)
	next := 0
	for i := range data + 1 {
		for b := range parts {
			if i < data || b >= short {
				parts[b] = append(parts[b], words[next])
				next++
			}
		}
	}
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	nibble := func(n int) int { return int(all[n/2]>>(4*(1-n%2))) & 0xf }
	width := 2 // of the length, in half bytes
	if c.version > 9 {
		width = 4
	}
	length := 0
	for n := range width {
		length = length<<4 | nibble(1+n)
	}
	if nibble(0) != 4 || (1+width+2*length+1)/2 > len(all) {
		return "", fmt.Errorf("mode %d with a length of %d is no run of bytes", nibble(0), length)
	}
	text := make([]byte, length)
	for n := range text {
		text[n] = byte(nibble(1+width+2*n)<<4 | nibble(2+width+2*n))
	}
	return string(text), nil
}
