package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"cardea/internal/identity"
	"cardea/internal/problem"
)

// Entity tags of identities (RFC 9110, sections 8.8.3 and 13.1). Clients of the
// contract know none, so a tag is sent to those only who ask for one: with a
// condition, or with etag=true.

// tagOf is a strong tag: it changes with everything that is stored of the identity.
func tagOf(i *identity.Identity) (string, error) {
	raw, err := json.Marshal(i)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`, nil
}

// wantsTag says whether the client asks for a tag.
func wantsTag(r *http.Request) bool {
	return r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != "" || r.URL.Query().Get("etag") == "true"
}

// unchanged adds the tag of a stored identity for those who ask for it, and answers
// 304 to those who have it already.
func (s *Server) unchanged(w http.ResponseWriter, r *http.Request, i *identity.Identity) bool {
	if !wantsTag(r) {
		return false
	}
	tag, err := tagOf(i)
	if err != nil {
		s.fail(w, r, err)
		return true
	}
	w.Header().Set("ETag", tag)
	if known := r.Header.Values("If-None-Match"); len(known) > 0 && listed(known, tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	return false
}

// tagWritten adds the tag of an identity that was just written, for those who ask. It
// is read again: what rows keep of it is what counts. When that fails, the write has
// happened all the same, and the answer comes without a tag.
func (s *Server) tagWritten(w http.ResponseWriter, r *http.Request, i *identity.Identity) {
	if !wantsTag(r) {
		return
	}
	stored, err := s.Identities.Identity(r.Context(), i.ID)
	if err != nil {
		return
	}
	if tag, err := tagOf(stored); err == nil {
		w.Header().Set("ETag", tag)
	}
}

// precondition is what If-Match demands; nil for a request without.
func precondition(r *http.Request) func(*identity.Identity) error {
	wanted := r.Header.Values("If-Match")
	if len(wanted) == 0 {
		return nil
	}
	return func(i *identity.Identity) error {
		tag, err := tagOf(i)
		if err != nil || listed(wanted, tag) {
			return err
		}
		return &problem.Error{
			Status: http.StatusPreconditionFailed, Message: "The resource has changed in the meantime",
			Reason: "The identity is not the one that If-Match names. Read it again and repeat the change.",
		}
	}
}

// listed says whether a list of tags names one, or any. Weak tags match nothing.
func listed(fields []string, tag string) bool {
	for one := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		if one = strings.TrimSpace(one); one == tag || one == "*" {
			return true
		}
	}
	return false
}
