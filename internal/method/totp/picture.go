package totp

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"rsc.io/qr"
)

const (
	// side is the picture's width and height in pixels; the contract names it.
	side = 256
	// quiet is the width of the empty margin in modules (ISO/IEC 18004 section 5.3.8):
	// without it a code on a dark page cannot be read.
	quiet = 4

	mediaType = "data:image/png;base64,"
)

// A painter draws pictures. What it needs to make them small is large, so it is kept
// for the next one. Safe for concurrent use.
//
// It writes its one kind of PNG by itself (https://www.w3.org/TR/png-3/): a bit for
// each pixel, and the same bytes for all the lines of a module. image/png, which asks
// for every pixel, took longer than all the rest of a settings flow.
type painter struct{ compressors sync.Pool }

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
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	header := binary.BigEndian.AppendUint32(nil, side)
	header = binary.BigEndian.AppendUint32(header, side)
	chunk(&b, "IHDR", append(header, 1, 0, 0, 0, 0)) // bits per pixel, grey, the usual methods, not interlaced
	chunk(&b, "IDAT", p.compressed(lines(c, scale)))
	chunk(&b, "IEND", nil)
	return mediaType + base64.StdEncoding.EncodeToString(b.Bytes())
}

// lines are those of a picture: each a byte that says that it is not filtered, and the
// pixels, of which 1 is white.
func lines(c *qr.Code, scale int) []byte {
	const width = 1 + side/8
	margin := (side - scale*c.Size) / 2
	white := append(make([]byte, 1, width), bytes.Repeat([]byte{0xff}, side/8)...)
	all := make([]byte, 0, side*width)
	for range margin {
		all = append(all, white...)
	}
	for y := range c.Size {
		line := bytes.Clone(white)
		for x := range c.Size {
			if !c.Black(x, y) {
				continue
			}
			for at := margin + x*scale; at < margin+(x+1)*scale; at++ {
				line[1+at/8] &^= 0x80 >> (at % 8)
			}
		}
		for range scale {
			all = append(all, line...)
		}
	}
	for len(all) < cap(all) {
		all = append(all, white...)
	}
	return all
}

func (p *painter) compressed(raw []byte) []byte {
	var b bytes.Buffer
	w, ok := p.compressors.Get().(*zlib.Writer)
	if ok {
		w.Reset(&b)
	} else {
		w, _ = zlib.NewWriterLevel(&b, zlib.BestSpeed) // a level that exists
	}
	_, _ = w.Write(raw) // a buffer takes everything
	_ = w.Close()
	p.compressors.Put(w)
	return b.Bytes()
}

// chunk appends a piece of a PNG.
func chunk(b *bytes.Buffer, name string, data []byte) {
	var number [4]byte
	b.Write(binary.BigEndian.AppendUint32(number[:0], uint32(len(data))))
	b.WriteString(name)
	b.Write(data)
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(name)), crc32.IEEETable, data)
	b.Write(binary.BigEndian.AppendUint32(number[:0], sum))
}
