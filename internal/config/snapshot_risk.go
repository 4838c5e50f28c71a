package config

import "time"

// CardeaRisk is what is done about unusual sign-ins. Words are checked by the schema.
type CardeaRisk struct {
	Policies    []RiskPolicy
	TravelSpeed float64 // km/h beyond which nobody travels
	Accounts    struct {
		Max    int // different ones of one address that are usual
		Window time.Duration
	}
	History time.Duration // how long sessions that are over are kept for comparison
	// NotMe is the link that ends a session which was not its owner's.
	NotMe struct {
		Lifespan time.Duration // 0 for none
		UIURL    string        // the page that it leads to; "" for the built-in one
	}
}

// RiskPolicy answers signals. Flows and Methods are empty for all.
type RiskPolicy struct {
	When, Flows, Methods []string
	Then                 string
}
