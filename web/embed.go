// Package web holds the files that pages load: style sheets, icons and scripts. They
// are small, complete in themselves and load nothing else.
package web

import (
	"crypto/sha512"
	"embed"
	"encoding/base64"
)

// Files are the folders css, icons and js.
//
//go:embed css icons js
var Files embed.FS

// Integrity is the Subresource Integrity value of a file
// (https://www.w3.org/TR/SRI/): browsers run nothing else.
func Integrity(content []byte) string {
	sum := sha512.Sum512(content)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}
