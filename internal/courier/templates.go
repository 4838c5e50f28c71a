package courier

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"cardea/internal/config"
	"cardea/internal/identity"
	"cardea/internal/ui"
)

// builtin holds our own texts: templates/<dir>/<part>, and in templates/ what they
// have in common. Their sentences are the catalogue's, so that each serves every
// language.
//
//go:embed templates
var builtin embed.FS

const (
	// defaultLanguage is that of overrides for people whose language has no text.
	defaultLanguage = "en"
	// anyLanguage is the key of texts that serve every language.
	anyLanguage = ""
)

// Load fetches a document that the configuration points to: file://, base64://
// or http(s)://.
type Load func(ctx context.Context, url string) ([]byte, error)

// Templates are the compiled texts of all messages under one configuration. They
// are immutable and safe for concurrent use.
//
// The text of a part is the one that courier.templates names. Otherwise it is
// looked for below courier.template_override_path, then among the built-in ones,
// each time for the person's locale (pt-BR), then its language (pt), last in
// English. The built-in ones speak every language of the catalogue. Below the override path <dir>/<locale>/<part> is the text for one
// locale and <dir>/<part> the text for everybody who has none of their own; both
// go before a built-in text.
type Templates struct {
	// Warnings are settings that were accepted and will surprise somebody.
	Warnings []string

	kinds   map[string]kind
	texts   map[place]sources
	words   *ui.Catalogue
	product string
	hosts   hosts
}

// place is where a text belongs.
type place struct {
	kind string
	part part
}

// sources are the texts for one place, in the order of their precedence.
type sources struct {
	configured executable
	override   map[string]executable // by language
	builtin    executable            // in every language
}

// in gives the text for a locale; nil when there is none at all. spoken says that
// the built-in text speaks its language.
func (s sources) in(locale string, spoken bool) executable {
	if s.configured != nil {
		return s.configured
	}
	wanted := []string{locale}
	if language, _, regional := strings.Cut(locale, "-"); regional {
		wanted = append(wanted, language)
	}
	wanted = append(wanted, anyLanguage)
	if !spoken {
		wanted = append(wanted, defaultLanguage)
	}
	for _, language := range wanted {
		if t := s.override[strings.ToLower(language)]; t != nil {
			return t
		}
	}
	return s.builtin
}

// Compile reads and checks all texts of all messages. A text that does not parse,
// or that names a field, function or template that does not exist, is an error
// with the place in the file.
func Compile(ctx context.Context, s *config.Snapshot, words *ui.Catalogue, load Load) (*Templates, error) {
	t := &Templates{
		kinds: map[string]kind{}, texts: map[place]sources{}, words: words,
		product: s.Cardea.Account.Name, hosts: knownHosts(s),
	}
	overrides, err := t.overrideFiles(s.Courier.TemplateOverridePath)
	if err != nil {
		return nil, err
	}
	for _, k := range kinds() {
		t.kinds[k.name] = k
		for _, c := range []identity.Channel{identity.Email, identity.SMS} {
			if k.fields(c) == nil {
				continue
			}
			for _, p := range parts(c) {
				c := compiler{kind: k, part: p, fields: shapes(k.fields(c))}
				if t.texts[place{k.name, p}], err = c.sources(ctx, s, overrides, load); err != nil {
					return nil, err
				}
			}
		}
	}
	return t, nil
}

// overrideFiles opens the directory of overrides. One that does not exist is no
// error: configurations often name the directory that another server comes with.
func (t *Templates) overrideFiles(root string) (fs.FS, error) {
	if root == "" {
		return nil, nil
	}
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Warnings = append(t.Warnings, "courier.template_override_path: there is no such directory, so the built-in texts are used")
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("courier.template_override_path: %w", err)
	case !info.IsDir():
		return nil, errors.New("courier.template_override_path: not a directory")
	}
	return os.DirFS(root), nil
}

// compiler makes the texts of one place.
type compiler struct {
	kind   kind
	part   part
	fields map[string]shape // by the names that a template may use
}

