package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cardea/internal/account"
	"cardea/internal/config"
	"cardea/internal/courier"
	"cardea/internal/fetch"
	"cardea/internal/flow"
	"cardea/internal/httpapi"
	"cardea/internal/ui"
)

// What commands ask without building a server.

// CheckNewIdentity says what is wrong with the form of a body for
// POST /admin/identities. Traits are the business of their schema.
func CheckNewIdentity(raw []byte) error { return httpapi.CheckCreateBody(raw) }

// KeptSecrets reads the secrets of a data directory like PersistedSecrets, but
// makes none: nothing and no error when there are none yet.
func KeptSecrets(dir string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, secretsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(text)), err
}

// CheckDocuments reads and compiles what a configuration points to: identity
// schemas, the texts of messages and what they are sent with. Warnings are about
// texts that will surprise somebody.
func CheckDocuments(ctx context.Context, s *config.Snapshot) (warnings []string, err error) {
	client, err := newFetcher(s, fetch.Options{})
	if err != nil {
		return nil, err
	}
	load := documents(client)
	if _, err := flow.Compile(ctx, s, load); err != nil {
		return nil, err
	}
	ours, err := ui.NewCatalogue()
	if err != nil {
		return nil, err
	}
	words, err := account.Texts(s, ours)
	if err != nil {
		return nil, err
	}
	if err := account.CheckTemplates(s); err != nil {
		return nil, err
	}
	var list breachedFile
	useList, err := list.prepare(s.Cardea.BreachedPasswords.File)
	if err != nil {
		return nil, err
	}
	useList()
	list.close()
	texts, err := courier.Compile(ctx, s, words, courier.Load(load))
	if err != nil {
		return nil, err
	}
	ways := newDeliverers(courier.Load(load), nil)
	defer ways.Close()
	return texts.Warnings, ways.Prepare(ctx, s)
}

// CheckMail greets the mail server of a configuration, encrypts, signs in and
// takes leave again.
func CheckMail(ctx context.Context, s *config.Snapshot) error {
	return courier.CheckMail(ctx, s, courier.DeliveryOptions{DialPublic: courier.Dial(fetch.NewPublicDialer(fetch.Options{}))})
}

// DeliversMail says whether a way out is configured for mail.
func DeliversMail(s *config.Snapshot) bool { return deliverable(s.Courier, "email") }
