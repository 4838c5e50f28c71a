package totp

import (
	"encoding/base64"
	"image/png"
	"strings"
	"testing"

	"rsc.io/qr"
)

func TestThePictureIsTheCodeWithAMargin(t *testing.T) {
	text := "otpauth://totp/Wombats:a@ex.org?algorithm=SHA1&digits=6&issuer=Wombats&period=30&secret=" + strings.Repeat("A", 32)
	raw, ok := strings.CutPrefix(new(painter).picture(text), "data:image/png;base64,")
	if !ok {
		t.Fatal("no data URL")
	}
	img, err := png.Decode(base64.NewDecoder(base64.StdEncoding, strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != side || img.Bounds().Dy() != side {
		t.Fatalf("size: %v", img.Bounds())
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	black := func(x, y int) bool { r, _, _, _ := img.At(x, y).RGBA(); return r == 0 }
	left := 0
	for !black(left, left) { // a corner of every code is black
		left++
	}
	modules := code.Size
	scale := (side - 2*left) / modules
	if left < quiet*scale {
		t.Errorf("a margin of %d pixels with modules of %d", left, scale)
	}
	for y := range modules {
		for x := range modules {
			if black(left+x*scale+scale/2, left+y*scale+scale/2) != code.Black(x, y) {
				t.Fatalf("module %d, %d differs", x, y)
			}
		}
	}
}

func TestATextThatIsTooLongHasNoPicture(t *testing.T) {
	if got := new(painter).picture(strings.Repeat("é", 3000)); got != "" {
		t.Errorf("%d bytes", len(got))
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
