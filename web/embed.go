// Package web holds the files that pages load: style sheets and icons. They are
// small, complete in themselves and load nothing else.
package web

import "embed"

// Files are the folders css and icons.
//
//go:embed css icons
var Files embed.FS
