package httpapi

import (
	"context"
	"time"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/session"
)

// checkLevel asks for a second factor when a session is not at the level it needs.
// What was noted of the account decides, so that good sessions cost nothing; before
// somebody is refused it is counted, because the method of the noted factor may have
// been switched off since.
func (s *Server) checkLevel(ctx context.Context, set *compiled, own *session.Session, now time.Time) error {
	wants, noted := set.WhoAmI(), ""
	if own.Identity != nil {
		noted = own.Identity.AvailableAAL
	}
	if wants.Met(own, own.Identity, noted, now) {
		return nil
	}
	if noted == string(session.AAL2) && own.AAL >= session.AAL1 {
		counted, err := s.countLevel(ctx, set, own)
		if err != nil {
			return err
		}
		if wants.Met(own, own.Identity, counted, now) {
			return nil
		}
	}
	return flow.SecondFactorNeeded(set.StepUpURL())
}

// checkOwnAccount asks for a second factor when a session is below the level of the
// settings. What the account can reach is counted, as it is there.
func (s *Server) checkOwnAccount(ctx context.Context, set *compiled, own *session.Session) error {
	if own.AAL == session.AAL2 {
		return nil
	}
	counted, err := s.countLevel(ctx, set, own)
	if err != nil {
		return err
	}
	if wants := set.OwnAccount(); !wants.Met(own, own.Identity, counted, s.clock.Now()) {
		return flow.SecondFactorNeeded(set.StepUpURL())
	}
	return nil
}

// countLevel counts what the account of a session can reach, and notes it if it is
// not what was noted.
func (s *Server) countLevel(ctx context.Context, set *compiled, own *session.Session) (string, error) {
	i, err := s.Identities.Identity(ctx, own.IdentityID)
	if err != nil {
		return "", err
	}
	counted := identity.HighestAAL(i, set.Factors())
	if counted == i.AvailableAAL {
		return counted, nil
	}
	return counted, s.Identities.ChangeIdentity(ctx, i.ID, func(i *identity.Identity) error {
		i.AvailableAAL = identity.HighestAAL(i, set.Factors())
		return nil
	})
}
