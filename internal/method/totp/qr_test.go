package totp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

// The library's codes are the yardstick: with the mask that it chose, ours has to be
// the very same.
func TestCodesAreThoseThatALibraryMakes(t *testing.T) {
	// One of each kind: without alignment patterns, with blocks of two lengths, with a
	// version of its own, with longer counts, and the odd one among the alignments.
	for _, version := range []int{1, 2, 5, 7, 8, 10, 14, 22, 32} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			length := capacity(version) - 2 - countBits(version)/16
			text := strings.Repeat("otpauth://Totp/a?b=c&", length/21+1)[:length]
			want, err := qr.Encode(text, qr.M, qr.Unicode)
			if err != nil {
				t.Fatal(err)
			}
			black := func(x, y int) bool { r, _, _, _ := want.At(x, y).RGBA(); return r == 0 }
			blank := newCode(version)
			if blank.size != want.Bounds().Dx() {
				t.Fatalf("%d modules, want %d", blank.size, want.Bounds().Dx())
			}
			blank.place(interleaved(version, codewords(version, text)))
			for mask := range masks {
				if c := blank.masked(mask); differing(c, black) == 0 {
					return
				}
			}
			t.Error("no mask gives the library's code")
		})
	}
}

func differing(c *code, black func(x, y int) bool) (n int) {
	for y := range c.size {
		for x := range c.size {
			if (c.black[y*c.size+x] == 1) != black(x, y) {
				n++
			}
		}
	}
	return n
}

func TestTheMaskIsTheOneThatIsEasiestToRead(t *testing.T) {
	const text = "otpauth://totp/Wombats:a@ex.org?secret=ABCDEFGHIJKLMNOP"
	got, ok := encode(text)
	if !ok {
		t.Fatal("no code")
	}
	version := (got.size - 17) / 4
	blank := newCode(version)
	blank.place(interleaved(version, codewords(version, text)))
	for mask := range masks {
		if p := blank.masked(mask).penalty(); p < got.penalty() {
			t.Errorf("mask %d has a penalty of %d, the one that was chosen %d", mask, p, got.penalty())
		}
	}
}

func TestWhatIsHardToReadCosts(t *testing.T) {
	line := func(text string) *code {
		c := &code{size: len(text), black: make([]byte, len(text)*len(text))}
		for i := range text {
			c.black[i] = text[i] - '0'
		}
		return c
	}
	for text, want := range map[string]int{
		"0101010101010": 0, "0111110101010": 3, "0111111101010": 5,
		"0000101110101": 40, "1011101000010": 40, "01010101011111": 3,
	} {
		if got := line(text).linePenalty(0, 1); got != want {
			t.Errorf("%s costs %d, want %d", text, got, want)
		}
	}
}

func BenchmarkPicture(b *testing.B) {
	const text = "otpauth://totp/Wombats:somebody%40example.org?algorithm=SHA1&digits=6&issuer=Wombats&period=30&secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var p painter
	b.ReportAllocs()
	for b.Loop() {
		if p.picture(text) == "" {
			b.Fatal("no picture")
		}
	}
}
