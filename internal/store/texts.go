package store

import "strings"

// texts are the statements that are made of the dialect's parts or are needed often
// enough to be made once.
type texts struct {
	identity            string // columns and tables, up to WHERE; addresses included
	identityWith        string // the same with credentials
	identityBare        string // the same without addresses
	session             string // up to WHERE; devices included
	sessionBare         string
	sessionWithIdentity string // up to WHERE; devices and identity without addresses
	sessionWhole        string // up to WHERE; devices and identity with addresses
	sessionByToken      string

	identities, credentials, identifiers, verifiable, recovery, traits, traitEnds *inserter
	sessions, tokens, devices, flows, guesses, suppressions, audit, auditLinks    *inserter

	sweeps       []string // DELETE statements of the janitor
	messageSweep string
	deadErrands  string // the same for errands that were given up
}

// Columns in the order of the functions that scan or write them.
const (
	identityColumns = "i.id, i.external_id, i.schema_id, i.state, i.state_changed_at, i.traits, " +
		"i.metadata_public, i.metadata_admin, i.organization_id, i.available_aal, i.created_at, i.updated_at"
	sessionColumns = "s.id, s.identity_id, s.active, s.aal, s.methods, s.issued_at, s.authenticated_at, " +
		"s.expires_at, s.last_used_at, s.created_at, s.updated_at, s.transient"
)

// The columns of child rows, in the order in which they come.
var (
	verifiableColumns = []string{"id", "via", "value", "verified", "verified_at", "status", "created_at", "updated_at"}
	recoveryColumns   = []string{"id", "via", "value", "break_glass", "created_at", "updated_at"}
	credentialColumns = []string{"id", "type", "config", "version", "created_at", "updated_at"}
	identifierColumns = []string{"type", "identifier"}
	deviceColumns     = []string{"id", "ip_address", "user_agent", "location"}
)

// Child rows come as one JSON array per parent, so that an aggregate is one row of
// one statement whatever hangs on it. Each is an array itself: to write and to read the
// names of columns in every row takes databases and us a quarter of the time.
func (d *dialect) childColumns(table, parent string, columns []string) string {
	parts := make([]string, len(columns))
	for n, column := range columns {
		switch column {
		case "id", "break_glass":
			parts[n] = d.idText("c." + column)
		case "verified", "verified_at", "version", "created_at", "updated_at":
			parts[n] = "c." + column
		default:
			parts[n] = d.asText("c." + column)
		}
	}
	return "(SELECT " + d.jsonRows(strings.Join(parts, ", ")) + " FROM " + table + " c WHERE " + parent + ")"
}

func newTexts(d *dialect) *texts {
	const ofIdentity = "c.tenant = i.tenant AND c.identity_id = i.id"
	const ofSession = "c.tenant = s.tenant AND c.session_id = s.id"
	verifiable := d.childColumns("verifiable_addresses", ofIdentity, verifiableColumns)
	recovery := d.childColumns("recovery_addresses", ofIdentity, recoveryColumns)
	credentials := d.childColumns("credentials", ofIdentity, credentialColumns)
	identifiers := d.childColumns("credential_identifiers", ofIdentity, identifierColumns)
	devices := d.childColumns("session_devices", ofSession, deviceColumns)

	const joined = " FROM sessions s JOIN identities i ON i.tenant = s.tenant AND i.id = s.identity_id WHERE "
	addresses := ", " + verifiable + ", " + recovery
	t := &texts{
		identityBare:        "SELECT " + identityColumns + " FROM identities i WHERE ",
		identity:            "SELECT " + identityColumns + addresses + " FROM identities i WHERE ",
		identityWith:        "SELECT " + identityColumns + addresses + ", " + credentials + ", " + identifiers + " FROM identities i WHERE ",
		sessionBare:         "SELECT " + sessionColumns + " FROM sessions s WHERE ",
		session:             "SELECT " + sessionColumns + ", " + devices + " FROM sessions s WHERE ",
		sessionWithIdentity: "SELECT " + sessionColumns + ", " + devices + ", " + identityColumns + joined,
		sessionWhole:        "SELECT " + sessionColumns + ", " + devices + ", " + identityColumns + addresses + joined,
	}
	t.sessionByToken = "SELECT " + sessionColumns + ", " + devices + ", " + identityColumns + addresses +
		" FROM session_tokens t JOIN sessions s ON s.tenant = t.tenant AND s.id = t.session_id" +
		" JOIN identities i ON i.tenant = s.tenant AND i.id = s.identity_id WHERE t.tenant = ? AND t.hash = ?"
	t.deadErrands = "DELETE FROM errands WHERE " + d.some("errands", "tenant, id", "died_at < ?")
	t.inserters(d)
	t.messageSweep = "DELETE FROM messages WHERE " + d.some("messages", "tenant, id", "status = ? AND next_at < ?")
	for _, e := range expiring {
		t.sweeps = append(t.sweeps, "DELETE FROM "+e.table+" WHERE "+d.some(e.table, e.key, e.condition))
	}
	return t
}

func (t *texts) inserters(d *dialect) {
	t.identities = newInserter("identities", "tenant, id, external_id, schema_id, state, state_changed_at, traits, "+
		"metadata_public, metadata_admin, organization_id, available_aal, created_at, updated_at", d.insertNew)
	t.credentials = newInserter("credentials", "tenant, identity_id, type, id, config, version, created_at, updated_at", d.insertNew)
	t.identifiers = newInserter("credential_identifiers", "tenant, type, identifier, identity_id", d.insertNew)
	t.verifiable = newInserter("verifiable_addresses", "tenant, identity_id, id, via, value, verified, verified_at, "+
		"status, created_at, updated_at", d.insertNew)
	t.recovery = newInserter("recovery_addresses", "tenant, identity_id, id, via, value, break_glass, created_at, updated_at", d.insertNew)
	t.traits = newInserter("identity_traits", "tenant, name, value, identity_id", d.insertOver)
	t.traitEnds = newInserter("identity_trait_ends", "tenant, name, value, identity_id", d.insertOver)
	t.sessions = newInserter("sessions", "tenant, id, identity_id, active, aal, methods, issued_at, authenticated_at, "+
		"expires_at, last_used_at, created_at, updated_at, transient, source", "")
	t.tokens = newInserter("session_tokens", "tenant, hash, session_id, created_at", "")
	t.devices = newInserter("session_devices", "tenant, session_id, id, ip_address, user_agent, location, created_at", "")
	t.guesses = newInserter("guesses", guessColumns, d.guesses)
	t.suppressions = newInserter("suppressions", "tenant, "+suppressionColumns, d.overwrite("tenant, address, via", suppressionNews...))
	t.audit = newInserter("audit_tail", "tenant, "+auditColumns, "")
	t.auditLinks = newInserter("audit_log", "tenant, seq, hash, "+auditColumns, "")
	t.flows = newInserter("flows", "tenant, id, kind, type, created_at, state, active_method, issued_at, expires_at, "+
		"updated_at, request_url, return_to, csrf_hash, identity_id, session_id, organization_id, schema_id, challenge, "+
		"refresh, requested_aal, facts, messages, field_messages, form_values", "")
}
