package event_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardea/cardeatest"
)

// letter is a delivery as an operator sees it.
type letter struct {
	ID       string `json:"id"`
	EventID  string `json:"event_id"`
	Target   string `json:"target"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
}

func TestADeliveryThatWasGivenUpIsReplayedUnderItsOldID(t *testing.T) {
	var gone atomic.Bool
	gone.Store(true)
	arrived := make(chan string, 100)
	x := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
			return
		}
		arrived <- r.Header.Get("webhook-id")
	}))
	t.Cleanup(x.Close)
	s := cardeatest.New(t, cardeatest.Options{Background: true, Config: `cardea: {events: {subscriptions: [{id: crm, url: "` + x.URL + `", types: [identity.created]}]}}`})
	operator := s.Client(cardeatest.Native)
	dead := func() (all []letter) {
		a := operator.Get(s.AdminURL + "/admin/events/deliveries?status=dead&target=events/crm")
		if err := json.Unmarshal(a.Body, &all); a.Status != 200 || err != nil {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if strings.Contains(string(a.Body), ann) {
			t.Errorf("the list tells what is said: %s", a.Body)
		}
		return all
	}
	s.CreateIdentity(ann, cardeatest.Password)
	s.CreateIdentity("bob@cardea.test", cardeatest.Password)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for begun := time.Now(); len(dead()) < 2; <-poll.C {
		if time.Since(begun) > patience {
			t.Fatalf("given up: %v", dead())
		}
	}
	letters := dead()
	if l := letters[0]; l.Type != "identity.created" || l.Attempts != 1 || l.Error == "" {
		t.Errorf("shown as %+v", l)
	}
	gone.Store(false)
	replay := func(path string) {
		t.Helper()
		if a := operator.Do("POST", s.AdminURL+"/admin/events/deliveries/"+path, nil); a.Status != 200 {
			t.Fatalf("replay: %d %s", a.Status, a.Body)
		}
	}
	comes := func(want string) {
		t.Helper()
		select {
		case got := <-arrived:
			if got != want {
				t.Errorf("%s arrived, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("%s did not arrive", want)
		}
	}
	replay(letters[1].ID + "/replay")
	comes(letters[1].EventID)
	replay("replay?target=events/other") // none of them
	replay("replay?target=events/crm")
	comes(letters[0].EventID)
	if left := dead(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
