package courier

import (
	"strings"
	"testing"

	"cardea/internal/config"
)

func TestCheckingTheMailServerGoesAsFarAsADelivery(t *testing.T) {
	tests := []struct {
		name   string
		server *mailServer
		uri    string // around the server's address
		errHas string
	}{
		{"a server that takes mail", &mailServer{extensions: []string{"AUTH PLAIN"}}, "smtp://user:pass@%/?skip_ssl_verify=true", ""},
		{"a certificate that nobody vouches for", &mailServer{}, "smtp://%/", "certificate"},
		{"an address that is none", &mailServer{}, "mail:%", "connection_uri"},
	}
	for _, tt := range tests {
		server := tt.server.start(t)
		s := &config.Snapshot{}
		s.Courier.SMTP = config.SMTP{ConnectionURI: strings.Replace(tt.uri, "%", server.address, 1), FromAddress: "no-reply@example.org"}
		err := CheckMail(t.Context(), s, DeliveryOptions{})
		if (err == nil) != (tt.errHas == "") || err != nil && !strings.Contains(err.Error(), tt.errHas) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if server.saw("MAIL") != 0 {
			t.Errorf("%s: checking sends mail", tt.name)
		}
	}
}
