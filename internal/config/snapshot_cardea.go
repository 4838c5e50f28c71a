package config

import (
	"encoding/json"
	"net/netip"
	"time"
)

// Cardea are the settings that Kratos does not have.
type Cardea struct {
	DataDir       string // folder for generated secrets and the development database
	Development   CardeaDevelopment
	Hashing       CardeaHashing
	Account       CardeaAccount
	Courier       CardeaCourier
	Janitor       CardeaJanitor
	Session       CardeaSession
	GeoIP         CardeaGeoIP
	Admin         CardeaAdmin
	Log           CardeaLog
	Security      CardeaSecurity
	Throttle      CardeaThrottle
	Captcha       CardeaCaptcha
	Risk          CardeaRisk
	WebAuthn      CardeaWebAuthn
	Assurance     CardeaAssurance
	Federation    CardeaFederation
	Organizations []CardeaOrganization
	Events        CardeaEvents
	Audit         CardeaAudit
	WebHooks      CardeaWebHooks

	BreachedPasswords CardeaBreachedPasswords
}

// CardeaBreachedPasswords is the list of breached passwords that needs no network.
type CardeaBreachedPasswords struct {
	File string // made by `cardea hibp build`; "" asks the range API
}

// CardeaAudit is the log of what was done.
type CardeaAudit struct {
	Enabled           bool
	Keep              time.Duration // 0 for ever
	FailuresPerMinute int           // that get a row each, of one process
	Secrets           []string      // of its keys; never empty, the first signs
	PublicKeys        []string      // of earlier keys, base64
}

// CardeaDevelopment are conveniences of development mode.
type CardeaDevelopment struct {
	Mailbox bool // show sent messages on a page; false outside of development mode
}

// CardeaHashing bounds concurrent password hashing; 0 means a size that fits the machine.
type CardeaHashing struct {
	Workers int
	Queue   int
}

// CardeaAccount describes the built-in account pages.
type CardeaAccount struct {
	Enabled bool
	Name    string
	LogoURL string
	Theme   struct {
		Light, Dark map[string]string // custom properties of the style sheet, by name without the dashes
	}
	OverridePath  string // directory with templates and texts that go before ours; "" for none
	AllowExport   bool   // people may download what is kept about them
	AllowDeletion bool   // people may delete their account
}

// CardeaCourier says whether the server itself delivers messages, and how long they
// are kept afterwards.
type CardeaCourier struct {
	InProcess        bool
	MessageRetention time.Duration // 0 for ever
	Budgets          CardeaSendBudgets
	SuppressRejected time.Duration // for how long; 0 for not at all
}

// CardeaSendBudgets are how many messages are sent.
type CardeaSendBudgets struct {
	Enabled    bool
	Email, SMS SendBudgets
	Countries  []string // ISO 3166-1 alpha-2, of telephone numbers that get messages; empty for all
}

// SendBudgets are how many messages of one channel go to one recipient, are caused by one
// address of the network, are of one type, go to one country, and go out in all.
type SendBudgets struct{ Recipient, Source, Template, Country, Total []SendBudget }

// SendBudget is so many messages at once, and as many more while Within passes.
type SendBudget struct {
	Messages int
	Within   time.Duration
}

// CardeaJanitor removes expired rows.
type CardeaJanitor struct {
	Interval time.Duration
}

// CardeaSession is how sessions are remembered and when they end before their time.
type CardeaSession struct {
	Cache struct {
		Enabled    bool
		MaxEntries int
	}
	IdleTimeout     time.Duration // since the last use; 0: none
	AbsoluteTimeout time.Duration // since the first sign-in; 0: none
	MaxConcurrent   int           // of one identity; 0: any number
	OnTooMany       string        // "end_oldest" or "refuse"
	RememberMe      struct {
		Enabled  bool          // people choose when they sign in
		Lifespan time.Duration // of the session of those who do not want to be remembered
	}
}

// CardeaAdmin says who may use the admin port. See Snapshot.AdminGuarded.
type CardeaAdmin struct {
	Open     bool   // anybody who reaches it; also: every interface when serve.admin.host is left out
	ClientCA string // file of the authorities whose client certificates open it; "" for none
	Pprof    bool   // profiles of the running process are to be had there
}

// CardeaLog says what the log holds beside troubles.
type CardeaLog struct {
	Requests string // that get a line: "none", "changes" or "all"
}

// CardeaSecurity goes further than the contract.
type CardeaSecurity struct {
	// StrictEnumeration closes every journey that could tell whether an account
	// exists. The settings of the contract that it includes are switched on with it.
	StrictEnumeration bool
	// AddressUndo is how somebody gets an address back that was taken out of an account.
	AddressUndo struct {
		Lifespan time.Duration // of the link; 0 for none
		UIURL    string        // the page that it leads to; "" for the built-in one
	}
	// SecondFactorGuesses bounds wrong guesses at the second factors of an account.
	SecondFactorGuesses struct {
		Max    int // 0 for any number
		Window time.Duration
	}
}

// CardeaThrottle bounds how often secrets may be guessed. The budgets are those of an
// identifier, of an account on a known device, of an address of the network (it fades
// within the window, and has no pauses), of that about one identifier, and of codes that
// were sent to an address.
type CardeaThrottle struct {
	Enabled                               bool
	TrustedProxies                        []string       // their networks, as they are written; nil when nothing is said
	Proxies                               []netip.Prefix `mapstructure:"-"` // the same, read
	Account, Device, Network, Pair, Codes Budget
	FirstWait, LongestWait, Window        time.Duration
}

// Budget is how many guesses there are: Free at once, Stop in all; 0 for any number.
type Budget struct{ Free, Stop int }

// CardeaWebAuthn says which authenticators new keys may be made with.
type CardeaWebAuthn struct {
	AllowedAAGUIDs []string // UUIDs of models; empty: any
	// AttestationRoots are where the certificates (PEM) of those are that vouch for
	// authenticators: file://, http(s):// or base64://. Empty: nobody has to.
	AttestationRoots []string
}

// Hook is one entry of a hook list. Config is the entry's "config" as JSON, for
// entries that carry their settings beside their name (organization hooks) all of
// them; nil when there are none.
type Hook struct {
	Name   string
	Config json.RawMessage
}
