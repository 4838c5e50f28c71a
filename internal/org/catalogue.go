package org

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// Catalogue are organizations that are known beforehand: those of a configuration.
// It is immutable. The zero value is empty.
type Catalogue struct {
	all      []*Organization // by id
	byID     map[uuid.UUID]*Organization
	byDomain map[string]*Organization // verified ones
}

// NewCatalogue indexes organizations. A domain that belongs to two of them, and an
// id that is there twice, is an error.
func NewCatalogue(list []*Organization) (*Catalogue, error) {
	c := &Catalogue{byID: map[uuid.UUID]*Organization{}, byDomain: map[string]*Organization{}}
	for _, o := range list {
		if c.byID[o.ID] != nil {
			return nil, fmt.Errorf("the organization %s is there twice", o.ID)
		}
		c.byID[o.ID], c.all = o, append(c.all, o)
		for _, d := range o.Domains {
			if c.byDomain[d.Name] != nil {
				return nil, fmt.Errorf("the domain %q belongs to two organizations", d.Name)
			}
			c.byDomain[d.Name] = o
		}
	}
	slices.SortFunc(c.all, func(a, b *Organization) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return c, nil
}

// All are the organizations by id.
func (c *Catalogue) All() []*Organization {
	if c == nil {
		return nil
	}
	return c.all
}

// ByID finds an organization, nil for none.
func (c *Catalogue) ByID(id uuid.UUID) *Organization {
	if c == nil {
		return nil
	}
	return c.byID[id]
}

// ByDomain finds the organization of a normalised domain, nil for none.
func (c *Catalogue) ByDomain(name string) *Organization {
	if c == nil {
		return nil
	}
	return c.byDomain[name]
}
