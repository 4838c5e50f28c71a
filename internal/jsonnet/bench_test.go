package jsonnet

import "testing"

// mapper is what an operator writes for a provider's claims.
const mapper = `local claims = { email_verified: false } + std.extVar('claims');
{
  identity: {
    traits: {
      [if 'email' in claims && claims.email_verified then 'email' else null]: claims.email,
      name: { first: claims.given_name, last: claims.family_name },
    },
    metadata_public: { groups: [g for g in claims.raw_claims.groups if std.startsWith(g, 'app-')] },
  },
}`

func BenchmarkClaimsMapper(b *testing.B) {
	p := newPool(b, patient)
	program := Program{Filename: "mapper.jsonnet", Snippet: mapper}
	vars := Vars{ExtVars: raw("claims", `{"iss":"https://id.example.org","sub":"1","email":"a@example.org","email_verified":true,
		"given_name":"Ada","family_name":"Lovelace","raw_claims":{"groups":["app-users","staff"]}}`,
		"identity", `{"traits":{},"metadata_public":{},"metadata_admin":{}}`)}
	for b.Loop() {
		if _, err := p.Evaluate(b.Context(), program, vars); err != nil {
			b.Fatal(err)
		}
	}
}
