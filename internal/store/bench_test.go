package store

import (
	"fmt"
	"testing"
	"time"

	"cardea/internal/identity"
	"cardea/internal/session"
)

func BenchmarkSessionByToken(b *testing.B) {
	db := migrated(b)
	tenant := db.Tenant(DefaultTenant)
	const n = 1000
	ip := "203.0.113.7"
	for k := range n {
		i := person(fmt.Sprintf("p%d@example.org", k))
		err := tenant.Tx(b.Context(), func(x *Tx) error {
			if err := x.CreateIdentity(i); err != nil {
				return err
			}
			return x.CreateSession(&session.Session{
				IdentityID: i.ID, Active: true, AAL: session.AAL1, IssuedAt: start, AuthenticatedAt: start, ExpiresAt: start.Add(time.Hour),
				Methods: []session.Method{{Method: "password", AAL: session.AAL1, CompletedAt: start}},
				Devices: []session.Device{{IPAddress: &ip}},
			}, fmt.Append(nil, k))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	read := func(b *testing.B, k int) {
		if _, err := tenant.SessionByToken(b.Context(), fmt.Append(nil, k%n)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one after another", func(b *testing.B) {
		b.ReportAllocs()
		for k := 0; b.Loop(); k++ {
			read(b, k)
		}
	})
	b.Run("at once", func(b *testing.B) {
		b.RunParallel(func(p *testing.PB) {
			for k := 0; p.Next(); k++ {
				read(b, k)
			}
		})
	})
}

func BenchmarkIdentityByIdentifier(b *testing.B) {
	db := migrated(b)
	tenant := db.Tenant(DefaultTenant)
	if err := tenant.CreateIdentity(b.Context(), person("a@example.org")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tenant.IdentityByIdentifier(b.Context(), identity.Password, "A@example.org", "a@example.org"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit measures durable single-row transactions.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			db := migrated(b)
			tenant := db.Tenant(DefaultTenant)
			b.SetParallelism(max(1, writers/2)) // times the two processors of the reference machine
			write := func() {
				if err := tenant.CreateExchange(b.Context(), db.newID(), fmt.Append(nil, db.newID()), start); err != nil {
					b.Error(err)
				}
			}
			if writers == 1 {
				for b.Loop() {
					write()
				}
			} else {
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						write()
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
