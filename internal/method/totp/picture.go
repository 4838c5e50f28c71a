package totp

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"

	"github.com/boombuler/barcode/qr"
)

const (
	// side is the picture's width and height in pixels; the contract names it.
	side = 256
	// quiet is the width of the empty margin in modules (ISO/IEC 18004 section 5.3.8):
	// without it a code on a dark page cannot be read.
	quiet = 4
)

// picture draws a text as a QR code, as a data URL; "" for a text that is too long
// for one.
func picture(text string) string {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return ""
	}
	modules := code.Bounds().Dx()
	scale := side / (modules + 2*quiet)
	if scale == 0 {
		return ""
	}
	margin := (side - scale*modules) / 2
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range scale * modules {
		for x := range scale * modules {
			if r, _, _, _ := code.At(x/scale, y/scale).RGBA(); r == 0 {
				img.SetColorIndex(margin+x, margin+y, 1)
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("data:image/png;base64,")
	w := base64.NewEncoder(base64.StdEncoding, &b)
	if png.Encode(w, img) != nil || w.Close() != nil {
		return "" // a buffer takes everything
	}
	return b.String()
}
