package account

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"cardea/internal/config"
	"cardea/internal/ui"
)

// look is everything about the pages that an operator can change: templates, style
// and texts. It belongs to a configuration and does not change.
type look struct {
	templates *templates
	assets    *assets
	catalogue *ui.Catalogue
}

// Directories below cardea.account.override_path.
const (
	templateDir = "templates"
	localeDir   = "locales"
)

// Texts gives the catalogue with the changes of an operator, ours where there are none.
func Texts(s *config.Snapshot, ours *ui.Catalogue) (*ui.Catalogue, error) {
	changes, err := overridesIn(s, localeDir)
	if err != nil {
		return nil, err
	}
	if changes == nil {
		return ours, nil
	}
	return ui.NewCatalogue(changes)
}

// overridesIn opens a directory below the override path; nil when there is none.
func overridesIn(s *config.Snapshot, name string) (fs.FS, error) {
	root := s.Cardea.Account.OverridePath
	if root == "" {
		return nil, nil
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, errors.Join(errors.New("cardea.account.override_path: not a directory"), err)
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return os.DirFS(dir), nil
}

// Prepare makes what a configuration wants the pages to look like; the result puts
// it in force. Overrides that cannot work are errors with the place in the file.
func (p *Pages) Prepare(s *config.Snapshot, catalogue *ui.Catalogue) (use func(), err error) {
	changes, err := overridesIn(s, templateDir)
	if err != nil {
		return nil, err
	}
	made := &look{catalogue: catalogue}
	var errs [2]error
	made.templates, errs[0] = parseTemplates(changes)
	made.assets, errs[1] = readAssets(p.files, themeOf(s))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return func() { p.look.Store(made) }, nil
}

// CheckTemplates says whether the templates of an operator can be used.
func CheckTemplates(s *config.Snapshot) error {
	changes, err := overridesIn(s, templateDir)
	if err == nil {
		_, err = parseTemplates(changes)
	}
	return err
}
