package session

// AALOf computes the level that evidence gives. It is the only place that does:
// one entry at each level makes aal2; an aal2 entry of what can be both factors
// makes it alone; anything else that is not empty is aal1.
func AALOf(methods []Method) AAL {
	var first, second, both bool
	for _, m := range methods {
		switch {
		case m.AAL == AAL2 && m.canBeBoth():
			both = true
		case m.AAL == AAL2:
			second = true
		case m.AAL == AAL1:
			first = true
		}
	}
	switch {
	case both || first && second:
		return AAL2
	case first || second:
		return AAL1
	default:
		return AAL0
	}
}

// canBeBoth says whether the method shows two factors at once where its entry says
// so: a federated provider that has asked for both, and a passkey that has verified
// its user.
func (m Method) canBeBoth() bool {
	return m.Method == "oidc" || m.Method == "saml" || m.Method == "passkey"
}