func (c compiler) sources(ctx context.Context, s *config.Snapshot, overrides fs.FS, load Load) (sources, error) {
	var out sources
	var err error
	if out.configured, err = c.configured(ctx, s.Courier.Templates, load); err != nil {
		return sources{}, err
	}
	if overrides != nil {
		if out.override, err = c.overrides(overrides); err != nil {
			return sources{}, err
		}
	}
	out.builtin, err = c.own()
	return out, err
}

// configured compiles the text that the configuration names; nil when it names none.
func (c compiler) configured(ctx context.Context, all map[string]config.CourierTemplate, load Load) (executable, error) {
	address, key := c.part.configured(c.kind.texts(all))
	if address == "" {
		return nil, nil
	}
	key = "courier.templates, " + c.kind.dir + ", " + key
	raw, err := load(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	compiled, err := c.compile(string(c.part), map[string]string{string(c.part): string(raw)}, hermetic())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return compiled, nil
}

// overrides compiles the files of the override directory by language.
func (c compiler) overrides(root fs.FS) (map[string]executable, error) {
	dirs := map[string]string{anyLanguage: c.kind.dir}
	entries, err := fs.ReadDir(root, c.kind.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("courier.template_override_path: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() {
			dirs[strings.ToLower(e.Name())] = path.Join(c.kind.dir, e.Name())
		}
	}
	out := map[string]executable{}
	for language, dir := range dirs {
		files, err := siblings(root, dir, c.part)
		if err != nil {
			return nil, fmt.Errorf("courier.template_override_path: %w", err)
		}
		if files == nil {
			continue
		}
		if out[language], err = c.compile(string(c.part), files, hermetic()); err != nil {
			return nil, fmt.Errorf("courier.template_override_path: %s: %w", dir, err)
		}
	}
	return out, nil
}

// siblings reads a part and, so that it can be put together from several files,
// all files whose names begin like its own; nil when there is no such part.
func siblings(root fs.FS, dir string, p part) (map[string]string, error) {
	if _, err := fs.Stat(root, path.Join(dir, string(p))); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names, err := fs.Glob(root, path.Join(dir, strings.TrimSuffix(string(p), ".gotmpl")+"*"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, name := range names {
		raw, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, err
		}
		files[path.Base(name)] = string(raw)
	}
	return files, nil
}

// own compiles our own text; nil when there is none.
func (c compiler) own() (executable, error) {
	const root = "templates"
	own, err := fs.ReadFile(builtin, path.Join(root, c.kind.dir, string(c.part)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := map[string]string{string(c.part): string(own)}
	shared, err := fs.Glob(builtin, path.Join(root, "*.gotmpl"))
	if err != nil {
		return nil, err
	}
	for _, name := range shared {
		raw, err := fs.ReadFile(builtin, name)
		if err != nil {
			return nil, err
		}
		files[path.Base(name)] = string(raw)
	}
	compiled, err := c.compile(string(c.part), files, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(root, c.kind.dir), err)
	}
	return compiled, nil
}

// shapes are the fields that a template may use, by name.
func shapes(fields []field) map[string]shape {
	all := map[string]shape{productField: asText, headersField: asObject, wordsField: asObject}
	for _, f := range fields {
		all[f.name] = f.shape
	}
	return all
}

// hosts are the hosts of our own pages and of those that people may return to; a
// "*." in front stands for any subdomain.
type hosts []string

func knownHosts(s *config.Snapshot) hosts {
	known := map[string]bool{}
	add := func(u *url.URL) {
		if u != nil && u.Hostname() != "" {
			known[u.Hostname()] = true
		}
	}
	add(s.Serve.Public.BaseURL)
	for _, u := range s.SelfService.AllowedReturnURLs {
		add(u)
	}
	flows := &s.SelfService.Flows
	for _, page := range []string{flows.Login.UIURL, flows.Registration.UIURL, flows.Recovery.UIURL, flows.Verification.UIURL} {
		if u, err := url.Parse(page); err == nil {
			add(u)
		}
	}
	return slices.Sorted(maps.Keys(known))
}

func (h hosts) has(host string) bool {
	return slices.ContainsFunc(h, func(known string) bool {
		if parent, ok := strings.CutPrefix(known, "*"); ok {
			return strings.HasSuffix(host, parent)
		}
		return host != "" && strings.EqualFold(host, known)
	})
}
