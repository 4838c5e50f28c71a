package flow

import (
	"cardea/internal/ui"
)

// kind is everything in which the five journeys differ. The differences show to
// clients, so they are the contract; they live here and nowhere in a method.
type kind struct {
	name    Kind
	initial State

	start  []guard // in the order in which a start is checked
	fetch  []guard
	submit []guard
	back   []guard // when a browser comes back from a provider; nil where none can
	// mediation is checked when the browser itself asks a provider, mediated before it
	// when it brings a token; nil where none can.
	mediation, mediated []guard

	expired ui.MessageID // on the flow that replaces an expired one
	nobody  ui.MessageID // when no step answers to a submission

	step          int      // the status of the answer to a step after which the journey goes on
	byAccept      bool     // what a client is, its Accept header says, not its flow
	invalidStatus int      // the redirect after a submission that was not accepted
	missing       string   // what an unknown flow is told besides the 404
	traitGroup    ui.Group // of inputs for traits
	fetchExpired  bool     // reading an expired browser flow answers with an id

	// primary kinds are about one method at a time: the one that the configuration
	// names, until another one takes a submission.
	primary        bool
	strict         bool // a method that does not exist is a fault of its field
	padded         bool // answers to somebody who asks for a message take their time, too
	repeats        bool // the answer to a step after which the journey goes on repeats the transient payload
	plain          bool // a start that asks for a forbidden place is told in JSON, whoever asks
	renewsExpired  bool // the anti-CSRF token changes when a flow has expired
	renewsViolated bool // ... and when a submission did not carry it

	plainStart    bool // failures of hooks at the start are told in JSON, whoever asks
	bareErrors400 bool // errors without a status of their own count as the client's

	order  func(traits []string) ui.SortOrder // nil: as rendered
	traits bool                               // the form shows the identity's traits
	bare   bool                               // a browser's form without any step has not even the anti-CSRF token
}

// kinds is the table of journeys. It is a function because the guards refer to
// the engine, which refers to it.
func kinds() map[Kind]*kind {
	return map[Kind]*kind{
		Login: {
			name: Login, initial: ChooseMethod,
			start:  []guard{checkChallenge, meetLogin, checkReturnTo, checkLevel, checkSchema, chooseOrganization, decideLogin, leadToConfirmation, leadToEnrollment},
			fetch:  []guard{loadForFetch, checkOwner, checkFetchExpiry},
			submit: []guard{loadForSubmit, refuseSecondLogin, requireFirstFactor, requireEnroller, requireConfirmer, checkExpiry},
			back:   []guard{refuseSecondReturn, checkExpiry},

			mediation: []guard{chooseOrganization, refuseMediated},
			mediated:  []guard{checkChallenge, meetLogin, checkReturnTo, checkSchema},

			expired: ui.LoginFlowExpired, nobody: ui.LoginNoMethod,
			step: 400, repeats: true, invalidStatus: 303, fetchExpired: true, padded: true,
			order: func([]string) ui.SortOrder { return ui.LoginOrder() },
		},
		Registration: {
			name: Registration, initial: ChooseMethod,
			start:  []guard{checkReturnTo, checkSchema, checkChallenge, checkEnabled, chooseOrganization, meetRegistration, refuseSession},
			fetch:  []guard{checkEnabled, loadForFetch, checkOwner, checkFetchExpiry},
			submit: []guard{refuseSession, loadForSubmit, checkEnabled, checkExpiry},
			back:   []guard{refuseSecondReturn, checkEnabled, checkExpiry},

			expired: ui.RegistrationFlowExpired, nobody: ui.RegistrationNoMethod,
			step: 400, repeats: true, invalidStatus: 302, fetchExpired: true,
			order:  ui.RegistrationOrder,
			traits: true, traitGroup: ui.Default, bare: true,
		},
		Settings: {
			name: Settings, initial: ShowForm,
			start:  []guard{requireSessionToStart, checkReturnTo, leadBack, requireLevelToStart, chooseOrganization},
			fetch:  []guard{requireSession, loadForFetch, requireSameIdentity, requireLevelToRead, checkFetchExpiry},
			submit: []guard{requireSession, loadForSubmit, checkExpiry, requireSameIdentity, requireLevelToSubmit},
			back:   []guard{requireSession, checkExpiry, requireSameIdentity, requireLevelToRead},

			expired: ui.SettingsFlowExpired, nobody: ui.SettingsNoMethod, traitGroup: ui.Profile, missing: "There is no settings flow of this id.",
			step: 200, repeats: true, invalidStatus: 303, bareErrors400: true,
			order: ui.SettingsOrder,
		},
		Recovery: {
			name: Recovery, initial: ChooseMethod,
			start:  []guard{checkEnabled, checkReturnTo, leadBack, refuseSession, requirePrimary},
			fetch:  []guard{checkEnabled, loadForFetch, checkOwner, checkFetchExpiry},
			submit: []guard{loadForSubmit, refuseSessionWithoutCode, checkExpiry},

			expired: ui.RecoveryFlowExpired, nobody: ui.RecoveryNoMethod,
			step: 200, invalidStatus: 303, primary: true, padded: true, renewsViolated: true, repeats: true,
			plainStart: true, bareErrors400: true,
			missing: "There is no recovery flow of this id.",
		},
		Verification: {
			name: Verification, initial: ChooseMethod,
			start:  []guard{checkEnabled, checkReturnTo, leadBack, requirePrimary},
			fetch:  []guard{checkEnabled, loadForFetch, checkOwner, checkFetchExpiry},
			submit: []guard{loadForSubmit, checkExpiry},

			expired: ui.VerificationFlowExpired, nobody: ui.VerificationNoMethod,
			step: 200, byAccept: true, invalidStatus: 303, primary: true, strict: true, padded: true, plain: true, renewsExpired: true,
			plainStart: true, bareErrors400: true,
			missing: "There is no verification flow of this id.",
		},
	}
}
