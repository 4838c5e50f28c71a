package payload

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"cardea/internal/problem"
)

// ErrTooLarge is in the chain of the error for a body above its limit.
var ErrTooLarge = errors.New("payload: body above its limit")

// Source is where a submission comes from: the parts of a request that matter.
type Source struct {
	ContentType   string
	Method        string
	Query         url.Values
	Body          io.Reader // nil for none
	ContentLength int64     // as declared; negative when unknown
	Limit         int64     // bytes; 0 means DefaultLimit
}

// Read reads a submission. On GET and HEAD the query is the submission.
// Errors are *problem.Error: 400 with a reason, or 413 with ErrTooLarge in its
// chain. What follows a complete JSON object is ignored, as is recorded.
func Read(s Source) (*Body, error) {
	if s.Method == http.MethodGet || s.Method == http.MethodHead {
		return fromValues(s.Query)
	}
	kind, params, err := mediaType(s.ContentType)
	if err != nil {
		return nil, err
	}
	raw, err := readAll(s)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "application/json":
		return fromJSON(raw)
	case "application/x-www-form-urlencoded":
		return fromForm(raw)
	default:
		return fromMultipart(raw, params["boundary"])
	}
}

// mediaType accepts the three content types of a submission. Broken parameters
// after a good type do no harm, except that multipart needs its boundary.
func mediaType(header string) (string, map[string]string, error) {
	kind, params, err := mime.ParseMediaType(header)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		kind = ""
	}
	switch kind {
	case "application/json", "application/x-www-form-urlencoded", "multipart/form-data":
		return kind, params, nil
	}
	return "", nil, problem.BadRequest("The content type has to be application/json, application/x-www-form-urlencoded or multipart/form-data.")
}

func readAll(s Source) ([]byte, error) {
	limit := s.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	if s.ContentLength > limit {
		return nil, tooLarge()
	}
	var raw []byte
	if s.Body != nil {
		var err error
		if raw, err = io.ReadAll(io.LimitReader(s.Body, limit+1)); err != nil {
			return nil, readError(err)
		}
	}
	if int64(len(raw)) > limit {
		return nil, tooLarge()
	}
	if len(raw) == 0 {
		return nil, problem.BadRequest("The request has no body.")
	}
	return raw, nil
}

func tooLarge() error { return problem.New(http.StatusRequestEntityTooLarge, "").With(ErrTooLarge) }

// readError tells a body cut off by http.MaxBytesReader from a broken connection.
func readError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	return problem.BadRequest("The request's body could not be read.").With(err)
}

func fromJSON(raw []byte) (*Body, error) {
	v, err := DecodeJSON(raw)
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, problem.BadRequest("The body has to be a JSON object.")
	}
	return &Body{root: root}, nil
}

func fromForm(raw []byte) (*Body, error) {
	if strings.Count(string(raw), "&") >= MaxValues {
		return nil, tooMany()
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		// The cause quotes what was typed; it stays behind.
		return nil, problem.BadRequest("The form is not encoded as it should be.")
	}
	return fromValues(values)
}

func fromValues(values url.Values) (*Body, error) {
	root := make(map[string]any, len(values))
	count := 0
	for key, list := range values {
		if count += len(list); count > MaxValues {
			return nil, tooMany()
		}
		if len(list) == 0 {
			continue
		}
		for _, text := range append([]string{key}, list...) {
			if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
				return nil, badText()
			}
		}
		root[key] = texts(list)
	}
	return &Body{root: root, form: true}, nil
}

func fromMultipart(raw []byte, boundary string) (*Body, error) {
	malformed := problem.BadRequest("The multipart form is malformed.")
	if boundary == "" {
		return nil, malformed
	}
	reader := multipart.NewReader(strings.NewReader(string(raw)), boundary)
	values := url.Values{}
	for n := 0; ; n++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) && n > 0 {
			return fromValues(values)
		}
		if err != nil {
			return nil, malformed // also a body in which the boundary never comes
		}
		if n == MaxValues {
			return nil, tooMany()
		}
		if part.FileName() != "" {
			return nil, problem.BadRequest("Files are not accepted here.")
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed
		}
		values.Add(part.FormName(), string(text))
	}
}

func tooMany() error { return problem.BadRequest("The submission holds too many values.") }

func badText() error {
	return problem.BadRequest("The submission holds text that is not valid UTF-8 or contains a zero character.")
}
