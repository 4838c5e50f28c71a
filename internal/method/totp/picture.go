package totp

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"sync"

	"rsc.io/qr"
)

const (
	// side is the picture's width and height in pixels; the contract names it.
	side = 256
	// quiet is the width of the empty margin in modules (ISO/IEC 18004 section 5.3.8):
	// without it a code on a dark page cannot be read.
	quiet = 4

	white, black = 0, 1 // of the palette
)

// A painter draws pictures. What it needs to make them small is large, so it is kept
// for the next one. Safe for concurrent use.
type painter struct{ buffers sync.Pool }

// Get implements png.EncoderBufferPool.
func (p *painter) Get() *png.EncoderBuffer {
	b, _ := p.buffers.Get().(*png.EncoderBuffer)
	return b
}

// Put implements png.EncoderBufferPool.
func (p *painter) Put(b *png.EncoderBuffer) { p.buffers.Put(b) }

// picture draws a text as a QR code, as a data URL; "" for a text that is too long
// for one.
func (p *painter) picture(text string) string {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return ""
	}
	scale := side / (c.Size + 2*quiet)
	if scale == 0 {
		return ""
	}
	margin := (side - scale*c.Size) / 2
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{white: color.White, black: color.Black})
	for y := range c.Size {
		top := img.Pix[(margin+y*scale)*img.Stride:]
		for x := range scale * c.Size {
			if c.Black(x/scale, y) {
				top[margin+x] = black
			}
		}
		for k := 1; k < scale; k++ {
			copy(top[k*img.Stride:][:side], top[:side])
		}
	}
	var b bytes.Buffer
	b.WriteString("data:image/png;base64,")
	w := base64.NewEncoder(base64.StdEncoding, &b)
	encoder := png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: p}
	if encoder.Encode(w, img) != nil || w.Close() != nil {
		return "" // a buffer takes everything
	}
	return b.String()
}
