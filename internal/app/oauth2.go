package app

import (
	"net/http"

	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/oauth2"
)

// newOAuth2 builds what speaks with the OAuth2 server.
func newOAuth2() *oauth2.Client {
	return oauth2.New(func(s *config.Snapshot) (oauth2.Doer, error) {
		client, err := newFetcher(s, fetch.Options{
			Timeout: oauth2.Timeout, Retries: oauth2.Retries, MinBackoff: oauth2.MinBackoff, MaxBody: oauth2.MaxAnswer,
		})
		if err != nil {
			return nil, err
		}
		// The server's API does not redirect, and a PUT that becomes a GET on the way
		// would accept nothing.
		guarded := client.HTTP()
		guarded.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return guarded, nil
	})
}
