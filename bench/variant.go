package main

// A variant is what differs between operations in the configuration of a server.
type variant struct {
	cache, totp bool
	cost        int // of bcrypt; 0 for the usual one
}

const (
	// lowCost keeps the hash from hiding the cost of everything around it.
	lowCost = 4
	// usualCost is what installations use, and what is measured as slow.
	usualCost = 12
)

// The variants. The order of the operations keeps the restarts few.
var (
	usual      = variant{cache: true, cost: lowCost}
	uncached   = variant{cost: lowCost}
	withTOTP   = variant{cache: true, totp: true, cost: lowCost}
	withHashes = variant{cache: true}
)
