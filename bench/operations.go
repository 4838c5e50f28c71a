package main

// A label names something that can be measured: name is what -only takes, title
// what the report shows.
type label struct{ name, title string }

// A taskMaker makes the task that one connection repeats. worker numbers the
// connections, so that they need not all ask for the same thing.
type taskMaker func(c *client, worker int) task

// An operation is measured against a server. prepare builds, once for all
// connections, what can be built before the clock runs.
type operation struct {
	label
	prepare func(d *dataset) taskMaker
	with    variant
	admin   bool // asks the admin API
	hashes  bool // measured alternating with bare hashes of the variant's cost
	uses    bool // uses up sessions, which are opened before
	amount  int  // of what is counted in one request; 0 for 1
	most    int  // connections; 0 for as many as there are
}

// slowLogin needs people of its own.
var slowLogin = label{"login-12", "login, native, bcrypt 12"}

// What is measured besides the operations.
var (
	bareLimit   = label{"bare", "bare net/http server, 1.4 kB"}
	bcryptLimit = label{"bcrypt", "bcrypt cost 4, two goroutines"}
	syncLimit   = label{"fsync", "durable 4 kB append, one writer"}
	mixedLoad   = label{"mixed", "whoami while 2 × connections sign up and in"}
	coldStarts  = label{"start", "cold start to ready"}
	footprint   = label{"footprint", "memory and binary size"}
)

// operations is what a server is asked to do, in an order in which none makes the
// next one's work harder and servers start anew as rarely as they can.
func operations() []operation {
	return []operation{
		{label: label{"alive", "/health/alive"}, prepare: alive, with: usual},
		{label: label{"whoami-token", "whoami by token"}, prepare: whoamiByToken, with: usual},
		{label: label{"whoami-cookie", "whoami by cookie"}, prepare: whoamiByCookie, with: usual},
		{label: label{"whoami-unknown", "whoami, unknown token"}, prepare: whoamiUnknown, with: usual},
		{label: label{"whoami-impossible", "whoami, impossible token"}, prepare: whoamiImpossible, with: usual},
		{label: label{"flow-fetch", "login flow fetch"}, prepare: fetchFlow, with: usual},
		{label: label{"flow-api", "login flow creation, native"}, prepare: createNativeFlow, with: usual},
		{label: label{"flow-browser", "login flow creation, browser"}, prepare: createBrowserFlow, with: usual},
		{label: label{"sessions", "own sessions"}, prepare: ownSessions, with: usual},
		{label: label{"admin-get", "admin get"}, prepare: adminGet, with: usual, admin: true},
		{label: label{"admin-identifier", "admin list by identifier"}, prepare: adminByIdentifier, with: usual, admin: true},
		{label: label{"admin-list", "admin list, pages of 250"}, prepare: adminList, with: usual, admin: true},
		{label: label{"logout", "logout, native"}, prepare: logOut, with: usual, uses: true},
		{label: label{"login", "login, native (flow + submit)"}, prepare: logIn, with: usual, hashes: true},
		{label: label{"registration", "registration, native (flow + submit)"}, prepare: register, with: usual, hashes: true},
		{label: label{"admin-create", "admin create"}, prepare: adminCreate, with: usual, admin: true},
		{label: label{"admin-import", "admin batch import, identities"}, prepare: adminImport, with: usual, admin: true, amount: importBatch, most: importConnections},
		{label: label{"whoami-uncached", "whoami by token, no cache"}, prepare: whoamiByToken, with: uncached},
		{label: label{"settings", "settings (flow + profile), TOTP on"}, prepare: changeProfile, with: withTOTP},
		{label: slowLogin, prepare: logInSlowly, with: withHashes, hashes: true},
		{label: label{"registration-12", "registration, native, bcrypt 12"}, prepare: register, with: withHashes, hashes: true},
	}
}

