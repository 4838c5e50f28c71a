package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cardea/internal/app"
	"cardea/internal/identity/schema"
)

// document is one JSON object from a file, and where it comes from.
type document struct {
	place string // "people.json", "people.json[3]"
	raw   json.RawMessage
}

// stdinName is the file name that stands for standard input.
const stdinName = "-"

// readDocuments reads the objects of files, or of standard input when there are
// none. A file holds an object, an array of objects, or several of these one after
// the other (JSON lines are such).
func readDocuments(env Env, files []string) (all []document, err error) {
	if len(files) == 0 {
		files = []string{stdinName}
	}
	for _, file := range files {
		raw, err := readInput(env, file)
		if err != nil {
			return nil, err
		}
		found, err := split(file, raw)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func readInput(env Env, file string) ([]byte, error) {
	if file == stdinName {
		return io.ReadAll(env.In)
	}
	return os.ReadFile(file)
}

func split(file string, raw []byte) (all []document, err error) {
	if file == stdinName {
		file = "standard input"
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	for {
		var value json.RawMessage
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: not JSON near byte %d", file, d.InputOffset())
		}
		var list []json.RawMessage
		if value[0] != '[' {
			list = []json.RawMessage{value}
		} else if err := json.Unmarshal(value, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, item := range list {
			all = append(all, document{fmt.Sprintf("%s[%d]", file, len(all)), item})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: holds no identity", file)
	}
	if len(all) == 1 {
		all[0].place = file
	}
	return all, nil
}

func importIdentities(env Env) *cobra.Command {
	var r remote
	var o output
	var dryRun bool
	c := &cobra.Command{
		Use: "identities [FILE…]", Short: "Create identities from JSON files or standard input",
		Long: "Creates the identities of JSON files, or of standard input, one after the other. A file holds an\n" +
			"object as it is sent to POST /admin/identities, an array of such, or one a line. What fails is\n" +
			"told on standard error and does not stop the others; the exit code is 1 then. With --dry-run the\n" +
			"server only tells what would become of each, and stores nothing.",
		RunE: func(c *cobra.Command, files []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			documents, err := readDocuments(env, files)
			if err != nil {
				return err
			}
			if dryRun {
				return tryIdentities(c.Context(), env, a, documents)
			}
			bar := newProgress(env.Err, "Importing", len(documents))
			var created []json.RawMessage
			for _, d := range documents {
				_, raw, err := a.do(c.Context(), http.MethodPost, "/admin/identities", nil, d.raw)
				if err != nil {
					bar.say(env.Err, d.place+": "+err.Error())
				} else {
					created = append(created, raw)
				}
				if c.Context().Err() != nil {
					break
				}
				bar.step()
			}
			bar.finish()
			if len(created) > 0 {
				shown, err := identitiesResult(created, len(documents) == 1)
				if err == nil {
					err = o.print(env.Out, shown)
				}
				if err != nil {
					return err
				}
			}
			if len(created) < len(documents) {
				return fmt.Errorf("%d of %d identities were not imported", len(documents)-len(created), len(documents))
			}
			return nil
		},
	}
	r.flags(c)
	o.flags(c)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "let the server check everything, and store nothing")
	return c
}

func validateIdentities(env Env) *cobra.Command {
	var r remote
	var schemaFile string
	c := &cobra.Command{
		Use: "identities [FILE…]", Short: "Check identities in JSON files or standard input before importing them",
		Long: "Checks that every identity has the form that POST /admin/identities takes, and its traits against\n" +
			"the identity schema of the server, or against a schema file without any server. Nothing is sent\n" +
			"but requests for schemas, and nothing is changed.",
		RunE: func(c *cobra.Command, files []string) error {
			schemas, err := schemaSource(c.Context(), env, r, schemaFile)
			if err != nil {
				return err
			}
			documents, err := readDocuments(env, files)
			if err != nil {
				return err
			}
			bar := newProgress(env.Err, "Checking", len(documents))
			bad := 0
			for _, d := range documents {
				wrong, err := judge(d.raw, schemas)
				if err != nil {
					return err
				}
				if wrong != nil {
					bad++
					bar.say(env.Err, d.place+": "+wrong.Error())
				}
				bar.step()
			}
			bar.finish()
			if bad > 0 {
				return fmt.Errorf("%d of %d identities are not valid", bad, len(documents))
			}
			_, err = fmt.Fprintf(env.Out, "Valid identities: %d\n", len(documents))
			return err
		},
	}
	r.flags(c)
	c.Flags().StringVar(&schemaFile, "schema", "", "check against this schema file instead of asking a server")
	return c
}

// schemas gives a compiled schema by its id, nil when there is none; "" is the
// default one.
type schemas func(id string) (*schema.Schema, error)

// judge says what is wrong with an identity; err is trouble of our own.
func judge(raw json.RawMessage, find schemas) (wrong, err error) {
	if wrong := app.CheckNewIdentity(raw); wrong != nil {
		return wrong, nil
	}
	var body struct {
		SchemaID string          `json:"schema_id"`
		Traits   json.RawMessage `json:"traits"`
	}
	if wrong := json.Unmarshal(raw, &body); wrong != nil {
		return wrong, nil
	}
	compiled, err := find(body.SchemaID)
	if err != nil {
		return nil, err
	}
	if compiled == nil {
		return fmt.Errorf("there is no identity schema %q", body.SchemaID), nil
	}
	_, violations, wrong := compiled.Validate(body.Traits)
	if wrong == nil && len(violations) > 0 {
		wrong = errors.New(schema.ErrorText(violations))
	}
	return wrong, nil
}

// schemaSource finds schemas in a file or on a server, which is asked once for each.
func schemaSource(ctx context.Context, env Env, r remote, file string) (schemas, error) {
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		compiled, err := schema.Compile(file, raw, schema.Options{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return func(string) (*schema.Schema, error) { return compiled, nil }, nil
	}
	a, err := r.client(env)
	if err != nil {
		return nil, err
	}
	known, err := a.schemas(ctx)
	if err != nil {
		return nil, err
	}
	made := map[string]*schema.Schema{}
	return func(id string) (*schema.Schema, error) {
		if id == "" && len(known) == 1 {
			for only := range known {
				id = only
			}
		}
		if id == "" {
			return nil, errors.New("an identity without a schema_id gets the server's default schema, and only the server knows which that is: write the schema_id")
		}
		raw, ok := known[id]
		if !ok || made[id] != nil {
			return made[id], nil
		}
		compiled, err := schema.Compile(id, raw, schema.Options{})
		made[id] = compiled
		return compiled, err
	}, nil
}

// schemas asks for all schemas of a server, by id.
func (a *admin) schemas(ctx context.Context) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	token := ""
	for {
		var page []struct {
			ID     string          `json:"id"`
			Schema json.RawMessage `json:"schema"`
		}
		query := map[string][]string{"page_size": {"250"}}
		if token != "" {
			query["page_token"] = []string{token}
		}
		header, err := a.get(ctx, "/schemas", query, &page)
		if err != nil {
			return nil, fmt.Errorf("ask for the identity schemas: %w", err)
		}
		for _, s := range page {
			all[s.ID] = s.Schema
		}
		if token = nextPage(header); token == "" || len(page) == 0 {
			return all, nil
		}
	}
}

func schemaCommand(env Env) *cobra.Command {
	parent := group("schema", "Work with identity schemas")
	parent.AddCommand(&cobra.Command{
		Use: "validate FILE…", Short: "Check that files are identity schemas", Args: cobra.MinimumNArgs(1),
		Long: "Compiles identity schemas as the server does at its start, and lists the traits of each that\n" +
			"identify, verify or recover an account.",
		RunE: func(_ *cobra.Command, files []string) error {
			var failed []error
			for _, file := range files {
				raw, err := readInput(env, file)
				if err == nil {
					err = describeSchema(env.Out, file, raw)
				}
				if err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", file, err))
				}
			}
			return errors.Join(failed...)
		},
	})
	return parent
}

func describeSchema(out io.Writer, file string, raw []byte) error {
	compiled, err := schema.Compile(file, raw, schema.Options{})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: valid\n", file)
	for _, f := range compiled.Fields() {
		if uses := usesOf(f.Extension); len(uses) > 0 {
			fmt.Fprintf(out, "  %s: %s\n", f.Name, strings.Join(uses, ", "))
		}
	}
	return nil
}

// usesOf puts an extension into words.
func usesOf(e schema.Extension) (uses []string) {
	for _, use := range []struct {
		is   bool
		name string
	}{
		{e.Password, "password identifier"},
		{e.WebAuthn, "security key identifier"},
		{e.Code, "address of one-time codes"},
		{e.PasskeyDisplayName, "name on passkeys"},
		{e.TOTPAccountName, "name in authenticator apps"},
		{e.VerificationVia != "", "verified by " + string(e.VerificationVia)},
		{e.RecoveryVia != "", "recovery by " + string(e.RecoveryVia)},
	} {
		if use.is {
			uses = append(uses, use.name)
		}
	}
	return uses
}
