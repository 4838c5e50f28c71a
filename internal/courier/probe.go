package courier

import (
	"context"

	"cardea/internal/config"
)

// CheckMail goes with the configured mail server as far as one can without sending
// anything: it connects, encrypts and authenticates as a delivery does.
func CheckMail(ctx context.Context, s *config.Snapshot, o DeliveryOptions) error {
	m, err := NewDeliverers(o).options.newMailer(s)
	if err != nil {
		return err
	}
	c, err := m.connect(ctx)
	if err != nil {
		return err
	}
	c.quit()
	return nil
}
