package systemtest

import (
	"net/http"
	"os"
	"testing"
)

// brokenHook makes the start of a login fail in a way that is logged.
const brokenHook = `
selfservice: {flows: {login: {before: {hooks: [{hook: web_hook, config: {url: "http://127.0.0.1:1/", method: GET}}]}}}}
`

func TestTheServerOutlivesTheReaderOfItsLog(t *testing.T) {
	s := install(t, options{Config: brokenHook})
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	file := s.log
	s.log = writer
	s.start(t)
	s.log = file
	_ = writer.Close()
	_ = reader.Close()
	for range 2 { // the log line of the first may still fit somewhere
		res, err := http.Get(s.PublicURL + "/self-service/login/api")
		if err != nil {
			t.Fatalf("the server went away with whoever read its log: %v", err)
		}
		_ = res.Body.Close()
		if res.StatusCode < 500 {
			t.Fatalf("the answer is %d: nothing was logged", res.StatusCode)
		}
	}
}
