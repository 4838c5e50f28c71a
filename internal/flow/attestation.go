package flow

import (
	"context"
	"crypto/x509"
	"fmt"
)

// attestationRoots loads the certificates of those that vouch for authenticators; nil
// for none.
func attestationRoots(ctx context.Context, addresses []string, load Load) (*x509.CertPool, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, address := range addresses {
		pem, err := load(ctx, address)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("there is no certificate (PEM) at %.80s", address)
		}
	}
	return pool, nil
}
