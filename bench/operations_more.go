package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
)

// whoamiImpossible asks with what nobody can have been given.
func whoamiImpossible(d *dataset) taskMaker {
	return repeat(401, get(d.addr, "/sessions/whoami", "X-Session-Token: not-a-token"))
}

func ownSessions(d *dataset) taskMaker {
	requests := make([][]byte, len(d.tokens))
	for i, token := range d.tokens {
		requests[i] = get(d.addr, "/sessions", "X-Session-Token: "+token)
	}
	return repeat(200, requests...)
}

// logOut ends sessions that were opened for it, until there are none.
func logOut(d *dataset) taskMaker {
	return func(c *client, _ int) task {
		return func() error {
			select {
			case token := <-d.spare:
				_, err := c.expect(204, del(d.addr, "/self-service/logout/api", fmt.Sprintf(`{"session_token":%q}`, token)))
				return err
			default:
				return errUsedUp
			}
		}
	}
}

// errUsedUp ends a task for want of anything left to do.
var errUsedUp = errors.New("there is nothing left to do")

// logInSlowly is logIn of people whose password has a hash of the usual cost.
func logInSlowly(d *dataset) taskMaker { return logInAs(d, d.slow) }

// changeProfile opens a settings flow and gives somebody another name. Each
// connection is somebody else as long as there are enough people.
func changeProfile(d *dataset) taskMaker {
	return func(c *client, worker int) task {
		who := worker % len(d.tokens)
		session := "X-Session-Token: " + d.tokens[who]
		create := get(d.addr, "/self-service/settings/api", session)
		return submitFlow(c, create, settingsPath, isSuccess, func() string {
			return tail(d.addr, []string{session}, profileBody(d.natives[who], d.next.Add(1)))
		})
	}
}

// isSuccess says whether a form was accepted.
func isSuccess(body []byte) bool { return bytes.Contains(body, []byte(`"state":"success"`)) }

func adminGet(d *dataset) taskMaker {
	return repeat(200, d.eachKnown(func(k known) string { return "/admin/identities/" + k.id })...)
}

func adminByIdentifier(d *dataset) taskMaker {
	return repeat(200, d.eachKnown(func(k known) string { return byIdentifier(k.email) })...)
}

// byIdentifier is the address of the list of those who have an identifier.
func byIdentifier(email string) string {
	return "/admin/identities?credentials_identifier=" + url.QueryEscape(email)
}

func adminList(d *dataset) taskMaker {
	requests := make([][]byte, len(d.pages))
	for i, path := range d.pages {
		requests[i] = get(d.admin, path)
	}
	return repeat(200, requests...)
}

// eachKnown builds a request about each identity of the sample.
func (d *dataset) eachKnown(path func(known) string) (requests [][]byte) {
	for _, k := range d.sample {
		requests = append(requests, get(d.admin, path(k)))
	}
	return requests
}

func adminCreate(d *dataset) taskMaker {
	return func(c *client, _ int) task {
		return func() error {
			_, err := c.expect(201, post(d.admin, "/admin/identities", nil,
				fmt.Sprintf(`{"schema_id":"default","traits":{"email":%q,"name":{"first":"Ada","last":"Byron"}}}`, d.email())))
			return err
		}
	}
}

func adminImport(d *dataset) taskMaker {
	return func(c *client, _ int) task {
		return func() error {
			from := int(d.batches.Add(1)-1) * importBatch
			res, err := c.expect(200, patch(d.admin, "/admin/identities", string(batchBody(from, from+importBatch))))
			if err != nil {
				return err
			}
			return allCreated(res.body, importBatch)
		}
	}
}

// allCreated says whether a batch created everybody.
func allCreated(body []byte, n int) error {
	if created := bytes.Count(body, []byte(`"action":"create"`)); created != n {
		return fmt.Errorf("%w: %d of %d identities were created: %.300s", errUnexpectedBody, created, n, body)
	}
	return nil
}
