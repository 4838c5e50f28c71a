package account

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"cardea/internal/flow"
	"cardea/internal/identity"
	"cardea/internal/problem"
	"cardea/internal/session"
	"cardea/internal/ui"
)

func settingsScreens() []screen {
	profile := ui.Nodes{
		trait("email", "Email", ui.InputEmail, "grace@example.org", ui.Profile), trait("name", "Name", ui.InputText, "Grace Hopper", ui.Profile), submit(ui.Profile, "profile", ui.LabelSave),
	}
	password := ui.Nodes{passwordField(ui.AutocompleteNewPassword), submit(ui.Password, "password", ui.LabelSave)}
	plain := append(append(ui.Nodes{}, profile...), password...)
	everything := append(append(ui.Nodes{}, plain...),
		provider("Google", "google", ui.SettingsLinkProvider), ui.Submit(ui.OIDC, "unlink", "github", ui.New(ui.SettingsUnlinkProvider, "provider", "GitHub", "provider_id", "github")),
		sampleKey(ui.Passkey, "passkey_remove", ui.SettingsRemovePasskey, "Phone", true), sampleKey(ui.Passkey, "passkey_remove", ui.SettingsRemovePasskey, "Laptop", false),
		passkeyButton("passkey_register_trigger", ui.TriggerPasskeySettingsRegistration, ui.SettingsAddPasskey)[0],
		sampleKey(ui.WebAuthn, "webauthn_remove", ui.SettingsRemoveSecurityKey, "The blue key", true),
		ui.Input{Name: "webauthn_register_displayname", Type: ui.InputText, Required: true}.Node(ui.WebAuthn).Labelled(ui.New(ui.SettingsSecurityKeyName)),
		ui.Input{Name: "webauthn_register_trigger", Type: ui.InputButton, Value: "{}", OnClickTrigger: ui.TriggerWebAuthnRegistration}.Node(ui.WebAuthn).Labelled(ui.New(ui.SettingsAddSecurityKey)),
		ui.Image{ID: "totp_qr", Source: samplePicture, Width: 256, Height: 256}.Node(ui.TOTP).Labelled(ui.New(ui.SettingsTOTPQRCode)),
		ui.Text{ID: "totp_secret_key", Text: ui.New(ui.SettingsTOTPSecret, "secret", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")}.Node(ui.TOTP).Labelled(ui.New(ui.SettingsTOTPSecretLabel)),
		ui.Input{Name: "totp_code", Type: ui.InputText, Required: true}.Node(ui.TOTP).Labelled(ui.New(ui.LabelTOTPCode)), submit(ui.TOTP, "totp", ui.LabelSave),
		ui.Submit(ui.LookupSecret, "lookup_secret_regenerate", "true", ui.New(ui.SettingsRegenerateBackupCodes)),
	)
	var codes []ui.Message
	for _, c := range []string{"k3m9x7qa", "p2w8r5td", "h6n4j1zc", "b9v3s8ye", "t5g7f2lu", "d8q6m4ri"} {
		codes = append(codes, ui.New(ui.SettingsBackupCode, "secret", c))
	}
	codes[1] = ui.New(ui.SettingsBackupCodeUsed, "used_at", "2026-01-01T00:00:00Z", "used_at_unix", 1767225600)
	revealed := append(append(ui.Nodes{}, plain...),
		ui.Text{ID: "lookup_secret_codes", Text: ui.New(ui.SettingsBackupCodes, "secrets", codes)}.Node(ui.LookupSecret).Labelled(ui.New(ui.SettingsBackupCodesLabel)),
		ui.Submit(ui.LookupSecret, "lookup_secret_confirm", "true", ui.New(ui.SettingsConfirmBackupCodes)),
		ui.Submit(ui.TOTP, "totp_unlink", "true", ui.New(ui.SettingsUnlinkTOTP)),
	)
	faulty := append(ui.Nodes{wrong(profile[0], ui.ValidationEmail, "value", "grace@")}, plain[1:]...)
	return []screen{
		of("settings", shown{kind: flow.Settings, state: flow.ShowForm, nodes: plain}),
		of("settings-everything", shown{kind: flow.Settings, state: flow.ShowForm, nodes: everything}),
		of("settings-saved", shown{kind: flow.Settings, state: flow.Success, nodes: plain, messages: []ui.Message{ui.New(ui.SettingsSaved)}}),
		of("settings-codes", shown{kind: flow.Settings, state: flow.ShowForm, nodes: revealed}),
		of("settings-wrong", shown{kind: flow.Settings, state: flow.ShowForm, nodes: faulty}),
		of("settings-recovered", shown{kind: flow.Settings, state: flow.ShowForm, nodes: plain, messages: []ui.Message{ui.New(ui.RecoverySucceeded)}}),
		{"settings-delete", (*Pages).deletion},
	}
}

func sampleKey(g ui.Group, name string, label ui.MessageID, called string, used bool) ui.Node {
	context := append([]any{"display_name", called}, ui.Moment("added_at", sampleTime)...)
	if used {
		context = append(context, ui.Moment("last_used_at", sampleTime.AddDate(0, 0, 9))...)
	}
	return ui.Submit(g, name, called, ui.New(label, context...))
}

// plainScreens are the pages without a form of a flow.
func plainScreens() []screen {
	with := func(name string, query map[string]string, page page) screen {
		return screen{name, func(p *Pages, v *visit) error {
			for key, value := range query {
				v.query.Set(key, value)
			}
			return page(p, v)
		}}
	}
	failing := func(name string, fault *problem.Error) screen {
		return screen{name, func(p *Pages, v *visit) error { return p.renderFailure(v, http.StatusOK, fault, uuid.Nil.String()) }}
	}
	return []screen{
		{"home", (*Pages).home},
		{"home-nobody", func(p *Pages, v *visit) error {
			p.journeys = sampleJourneys{Journeys: p.journeys, nobody: true}
			return p.home(v)
		}},
		{"signed-out", (*Pages).signedOut},
		with("account-deleted", map[string]string{"account": "deleted"}, (*Pages).signedOut),
		{"recovery-link-opened", func(p *Pages, v *visit) error { return p.confirmLink(v, flow.Recovery, "sample") }},
		{"verification-link-opened", func(p *Pages, v *visit) error { return p.confirmLink(v, flow.Verification, "sample") }},
		{"verification-code-elsewhere", func(p *Pages, v *visit) error { return p.elsewhere(v, flow.Verification) }},
		with("undo", map[string]string{linkToken: "sample"}, (*Pages).undo),
		with("undo-done", map[string]string{"state": "undone"}, (*Pages).undo),
		with("not-me", map[string]string{linkToken: "sample"}, (*Pages).notMe),
		with("not-me-done", map[string]string{"state": "ended"}, (*Pages).notMe),
		{"cookies", func(p *Pages, v *visit) error { return p.cookiesOff(v, flow.Login) }},
		failing("error", problem.Forbidden("").Named("security_csrf_violation")),
		failing("error-missing", problem.NotFound("")),
		failing("error-ours", problem.Internal(nil)),
		failing("error-busy", problem.New(http.StatusTooManyRequests, "")),
	}
}

// sampleTime is when everything in the samples happened.
var sampleTime = time.Date(2026, 3, 4, 15, 6, 0, 0, time.UTC)

// samplePicture stands for a QR code: a pattern of squares.
const samplePicture = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA5IDkiPjxwYXRoIGQ9Ik0wIDBoM3YzSDB6bTYgMGgzdjNINnpNMCA2aDN2M0gwek00IDBoMXYySDR6bTAgM2gydjFINHptMyAxaDF2Mkg3ek0xIDRoMnYxSDF6bTMgMWgxdjFINHptMiAxaDF2Mkg2em0yIDJoMXYxSDh6TTQgN2gxdjJINHoiLz48L3N2Zz4="

// sampleJourneys answers for somebody who is not there.
type sampleJourneys struct {
	Journeys
	nobody bool
}

func (s sampleJourneys) Session(*http.Request) (*session.Session, error) {
	if s.nobody {
		return nil, nil
	}
	return sampleSession(s.Setup()), nil
}

func (s sampleJourneys) LogoutURL(*http.Request) (string, error) {
	return s.Setup().Public("preview", map[string][]string{"screen": {"signed-out"}}), nil
}

// sampleSelf has sessions, and nothing that could be ended or deleted.
type sampleSelf struct{ set *flow.Setup }

func (s sampleSelf) OwnSessions(*http.Request) ([]*session.Session, error) {
	other := *sampleSession(s.set)
	agent, place := "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1", "Bremen, DE"
	other.ID, other.Devices = uuid.UUID{1}, []session.Device{{UserAgent: &agent, Location: &place}}
	other.LastUsedAt = sampleTime.Add(48 * time.Hour)
	return []*session.Session{sampleSession(s.set), &other}, nil
}

func (s sampleSelf) EndSession(*http.Request, uuid.UUID) error       { return problem.ErrNotFound }
func (s sampleSelf) Export(*http.Request) ([]byte, error)            { return nil, problem.ErrNotFound }
func (s sampleSelf) MayDelete(*http.Request) error                   { return nil }
func (s sampleSelf) Delete(http.ResponseWriter, *http.Request) error { return problem.ErrNotFound }

func sampleSession(set *flow.Setup) *session.Session {
	agent := "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36"
	return &session.Session{
		Active: true, AAL: session.AAL1, AuthenticatedAt: sampleTime, ExpiresAt: sampleTime.Add(24 * time.Hour), LastUsedAt: sampleTime,
		Methods: []session.Method{{Method: "password", AAL: session.AAL1, CompletedAt: sampleTime}},
		Devices: []session.Device{{UserAgent: &agent}},
		Identity: &identity.Identity{
			SchemaID: set.Identity.DefaultSchemaID, State: identity.Active, Traits: []byte(`{"email": "grace@example.org", "name": "Grace Hopper"}`),
		},
	}
}
