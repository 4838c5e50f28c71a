package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	loginPath        = "/self-service/login?flow="
	registrationPath = "/self-service/registration?flow="
	settingsPath     = "/self-service/settings?flow="
	// flowIDLength is the length of a UUID in text form.
	flowIDLength = 36
)

// errUnexpectedBody is an answer whose body lacks what the operation needs from it.
var errUnexpectedBody = errors.New("the answer's body lacks an expected member")

// get builds a complete GET request. fields are whole field lines.
func get(host, path string, fields ...string) []byte {
	return []byte("GET " + path + tail(host, fields, ""))
}

// post builds a complete POST request with a JSON body.
func post(host, path string, fields []string, body string) []byte {
	return []byte("POST " + path + tail(host, fields, body))
}

// del builds a complete DELETE request with a JSON body.
func del(host, path, body string) []byte { return []byte("DELETE " + path + tail(host, nil, body)) }

// patch builds a complete PATCH request with a JSON body.
func patch(host, path, body string) []byte { return []byte("PATCH " + path + tail(host, nil, body)) }

// tail builds everything of a request that follows the path. It exists apart
// from the path so that a submission can be prepared before its flow is known.
// A body is announced as JSON.
func tail(host string, fields []string, body string) string {
	var b strings.Builder
	b.WriteString(" HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: cardea-bench\r\nAccept: application/json\r\n")
	if body != "" {
		b.WriteString("Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

func loginBody(email string) string {
	return fmt.Sprintf(`{"method":"password","identifier":%q,"password":%q}`, email, password)
}

// registrationBody takes the anti-CSRF token of a browser's flow; a native one
// has none.
func registrationBody(email, csrfToken string) string {
	token, _ := json.Marshal(csrfToken) // a string always encodes
	return fmt.Sprintf(`{"method":"password","traits":{"email":%q,"name":{"first":"Ada","last":"Byron"}},"password":%q,"csrf_token":%s}`,
		email, password, token)
}

// profileBody changes a name.
func profileBody(email string, n uint64) string {
	return fmt.Sprintf(`{"method":"profile","traits":{"email":%q,"name":{"first":"Ada","last":"Byron %d"}}}`, email, n)
}

// flowID finds the id of a flow in its JSON by looking at the form's action,
// which names it wherever the member "id" stands.
func flowID(body []byte) ([]byte, error) {
	_, after, ok := bytes.Cut(body, []byte("?flow="))
	if !ok || len(after) < flowIDLength {
		return nil, errUnexpectedBody
	}
	return after[:flowIDLength], nil
}

// hasSessionToken says whether an answer to a native submission signs somebody in.
func hasSessionToken(body []byte) bool {
	return bytes.Contains(body, []byte(`"session_token":`))
}
