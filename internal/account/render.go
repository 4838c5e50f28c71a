package account

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"cardea/internal/flow"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by name; each knows the frame and the partials.
type templates struct {
	pages map[string]*template.Template
}

// parseTemplates reads our templates and, over them, those of an operator; nil for
// none. A file with the name of one of our pages takes its place; definitions of
// other files replace the partials of the same name.
func parseTemplates(changes fs.FS) (*templates, error) {
	common, err := template.New("").Option("missingkey=error").
		ParseFS(templateFiles, "templates/frame.html", "templates/form.html", "templates/nodes.html", "templates/icons.html")
	if err != nil {
		return nil, fmt.Errorf("the templates of the pages: %w", err)
	}
	var theirs []string
	if changes != nil {
		if theirs, err = fs.Glob(changes, "*.html"); err != nil {
			return nil, err
		}
	}
	for _, name := range theirs {
		if slices.Contains(pageNames, strings.TrimSuffix(name, ".html")) {
			continue
		}
		if _, err := common.ParseFS(changes, name); err != nil {
			return nil, fmt.Errorf("cardea.account.override_path, templates: %w", err)
		}
	}
	t := &templates{pages: map[string]*template.Template{}}
	for _, name := range pageNames {
		page, err := common.Clone()
		if err == nil && slices.Contains(theirs, name+".html") {
			page, err = page.ParseFS(changes, name+".html")
		} else if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("the template %s: %w", name, err)
		}
		if err := escapes(page); changes != nil && err != nil {
			return nil, fmt.Errorf("the template %s: %w", name, err)
		}
		t.pages[name] = page
	}
	return t, nil
}

// escapes says whether a page can be escaped, which shows at its first execution;
// what else goes wrong there is for want of data.
func escapes(page *template.Template) error {
	var unescapable *template.Error
	if err := page.ExecuteTemplate(io.Discard, "frame", nil); errors.As(err, &unescapable) {
		return err
	}
	return nil
}

// pageNames are the pages by the names of their templates.
var pageNames = []string{"journey", "home", "notice", "mailbox", "delete", "preview"}

// frame is what every page has around its content.
type frame struct {
	Language  string
	Direction string
	Heading   string
	Title     string // of the window; says more than the heading
	Product   string
	Home      string       // "" when the front page is not ours
	Logo      template.URL // the operator's picture or our own
	OwnLogo   bool
	Style     string
	Icon      string
	Script    string // makes pages more comfortable
	Keys      string // for security keys and passkeys, "" for a page without them
	Captcha   string // passes the barrier against robots, "" for a page without it
	Wide      bool   // several cards instead of one
	Languages []languageLink
	Labels    labels
}

// labels are what parts of the frame are called.
type labels struct{ Language, Current, Failed, Unsupported string }

func (p *Pages) frame(v *visit, heading string) frame {
	f := frame{
		Language: v.locale.Tag().String(), Direction: v.locale.Direction(),
		Heading: heading, Product: productName(v.set), Home: v.home(),
		Style: v.asset(v.look.assets.style), Icon: v.asset(v.look.assets.icon), Script: v.asset(v.look.assets.script),
		Languages: v.menu(),
		Labels: labels{
			Language: v.words.Text("language.label"), Current: v.languageName(),
			Failed: v.words.Text("script.failed"), Unsupported: v.words.Text("script.unsupported"),
		},
	}
	f.Title = heading
	if !strings.Contains(heading, f.Product) {
		f.Title = heading + " · " + f.Product
	}
	if logo, ok := imageSource(v.set.Cardea.Account.LogoURL); ok && logo != "" {
		f.Logo, f.OwnLogo = logo, true
	}
	return f
}

// local is an address of this server without its host: a style sheet has to come
// from where the page came from, whatever the host is called there.
func local(set *flow.Setup, below string) string {
	return strings.TrimSuffix(set.Serve.Public.BaseURL.Path, "/") + below
}

// asset is the address of a file that pages load.
func (v *visit) asset(path string) string { return local(v.set, path) }

// productName is what the pages call what one signs in to.
func productName(set *flow.Setup) string {
	if set.Cardea.Account.Name != "" {
		return set.Cardea.Account.Name
	}
	return "Cardea"
}

// link is a place to go.
type link struct {
	Href    string
	Lead    string // words before it
	Text    string
	Button  bool
	Primary bool
}

// render writes a whole page or nothing.
func (p *Pages) render(v *visit, status int, name string, view any) error {
	b, _ := p.buffers.Get().(*bytes.Buffer)
	if b == nil {
		b = &bytes.Buffer{}
	}
	b.Reset()
	defer p.buffers.Put(b)
	if err := v.look.templates.pages[name].ExecuteTemplate(b, "frame", view); err != nil {
		return fmt.Errorf("render the page %s: %w", name, err)
	}
	v.WriteHeader(status)
	if v.request.Method != http.MethodHead {
		_, _ = v.Write(b.Bytes()) // the browser may be gone
	}
	return nil
}
