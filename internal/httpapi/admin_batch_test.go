package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestBatch(t *testing.T) {
	d := newDesk(t)
	d.person("taken@example.test")
	create := func(email string) string { return `{"create":{"traits":{"email":"` + email + `"}}}` }
	actions := func(a answer) (out []string) {
		for _, item := range a.at("identities").([]any) {
			if item == nil {
				out = append(out, "null")
				continue
			}
			m := item.(map[string]any)
			line := m["action"].(string)
			if failure, ok := m["error"].(map[string]any); ok {
				line += fmt.Sprint(" ", failure["code"])
			}
			out = append(out, line)
		}
		return out
	}
	for about, tc := range map[string]struct {
		items string
		want  []string
	}{
		"nothing":            {``, nil},
		"an empty entry":     {`{}`, []string{"null"}},
		"good ones":          {create("b1@example.test") + "," + create("b2@example.test"), []string{"create", "create"}},
		"one is taken":       {create("b3@example.test") + "," + create("taken@example.test") + "," + create("b4@example.test"), []string{"create", "error 409", "create"}},
		"one is not valid":   {create("nope") + "," + create("b5@example.test"), []string{"error 400", "create"}},
		"all are not valid":  {create("nope"), []string{"error 400"}},
		"two want the same":  {create("b6@example.test") + "," + create("B6@example.test"), []string{"create", "error 409"}},
		"a link named twice": {`{"create":{"traits":{"email":"b7@example.test"},"credentials":{"oidc":{"config":{"providers":[{"provider":"p","subject":"1"},{"provider":"p","subject":"1"}]}}}}},` + create("b8@example.test"), []string{"error 409", "create"}},
	} {
		if got := actions(d.want(200, "PATCH", "/admin/identities", `{"identities":[`+tc.items+`]}`)); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", about, got, tc.want)
		}
	}
	d.want(200, "PATCH", "/admin/identities", `{}`)
	echo := d.want(200, "PATCH", "/admin/identities", `{"identities":[{"patch_id":"`+unknownID+`","create":{"traits":{"email":"nope"}}}]}`)
	if echo.text("identities", 0, "patch_id") != unknownID {
		t.Errorf("%s", echo.Body)
	}
}

func TestABatchFailsAsAWhole(t *testing.T) {
	d := newDesk(t)
	good := `{"create":{"traits":{"email":"good@example.test"}}}`
	bad := func(member string) string {
		return `{"identities":[` + good + `,{"create":{"traits":{"email":"bad@example.test"},` + member + `}}]}`
	}
	for about, tc := range map[string]struct {
		body string
		code float64
	}{
		"an unknown state":   {bad(`"state":"asleep"`), 400},
		"an unknown region":  {bad(`"region":"moon"`), 400},
		"an unknown hash":    {bad(`"credentials":{"password":{"config":{"hashed_password":"$x$"}}}`), 400},
		"a long password":    {bad(`"credentials":{"password":{"config":{"password":"12345678901"}}}`), 400},
		"an unknown member":  {bad(`"colour":1`), 500},
		"broken JSON":        {`{"identities":[`, 500},
		"too many":           {`{"identities":[` + strings.Repeat(`{},`, maxBatch) + `{}]}`, 400},
		"a body too large":   {`{"identities":"` + strings.Repeat("x", maxBody) + `"}`, 500},
		"too many passwords": {`{"identities":[` + strings.TrimSuffix(strings.Repeat(`{"create":{"credentials":{"password":{"config":{"password":"x"}}}}},`, maxBatchPasswords+1), ",") + `]}`, 400},
	} {
		a := d.want(400, "PATCH", "/admin/identities", tc.body)
		if a.at("error", "code") != tc.code {
			t.Errorf("%s: %.300s", about, a.Body)
		}
	}
	if hashed := *d.wire.Importer.(plainImporter).hashed; hashed > 1 {
		t.Errorf("a batch with too many passwords was hashed: %d times", hashed)
	}
	if list := d.want(200, "GET", "/admin/identities", ""); len(list.json.([]any)) != 0 {
		t.Errorf("something was created: %s", list.Body)
	}
}
