package courier

import (
	"context"
	"errors"
	"fmt"
	html "html/template"
	"io"
	"maps"
	"slices"
	"strings"
	text "text/template"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"
)

// maxText is the size of one rendered text in bytes. A mail of a few kilobytes
// is long; what is larger is a template that went wrong.
const maxText = 256 << 10

var errTooLong = fmt.Errorf("the text is longer than %d bytes", maxText)

// executable is a compiled text of either engine.
type executable interface {
	Execute(w io.Writer, data any) error
}

// hermetic are the functions for texts that are not ours: sprig's, without those
// that ask the machine, the network, the clock or chance, and without those that
// take long.
func hermetic() map[string]any {
	funcs := sprig.HermeticTxtFuncMap()
	for _, name := range []string{
		"ago", "shuffle", "randInt", "encryptAES", "bcrypt", "htpasswd", "derivePassword", "genPrivateKey", "buildCustomCert",
		"genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	} {
		delete(funcs, name)
	}
	return funcs
}

// compile parses files into one set and checks what the entry refers to. Mail
// bodies in HTML escape what they are given by where it stands.
func (c compiler) compile(entry string, files map[string]string, funcs map[string]any) (executable, error) {
	if c.part == htmlPart {
		return c.compileHTML(entry, files, funcs)
	}
	set := text.New("").Funcs(funcs)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, err := set.New(name).Parse(files[name]); err != nil {
			return nil, err
		}
	}
	trees := map[string]*parse.Tree{}
	for _, t := range set.Templates() {
		trees[t.Name()] = t.Tree
	}
	return c.checked(set.Lookup(entry), entry, trees)
}

func (c compiler) compileHTML(entry string, files map[string]string, funcs map[string]any) (executable, error) {
	set := html.New("").Funcs(funcs)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, err := set.New(name).Parse(files[name]); err != nil {
			return nil, err
		}
	}
	trees := map[string]*parse.Tree{}
	for _, t := range set.Templates() {
		trees[t.Name()] = t.Tree
	}
	if _, err := c.checked(set.Lookup(entry), entry, trees); err != nil {
		return nil, err
	}
	// Whether it can be escaped shows at the first execution, before anything is
	// written; what comes after that says nothing, because there is no data.
	var unescapable *html.Error
	if err := set.Lookup(entry).Execute(refuse{}, nil); errors.As(err, &unescapable) {
		return nil, err
	}
	return set.Lookup(entry), nil
}

// checked gives a text that its check found nothing in. If it works with every
// message or with none, one is tried.
func (c compiler) checked(t executable, entry string, trees map[string]*parse.Tree) (executable, error) {
	certain, err := c.check(entry, trees)
	if err != nil || !certain {
		return t, err
	}
	switch err := t.Execute(&limited{ctx: context.Background()}, c.sample()); {
	case errors.Is(err, errTooLong):
		return nil, fmt.Errorf("template: %s: %w", entry, err)
	case err != nil:
		return nil, err
	}
	return t, nil
}

// sample is the data of a message as it could be.
func (c compiler) sample() map[string]any {
	out := map[string]any{}
	for name, s := range c.fields {
		switch {
		case s == asNumber:
			out[name] = 60
		case s != asText:
			out[name] = s.forTemplates(nil)
		case name == "To":
			out[name] = "person@example.org"
		case name == "RequestURLDomain":
			out[name] = "example.org"
		case strings.HasSuffix(name, "URL"):
			out[name] = "https://example.org/page?flow=9f425a8d-7efc-4768-8f23-7647a74fdf13&code=123456&token=abcdef&return_to=https%3A%2F%2Fexample.org%2F"
		case strings.HasSuffix(name, "At"):
			out[name] = "2026-01-02T03:04:05Z"
		default:
			out[name] = "123456"
		}
	}
	return out
}

// refuse is a writer that ends every execution at once.
type refuse struct{}

func (refuse) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// execute renders a text within its limits: maxText bytes, until ctx is done. An
// error says where it happened and not what was there.
func execute(ctx context.Context, t executable, data any) (string, error) {
	w := &limited{ctx: ctx}
	err := t.Execute(w, data)
	switch {
	case w.err != nil:
		return "", w.err
	case err != nil:
		return "", errors.New(whereOnly(err.Error()))
	}
	return w.b.String(), nil
}

// whereOnly cuts an execution error after the place. What follows can quote the
// values: a code, an address.
func whereOnly(message string) string {
	const end = ">: "
	if i := strings.Index(message, end); i >= 0 {
		return message[:i+1]
	}
	return "the template cannot be executed"
}

// limited keeps what is written to it, up to a limit.
type limited struct {
	ctx context.Context
	b   strings.Builder
	err error
}

func (w *limited) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		w.err = err
	} else if w.b.Len()+len(p) > maxText {
		w.err = errTooLong
	}
	if w.err != nil {
		return 0, w.err
	}
	return w.b.Write(p)
}
