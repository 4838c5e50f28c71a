package store

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestChildRowsAreReadAsJSONReadsThem(t *testing.T) {
	for name, raw := range map[string]string{
		"none":         `[]`,
		"none, spaced": ` [ ] `,
		"one":          `[{"id":"00112233445566778899AABBCCDDEEFF","ip_address":"::1","user_agent":null,"location":""}]`,
		"spaced":       `[{"id" : "00112233445566778899aabbccddeeff", "ip_address" : null, "user_agent" : "a", "location" : null}, {"id" : "00112233445566778899aabbccddeeff"}]`,
		"escaped":      `[{"id":"00112233445566778899aabbccddeeff","user_agent":"a\"b\\, é }] \ud83d\ude00\n"}]`,
		"other names":  `[{"id":"00112233445566778899aabbccddeeff","later":7,"location":"x"}]`,
		"not UTF-8":    "[{\"id\":\"00112233445566778899aabbccddeeff\",\"location\":\"\xff\"}]",
	} {
		t.Run(name, func(t *testing.T) {
			var want []struct {
				IPAddress *string `json:"ip_address"`
				UserAgent *string `json:"user_agent"`
				Location  *string
			}
			if err := json.Unmarshal([]byte(raw), &want); err != nil {
				t.Fatal(err)
			}
			got, err := rowsIn[deviceRow]([]byte(raw))
			if err != nil || len(got) != len(want) {
				t.Fatalf("%d rows, want %d: %v", len(got), len(want), err)
			}
			for i, w := range want {
				g := got[i]
				if !reflect.DeepEqual([]*string{g.IPAddress, g.UserAgent, g.Location}, []*string{w.IPAddress, w.UserAgent, w.Location}) {
					t.Errorf("row %d: %+v, want %+v", i, g, w)
				}
				if g.ID.String() != "00112233-4455-6677-8899-aabbccddeeff" {
					t.Errorf("id %s", g.ID)
				}
			}
		})
	}
}

func TestChildRowsOfAnotherFormAreRefused(t *testing.T) {
	for _, raw := range []string{
		`[`, `{}`, `[1]`, `[{]`, `[{"id"}]`, `[{"id":}]`, `[{"id":7}]`, `[{"id":"7"}]`, `[{"id":"00112233445566778899aabbccddeef`,
		`[{"id":"zz112233445566778899aabbccddeeff"}]`, `[{"location":7}]`, `[{"location":"a"},]`, `[{"location":"a"}`, `[{"location":"a`, `[{"location":"a\`,
	} {
		if got, err := rowsIn[deviceRow]([]byte(raw)); err == nil {
			t.Errorf("%s gives %v", raw, got)
		}
	}
}