// labels lists everything that -only can name, in the order of the report.
func labels() []label {
	all := []label{bareLimit, bcryptLimit, syncLimit}
	for _, op := range operations() {
		all = append(all, op.label)
	}
	return append(all, mixedLoad, coldStarts, footprint)
}

// repeat sends the requests by turns, each connection beginning with another,
// and expects the same status of all.
func repeat(status int, requests ...[]byte) taskMaker {
	return func(c *client, worker int) task {
		next := worker
		return func() error {
			next++
			_, err := c.expect(status, requests[next%len(requests)])
			return err
		}
	}
}

func alive(d *dataset) taskMaker {
	return repeat(200, get(d.addr, "/health/alive"))
}

func whoamiByToken(d *dataset) taskMaker {
	requests := make([][]byte, len(d.tokens))
	for i, token := range d.tokens {
		requests[i] = get(d.addr, "/sessions/whoami", "X-Session-Token: "+token)
	}
	return repeat(200, requests...)
}

func whoamiByCookie(d *dataset) taskMaker {
	requests := make([][]byte, len(d.cookies))
	for i, cookies := range d.cookies {
		requests[i] = get(d.addr, "/sessions/whoami", "Cookie: "+cookies)
	}
	return repeat(200, requests...)
}

// whoamiUnknown asks with a token of the right form that was never issued, and
// with another one each time, so that no cache can learn it.
func whoamiUnknown(d *dataset) taskMaker {
	const digits = 12
	return func(c *client, worker int) task {
		request := get(d.addr, "/sessions/whoami", "X-Session-Token: "+d.tokens[worker%len(d.tokens)])
		counter := request[len(request)-len("\r\n\r\n")-digits:][:digits]
		n := uint64(worker) << 32
		return func() error {
			n++
			for i, rest := digits-1, n; i >= 0; i, rest = i-1, rest/10 {
				counter[i] = '0' + byte(rest%10)
			}
			_, err := c.expect(401, request)
			return err
		}
	}
}

func fetchFlow(d *dataset) taskMaker {
	requests := make([][]byte, len(d.flows))
	for i, id := range d.flows {
		requests[i] = get(d.addr, "/self-service/login/flows?id="+id)
	}
	return repeat(200, requests...)
}

func createNativeFlow(d *dataset) taskMaker {
	return repeat(200, get(d.addr, "/self-service/login/api"))
}

func createBrowserFlow(d *dataset) taskMaker {
	return repeat(200, get(d.addr, "/self-service/login/browser"))
}

func logIn(d *dataset) taskMaker { return logInAs(d, d.emails) }

func logInAs(d *dataset, emails []string) taskMaker {
	create := get(d.addr, "/self-service/login/api")
	tails := make([]string, len(emails))
	for i, email := range emails {
		tails[i] = tail(d.addr, nil, loginBody(email))
	}
	return func(c *client, worker int) task {
		next := worker
		return submitFlow(c, create, loginPath, hasSessionToken, func() string {
			next++
			return tails[next%len(tails)]
		})
	}
}

func register(d *dataset) taskMaker {
	create := get(d.addr, "/self-service/registration/api")
	return func(c *client, _ int) task {
		return submitFlow(c, create, registrationPath, hasSessionToken, func() string {
			return tail(d.addr, nil, registrationBody(d.email(), ""))
		})
	}
}

// submitFlow creates a flow and posts to it; nextTail supplies everything of the
// submission that follows the flow's id; good judges its answer.
func submitFlow(c *client, create []byte, path string, good func([]byte) bool, nextTail func() string) task {
	var submit []byte
	return func() error {
		created, err := c.expect(200, create)
		if err != nil {
			return err
		}
		id, err := flowID(created.body)
		if err != nil {
			return err
		}
		submit = append(submit[:0], "POST "+path...)
		submit = append(submit, id...)
		submit = append(submit, nextTail()...)
		res, err := c.expect(200, submit)
		if err == nil && !good(res.body) {
			err = errUnexpectedBody
		}
		return err
	}
}
