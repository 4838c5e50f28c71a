package risk

import (
	"fmt"
	"slices"
)

// Response is what is done about a sign-in. A greater one is stronger.
type Response int

// The responses.
const (
	Nothing      Response = iota // it is only told to whoever watches
	Notify                       // a mail asks "was this you?"
	Challenge                    // a program would have to work for it
	SecondFactor                 // nobody is let in who shows nothing else
	Block                        // nobody is let in
)

var responses = [...]string{"nothing", "notify", "challenge", "second_factor", "block"}

// String is the response in the words of the configuration.
func (r Response) String() string { return responses[r] }

// Responses are all of them, the weakest first.
func Responses() []Response { return []Response{Nothing, Notify, Challenge, SecondFactor, Block} }

// ParseResponse reads a response of the configuration.
func ParseResponse(text string) (Response, error) {
	at := slices.Index(responses[:], text)
	if at < 0 {
		return 0, fmt.Errorf("%q is no response", text)
	}
	return Response(at), nil
}

// Policy says what is done when all signals of When are there. Kinds and Methods
// narrow it to journeys and ways of signing in; empty for all.
type Policy struct {
	When           []Signal
	Kinds, Methods []string
	Then           Response
}

// about says whether a policy is about such sign-ins.
func (p *Policy) about(now Now) bool {
	return (len(p.Kinds) == 0 || slices.Contains(p.Kinds, now.Kind)) && (len(p.Methods) == 0 || slices.Contains(p.Methods, now.Method))
}

// possible says whether all signals could be there, without asking the past.
func (p *Policy) possible(now Now) bool {
	return !slices.ContainsFunc(p.When, func(s Signal) bool {
		switch s {
		case NewDevice:
			return now.KnownDevice || now.New
		case ManyAccounts:
			return !now.Source.IsValid()
		}
		return now.New || !now.Source.IsValid()
	})
}

// Verdict is what was found about a sign-in, and what is to be done.
type Verdict struct {
	Signals  []Signal
	Response Response
}
