package account

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// assets are the files that pages load, by the path they are served at. The path
// contains a hash of the content, so that browsers may keep a file for ever.
type assets struct {
	files  map[string]asset
	style  string // path of the style sheet
	icon   string // path of the icon
	script string // path of the script that makes pages more comfortable
	keys   string // path of the script for security keys and passkeys

	captcha string // path of the script that passes the barrier against robots
}

type asset struct {
	contentType string
	content     []byte
	packed      func() []byte // with gzip
}

// readAssets reads the files and adds a theme to the style sheet.
func readAssets(files fs.FS, theme string) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	for _, f := range []struct {
		name, contentType string
		path              *string
	}{
		{"css/cardea.css", "text/css; charset=utf-8", &a.style},
		{"icons/cardea.svg", "image/svg+xml", &a.icon},
		{"js/account.js", "text/javascript; charset=utf-8", &a.script},
		{"js/webauthn.js", "text/javascript; charset=utf-8", &a.keys},
		{"js/captcha.js", "text/javascript; charset=utf-8", &a.captcha},
	} {
		content, err := fs.ReadFile(files, f.name)
		if err != nil {
			return nil, fmt.Errorf("read the asset: %w", err)
		}
		if f.path == &a.style && theme != "" {
			content = append(append(content, '\n'), theme...)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(f.name)
		*f.path = "/assets/" + strings.TrimSuffix(path.Base(f.name), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		a.files[*f.path] = asset{contentType: f.contentType, content: content, packed: sync.OnceValue(func() []byte { return pack(content) })}
	}
	return a, nil
}

// serve writes the file. It is the same for everyone, so no cookie travels with
// it into shared caches.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Del("Set-Cookie")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	content := a.content
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed := a.packed(); packed != nil {
			h.Set("Content-Encoding", "gzip")
			content = packed
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // the browser may be gone
	}
}

// pack compresses once what is sent many times, when somebody asks for it first: the
// start does not wait for it. It gives nil when that makes nothing smaller.
func pack(content []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	_, err = w.Write(content)
	if errors.Join(err, w.Close()) != nil || b.Len() >= len(content) {
		return nil
	}
	return b.Bytes()
}
