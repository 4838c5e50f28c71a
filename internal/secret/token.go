package secret

import (
	"fmt"
	"io"
	"strings"
)

const (
	alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	digits        = "0123456789"
)

// Prefixes of the tokens that clients hold.
const (
	SessionTokenPrefix = "ory_st_"
	LogoutTokenPrefix  = "ory_lo_"
)

// TokenLength is how many random characters follow a prefix: 190 bits.
const TokenLength = 32

// Token makes a prefix followed by n alphanumerics drawn without bias.
func Token(rand io.Reader, prefix string, n int) string {
	var b strings.Builder
	b.Grow(len(prefix) + n)
	b.WriteString(prefix)
	draw(rand, &b, alphanumerics, n)
	return b.String()
}

// Code makes n decimal digits drawn without bias; leading zeros occur.
func Code(rand io.Reader, n int) string {
	var b strings.Builder
	b.Grow(n)
	draw(rand, &b, digits, n)
	return b.String()
}

// Bytes makes n random bytes.
func Bytes(rand io.Reader, n int) []byte {
	b := make([]byte, n)
	fill(rand, b)
	return b
}

// draw appends n letters of an alphabet. A byte at or above the largest
// multiple of the alphabet's size is thrown away, because taking it modulo that
// size would make the first letters likelier than the rest.
func draw(rand io.Reader, b *strings.Builder, alphabet string, n int) {
	size := len(alphabet)
	limit := 256 - 256%size
	var buf [64]byte
	for n > 0 {
		fill(rand, buf[:])
		for _, v := range buf {
			if int(v) >= limit {
				continue
			}
			b.WriteByte(alphabet[int(v)%size])
			if n--; n == 0 {
				return
			}
		}
	}
}

// fill reads random bytes. Like crypto/rand it does not return without them: a
// process that cannot draw secrets must not go on.
func fill(rand io.Reader, b []byte) {
	if _, err := io.ReadFull(rand, b); err != nil {
		panic(fmt.Sprintf("secret: the source of randomness failed: %v", err))
	}
}
