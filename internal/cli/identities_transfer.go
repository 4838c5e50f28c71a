package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"cardea/internal/identity"
)

const (
	// exportPage is how many identities are asked for at once.
	exportPage = 250
	// trialSize is how many identities the server checks against each other.
	trialSize = 100
)

func exportIdentities(env Env) *cobra.Command {
	var r remote
	var credentials bool
	c := &cobra.Command{
		Use: "export", Short: "Write all identities, one JSON object a line", Args: cobra.NoArgs,
		Long: "Writes all identities to standard output, by id, one JSON object a line, as import takes them. With\n" +
			"--credentials hashes and keys are among it, which opens accounts: mind where it goes. A key needs the\n" +
			"scope identities:secrets for that. An export that breaks off ends with exit code 1.",
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := r.client(env)
			if err != nil {
				return err
			}
			return exportAll(c.Context(), env, a, credentials)
		},
	}
	r.flags(c)
	c.Flags().BoolVar(&credentials, "credentials", false, "with everything that an import needs, secrets included")
	return c
}

func exportAll(ctx context.Context, env Env, a *admin, credentials bool) error {
	query := url.Values{"page_size": {strconv.Itoa(exportPage)}, "count": {"true"}}
	if credentials {
		for _, t := range identity.CredentialTypes() {
			query.Add("include_credential", string(t))
		}
	}
	var bar *progress
	for {
		var page []json.RawMessage
		header, err := a.get(ctx, "/admin/identities", query, &page)
		if err != nil {
			return err
		}
		if bar == nil {
			total, _ := strconv.Atoi(header.Get("X-Total-Count"))
			bar = newProgress(env.Err, "Exporting", total)
			defer bar.finish()
			query.Del("count")
		}
		for _, raw := range page {
			if _, err := fmt.Fprintf(env.Out, "%s\n", raw); err != nil {
				return err
			}
			bar.step()
		}
		next := nextPage(header)
		if next == "" {
			return nil
		}
		query.Set("page_token", next)
	}
}

// tryIdentities lets the server say what it would do with each.
func tryIdentities(ctx context.Context, env Env, a *admin, documents []document) error {
	bar := newProgress(env.Err, "Checking", len(documents))
	defer bar.finish()
	failed := 0
	for from := 0; from < len(documents); from += trialSize {
		part := documents[from:min(from+trialSize, len(documents))]
		wrong, err := tryPart(ctx, a, part)
		if err != nil {
			return err
		}
		for n, d := range part {
			if wrong[n] != nil {
				failed++
				bar.say(env.Err, d.place+": "+wrong[n].Error())
			}
			bar.step()
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d identities would not be imported", failed, len(documents))
	}
	_, err := fmt.Fprintf(env.Out, "Identities that would be imported: %d\n", len(documents))
	return err
}

// tryPart gives what is wrong with each of the documents.
func tryPart(ctx context.Context, a *admin, part []document) (map[int]error, error) {
	var lines bytes.Buffer
	for _, d := range part {
		if err := json.Compact(&lines, d.raw); err != nil {
			return nil, err
		}
		lines.WriteByte('\n')
	}
	_, raw, err := a.do(ctx, http.MethodPost, "/admin/identities:import", url.Values{"dry_run": {"true"}, "report": {"failures"}}, lines.Bytes())
	if err != nil {
		return nil, err
	}
	wrong := map[int]error{}
	complete := false
	for report := json.NewDecoder(bytes.NewReader(raw)); report.More(); {
		var line struct {
			Line    int
			Error   json.RawMessage
			Summary *struct{ Complete bool }
		}
		if err := report.Decode(&line); err != nil {
			return nil, errors.New("the report is not of the expected form: is this the admin port of an identity server?")
		}
		if line.Summary != nil {
			complete = line.Summary.Complete
		} else if line.Error != nil {
			wrong[line.Line-1] = errors.New(reasonIn(line.Error))
		}
	}
	if !complete {
		return nil, errors.New("the server broke the report off")
	}
	return wrong, nil
}

// reasonIn is what an error of a report says.
func reasonIn(raw json.RawMessage) string {
	envelope, _ := json.Marshal(map[string]json.RawMessage{"error": raw})
	if said := reasonOf(http.StatusOK, envelope); said != "" {
		return said[len(": "):]
	}
	return string(raw)
}
