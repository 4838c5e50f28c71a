package account

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// assets are the files that pages load, by the path they are served at. The path
// contains a hash of the content, so that browsers may keep a file for ever.
type assets struct {
	files  map[string]asset
	style  string // path of the style sheet
	icon   string // path of the icon
	script string // path of the script for security keys and passkeys
}

type asset struct {
	contentType string
	content     []byte
}

func readAssets(files fs.FS) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	for _, f := range []struct {
		name, contentType string
		path              *string
	}{
		{"css/cardea.css", "text/css; charset=utf-8", &a.style},
		{"icons/cardea.svg", "image/svg+xml", &a.icon},
		{"js/webauthn.js", "text/javascript; charset=utf-8", &a.script},
	} {
		content, err := fs.ReadFile(files, f.name)
		if err != nil {
			return nil, fmt.Errorf("read the asset: %w", err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(f.name)
		*f.path = "/assets/" + strings.TrimSuffix(path.Base(f.name), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		a.files[*f.path] = asset{contentType: f.contentType, content: content}
	}
	return a, nil
}

// serve writes the file. It is the same for everyone, so no cookie travels with
// it into shared caches.
func (a asset) serve(w http.ResponseWriter) {
	h := w.Header()
	h.Del("Set-Cookie")
	h.Del("Vary")
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(a.content) // the browser may be gone
}
