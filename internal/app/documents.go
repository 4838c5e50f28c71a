package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"cardea/internal/config"
	"cardea/internal/fetch"
	"cardea/internal/flow"
)

// maxDocument is how much of a document is read, in bytes.
const maxDocument = 1 << 20

// newFetcher makes the client for addresses that the operator wrote.
func newFetcher(s *config.Snapshot, o fetch.Options) (*fetch.Client, error) {
	o.Policy = fetch.Trusted
	o.DisallowPrivate = s.Clients.HTTP.DisallowPrivateIPRanges
	o.Exceptions = s.Clients.HTTP.PrivateIPExceptionURLs
	o.Proxy = http.ProxyFromEnvironment
	return fetch.New(o)
}

// documents reads what the configuration points to: file://, base64:// and
// http(s)://.
func documents(client *fetch.Client) flow.Load {
	return func(ctx context.Context, address string) ([]byte, error) {
		if data, ok := strings.CutPrefix(address, "base64://"); ok {
			return decodeBase64(data)
		}
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		switch u.Scheme {
		case "file":
			return os.ReadFile(u.Host + u.Path)
		case "http", "https":
			return download(ctx, client, address)
		}
		return nil, fmt.Errorf("an address has to start with file://, https://, http:// or base64://")
	}
}

// decodeBase64 takes every alphabet and padding there is.
func decodeBase64(data string) ([]byte, error) {
	data = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(data, "="))
	return base64.RawStdEncoding.DecodeString(data)
}

func download(ctx context.Context, client *fetch.Client, address string) (_ []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
}
