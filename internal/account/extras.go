package account

import "cardea/internal/flow"

// extra is a page that is not a flow's.
type extra struct {
	page  page
	here  func(p *Pages, set *flow.Setup) bool // whether this configuration has it
	posts bool                                 // takes forms
}

// extras are the pages beside those of the flows, by path.
var extras = map[string]extra{
	"":                  {page: (*Pages).home, here: ownLogin},
	"signed-out":        {page: (*Pages).signedOut, here: ownLogin},
	trialPath:           {page: (*Pages).trial, here: ownLogin},
	"error":             {page: (*Pages).failure, here: ownErrors},
	flow.UndoPath:       {page: (*Pages).undo, here: ownUndo},
	flow.NotMePath:      {page: (*Pages).notMe, here: ownNotMe},
	"settings/sessions": {page: (*Pages).endSessions, here: ownSettings, posts: true},
	"settings/data":     {page: (*Pages).export, here: exports},
	"settings/delete":   {page: (*Pages).deletion, here: deletes, posts: true},
	"preview":           {page: (*Pages).preview, here: develops},
}

func ownLogin(_ *Pages, set *flow.Setup) bool  { return set.SelfService.Flows.Login.UIBuiltIn }
func ownUndo(_ *Pages, set *flow.Setup) bool   { return set.Cardea.Security.AddressUndo.UIURL == "" }
func ownNotMe(_ *Pages, set *flow.Setup) bool  { return set.Cardea.Risk.NotMe.UIURL == "" }
func ownErrors(_ *Pages, set *flow.Setup) bool { return set.SelfService.Flows.Error.UIBuiltIn }
func develops(p *Pages, set *flow.Setup) bool  { return set.Dev && ownLogin(p, set) }

func ownSettings(p *Pages, set *flow.Setup) bool {
	return p.self != nil && set.SelfService.Flows.Settings.UIBuiltIn
}

func exports(p *Pages, set *flow.Setup) bool {
	return ownSettings(p, set) && set.Cardea.Account.AllowExport
}

func deletes(p *Pages, set *flow.Setup) bool {
	return ownSettings(p, set) && set.Cardea.Account.AllowDeletion
}
