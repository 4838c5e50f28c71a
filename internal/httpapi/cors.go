package httpapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cardea/internal/config"
)

// cors applies serve.public.cors. It is on only when the operator says so.
type cors struct {
	config.CORS
	headers []string // lower case
}

func newCORS(c config.CORS) *cors {
	if !c.Enabled {
		return nil
	}
	rule := &cors{CORS: c}
	for _, h := range c.AllowedHeaders {
		rule.headers = append(rule.headers, strings.ToLower(h))
	}
	return rule
}

// allows says whether an origin is on the list. A "*" in an entry stands for
// any text; entries were checked when the configuration was read.
func (c *cors) allows(origin string) bool {
	origin = strings.ToLower(origin)
	return slices.ContainsFunc(c.AllowedOrigins, func(entry string) bool {
		before, after, wild := strings.Cut(strings.ToLower(entry), "*")
		if !wild {
			return origin == before
		}
		return len(origin) >= len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after)
	})
}

// handle adds the headers for other origins. It reports whether the request was
// a preflight and is answered.
func (c *cors) handle(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	h := w.Header()
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
		if origin != "" && c.allows(origin) {
			c.preflight(h, r, origin)
		}
		if c.OptionsPassthrough {
			return false
		}
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	h.Add("Vary", "Origin")
	if origin == "" || !c.allows(origin) || !slices.Contains(c.AllowedMethods, r.Method) && r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if len(c.ExposedHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposedHeaders, ", "))
	}
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return false
}

// preflight says what a page of an allowed origin may do, if it may do all that
// it asks for.
func (c *cors) preflight(h http.Header, r *http.Request, origin string) {
	method := r.Header.Get("Access-Control-Request-Method")
	if !slices.Contains(c.AllowedMethods, method) && method != http.MethodOptions {
		return
	}
	asked := r.Header.Get("Access-Control-Request-Headers")
	for name := range strings.SplitSeq(asked, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !slices.Contains(c.headers, name) && !slices.Contains(c.headers, "*") {
			return
		}
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", method)
	if asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
}
