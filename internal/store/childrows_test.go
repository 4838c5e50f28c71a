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
		"one":          `[["00112233445566778899AABBCCDDEEFF","::1",null,""]]`,
		"spaced":       `[[ "00112233445566778899aabbccddeeff" , null, "a" , null ] , [ "00112233445566778899aabbccddeeff",null,null,"]["]]`,
		"escaped":      `[["00112233445566778899aabbccddeeff",null,"a\"b\\, é }] \ud83d\ude00\n",null]]`,
		"not UTF-8":    "[[\"00112233445566778899aabbccddeeff\",null,null,\"\xff\"]]",
	} {
		t.Run(name, func(t *testing.T) {
			var want [][]*string
			if err := json.Unmarshal([]byte(raw), &want); err != nil {
				t.Fatal(err)
			}
			got, err := rowsIn[deviceRow]([]byte(raw), deviceColumns)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%d rows, want %d: %v", len(got), len(want), err)
			}
			for i, w := range want {
				g := got[i]
				if !reflect.DeepEqual([]*string{g.IPAddress, g.UserAgent, g.Location}, w[1:]) {
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
	const id = `"00112233445566778899aabbccddeeff"`
	for _, raw := range []string{
		`[`, `{}`, `[1]`, `[[]`, `[[]]`, `[[` + id + `]]`, `[[` + id + `,null,null]]`, `[[` + id + `,null,null,null,null]]`, `[[` + id + `,null,null,]]`,
		`[[7,null,null,null]]`, `[["7",null,null,null]]`, `[["00112233445566778899aabbccddeef",null,null,null]]`, `[["zz112233445566778899aabbccddeeff",null,null,null]]`,
		`[[` + id + `,null,null,7]]`, `[[` + id + `,null,null,"a"],]`, `[[` + id + `,null,null,"a"]`, `[[` + id + `,null,null,"a`, `[[` + id + `,null,null,"a\`,
		`[{"id":` + id + `}]`,
	} {
		if got, err := rowsIn[deviceRow]([]byte(raw), deviceColumns); err == nil {
			t.Errorf("%s gives %v", raw, got)
		}
	}
}
