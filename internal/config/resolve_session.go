package config

import (
	"cmp"
	"errors"
	"time"
)

// shortestIdle is the least time without use after which a session may end: less
// would be about the pauses between two requests.
const shortestIdle = time.Minute

// sessions fills in what the settings of sessions leave open.
func (r resolver) sessions() error {
	s, own := &r.Session, &r.Cardea.Session
	if s.EarliestPossibleExtend == 0 {
		s.EarliestPossibleExtend = s.Lifespan
	}
	for name, t := range s.WhoAmI.Tokenizer.Templates {
		t.SubjectSource = cmp.Or(t.SubjectSource, "id")
		s.WhoAmI.Tokenizer.Templates[name] = t
	}
	if own.IdleTimeout > 0 && own.IdleTimeout < shortestIdle {
		return errors.New("cardea.session.idle_timeout: at least a minute is needed")
	}
	if own.RememberMe.Enabled && own.RememberMe.Lifespan > s.Lifespan {
		own.RememberMe.Lifespan = s.Lifespan
		r.warn("cardea.session.remember_me.lifespan", "is longer than session.lifespan, which holds instead")
	}
	return nil
}
