package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"

	"cardea/internal/apikey"
	"cardea/internal/config"
	"cardea/internal/store"
)

// errNoWayIn is why a server does not start: nobody could use its admin port, or, if
// it asked for nothing, everybody could.
const errNoWayIn = `the admin port would listen on %q, which other machines reach, and there is no API key that could open it.
Make one first:
  cardea keys create --name operator --scopes '*' -c <configuration>
or let client certificates open it:
  cardea: {admin: {client_ca: /path/to/authorities.pem}}
or, on a network that nobody else is on, ask for nothing:
  cardea: {admin: {open: true}}`

// checkAdmin refuses to serve an admin port that others reach and that no credential
// opens.
func (a *App) checkAdmin(ctx context.Context, s *config.Snapshot) error {
	if s.Cardea.Admin.ClientCA != "" {
		if !s.Serve.Admin.TLS.Enabled() {
			return errors.New("cardea.admin.client_ca: client certificates need TLS: configure serve.admin.tls, too")
		}
		return nil
	}
	if !s.AdminGuarded() {
		return nil
	}
	keys, err := a.db.Tenant(store.DefaultTenant).APIKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the API keys of the admin port: %w", err)
	}
	now := a.clock.Now()
	if !slices.ContainsFunc(keys, func(k *apikey.Key) bool { return k.Valid(now) }) {
		return fmt.Errorf("serve.admin.host: "+errNoWayIn, s.Serve.Admin.Host)
	}
	return nil
}

// authorities reads the certificates that client certificates are verified with.
func authorities(file string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cardea.admin.client_ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("cardea.admin.client_ca: %s holds no certificate in PEM", file)
	}
	return pool, nil
}
