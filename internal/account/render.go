package account

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"cardea/internal/flow"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by name; each knows the frame and the partials.
type templates struct {
	pages map[string]*template.Template
}

func parseTemplates() (*templates, error) {
	common, err := template.New("").Option("missingkey=error").
		ParseFS(templateFiles, "templates/frame.html", "templates/form.html", "templates/nodes.html")
	if err != nil {
		return nil, fmt.Errorf("the templates of the pages: %w", err)
	}
	t := &templates{pages: map[string]*template.Template{}}
	for _, name := range []string{"journey", "home", "notice", "mailbox"} {
		page, err := common.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("the template %s: %w", name, err)
		}
		t.pages[name] = page
	}
	return t, nil
}

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
	Script    string // "" for a page that needs none
}

func (p *Pages) frame(v *visit, heading string) frame {
	f := frame{
		Language: v.locale.Tag().String(), Direction: v.locale.Direction(),
		Heading: heading, Product: productName(v.set), Home: v.home(),
		Style: local(v.set, p.assets.style), Icon: local(v.set, p.assets.icon),
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
	var b bytes.Buffer
	if err := p.templates.pages[name].ExecuteTemplate(&b, "frame", view); err != nil {
		return fmt.Errorf("render the page %s: %w", name, err)
	}
	v.WriteHeader(status)
	if v.request.Method != http.MethodHead {
		_, _ = v.Write(b.Bytes()) // the browser may be gone
	}
	return nil
}
