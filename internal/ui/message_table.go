package ui

import (
	"maps"
	"slices"
)

// definition is what the contract says about a message id.
type definition struct {
	typ    MessageType
	keys   []string // of the context
	nested string   // the key whose value is a list of messages, "" for none
}

// Type gives the type of a message of ours, "" for an id that is not.
func (id MessageID) Type() MessageType { return definitions[id].typ }

// ContextKeys gives the keys that the context of a message of ours may have.
func (id MessageID) ContextKeys() []string { return slices.Clone(definitions[id].keys) }

// Known says whether an id is ours.
func (id MessageID) Known() bool {
	_, ok := definitions[id]
	return ok
}

// MessageIDs gives all ids, ascending.
func MessageIDs() []MessageID { return slices.Sorted(maps.Keys(definitions)) }

// root gives the id that speaks for the range of this one.
func (id MessageID) root() MessageID { return id - id%10_000 }

func info(keys ...string) definition    { return definition{typ: Info, keys: keys} }
func success(keys ...string) definition { return definition{typ: Success, keys: keys} }
func failure(keys ...string) definition { return definition{typ: Error, keys: keys} }

// list is an information that consists of other messages.
func list(key string) definition {
	return definition{typ: Info, keys: []string{key}, nested: key}
}

// definitions are all messages there are.
var definitions = map[MessageID]definition{
	LoginRoot:                    info(),
	LoginSubmit:                  info(),
	LoginWithProvider:            info("provider", "provider_id"),
	LoginReauthenticate:          info(),
	LoginSecondFactor:            info(),
	LoginVerify:                  info(),
	LoginTOTPCode:                info(),
	LoginBackupCode:              info(),
	LoginWithSecurityKey:         info(),
	LoginWithTOTP:                info(),
	LoginWithBackupCode:          info(),
	LoginContinueWithSecurityKey: info(),
	LoginPrepareSecurityKey:      info(),
	LoginContinue:                info(),
	LoginCodeSent:                info(),
	LoginSendCode:                info(),
	LoginToLink:                  info("duplicateIdentifier", "provider", "newLoginUrl", "duplicate_identifier", "new_login_url", "available_credential_types", "available_providers"),
	LoginAndLink:                 info(),
	LoginWithProviderAndLink:     info("provider"),
	LoginSendSecondFactorCode:    info(),
	LoginSecondFactorCodeHint:    info(),
	LoginWithPasskey:             info(),
	LoginWithPassword:            info(),
	LoginSendCodeTo:              info("address", "channel"),
	LoginWithDeviceKey:           info(),
	LoginCodeSentToKnownAddress:  info(),
	LoginSetUpSecondFactor:       info(),
	LoginConfirm:                 info(),
	LabelRememberMe:              info(),

	LogoutRoot: info(),
	MFARoot:    info(),

	RegistrationRoot:             info(),
	RegistrationSubmit:           info(),
	RegistrationWithProvider:     info("provider", "provider_id"),
	RegistrationContinue:         info(),
	RegistrationWithSecurityKey:  info(),
	RegistrationCodeSent:         info(),
	RegistrationSendCode:         info(),
	RegistrationWithPasskey:      info(),
	RegistrationBack:             info(),
	RegistrationChooseCredential: info(),

	SettingsRoot:                  info(),
	SettingsSaved:                 success(),
	SettingsLinkProvider:          info("provider"),
	SettingsUnlinkProvider:        info("provider"),
	SettingsUnlinkTOTP:            info(),
	SettingsTOTPQRCode:            info(),
	SettingsTOTPSecret:            info("secret"),
	SettingsRevealBackupCodes:     info(),
	SettingsRegenerateBackupCodes: info(),
	SettingsBackupCode:            info("secret"),
	SettingsBackupCodesLabel:      info(),
	SettingsConfirmBackupCodes:    info(),
	SettingsAddSecurityKey:        info(),
	SettingsSecurityKeyName:       info(),
	SettingsBackupCodeUsed:        info("used_at", "used_at_unix"),
	SettingsBackupCodes:           list("secrets"),
	SettingsDisableBackupCodes:    info(),
	SettingsTOTPSecretLabel:       info(),
	SettingsRemoveSecurityKey:     info("display_name", "added_at", "added_at_unix"),
	SettingsAddPasskey:            info(),
	SettingsRemovePasskey:         info("display_name", "added_at", "added_at_unix"),
	SettingsRemoveDeviceKey:       info(),
	SettingsDeviceKeyNonce:        info(),
	SettingsManagedByOrganization: info(),

	RecoveryRoot:           info(),
	RecoverySucceeded:      success("privilegedSessionExpiresAt", "privileged_session_expires_at", "privileged_session_expires_at_unix"),
	RecoveryLinkSent:       info(),
	RecoveryCodeSent:       info(),
	RecoveryCodeSentTo:     info("masked_address"),
	RecoveryAskFullAddress: info(),
	RecoveryChooseAddress:  info(),
	RecoveryBack:           info(),

	LabelText:             info(),
	LabelPassword:         info(),
	LabelTrait:            info("title", "name"),
	LabelSave:             info(),
	LabelID:               info(),
	LabelSubmit:           info(),
	LabelTOTPCode:         info(),
	LabelEmail:            info(),
	LabelResendCode:       info(),
	LabelContinue:         info(),
	LabelRecoveryCode:     info(),
	LabelVerificationCode: info(),
	LabelRegistrationCode: info(),
	LabelLoginCode:        info(),
	LabelLoginAndLink:     info(),
	LabelCaptcha:          info(),
	LabelRecoveryAddress:  info(),
	LabelPhone:            info(),
	LabelEmailOrPhone:     info(),

	VerificationRoot:          info(),
	VerificationLinkSent:      info(),
	VerificationEmailVerified: success(),
	VerificationCodeSent:      info(),
	VerificationCodeTexted:    info(),
	VerificationPhoneVerified: success(),

	ValidationRoot:                     failure(),
	ValidationGeneric:                  failure("reason"),
	ValidationRequired:                 failure("property"),
	ValidationMinLength:                failure("min_length", "actual_length"),
	ValidationPattern:                  failure("pattern"),
	ValidationPasswordPolicy:           failure("reason"),
	ValidationCredentials:              failure(),
	ValidationIdentifierTaken:          failure(),
	ValidationTOTPCode:                 failure(),
	ValidationIdentifierMissing:        failure(),
	ValidationAddressNotVerified:       failure(),
	ValidationNoTOTP:                   failure(),
	ValidationBackupCodeUsed:           failure(),
	ValidationNoSecurityKey:            failure(),
	ValidationNoBackupCodes:            failure(),
	ValidationNoSecurityKeyUser:        failure(),
	ValidationBackupCode:               failure(),
	ValidationMaxLength:                failure("max_length", "actual_length"),
	ValidationMinimum:                  failure("minimum", "actual"),
	ValidationExclusiveMinimum:         failure("minimum", "actual"),
	ValidationMaximum:                  failure("maximum", "actual"),
	ValidationExclusiveMaximum:         failure("maximum", "actual"),
	ValidationMultipleOf:               failure("base", "actual"),
	ValidationMaxItems:                 failure("max_items", "actual_items"),
	ValidationMinItems:                 failure("min_items", "actual_items"),
	ValidationUniqueItems:              failure("index_a", "index_b"),
	ValidationType:                     failure("allowed_types", "actual_type"),
	ValidationIdentifierTakenOnLink:    failure(),
	ValidationIdentifierTakenHints:     failure("available_credential_types", "available_oidc_providers", "credential_identifier_hint"),
	ValidationConst:                    failure("expected"),
	ValidationConstGeneric:             failure(),
	ValidationPasswordTooSimilar:       failure(),
	ValidationPasswordMinLength:        failure("min_length", "actual_length"),
	ValidationPasswordMaxLength:        failure("max_length", "actual_length"),
	ValidationPasswordBreached:         failure("breaches"),
	ValidationNoCodeUser:               failure(),
	ValidationTraitsMismatch:           failure(),
	ValidationAccountNotFound:          failure(),
	ValidationCaptcha:                  failure(),
	ValidationPasswordUnchanged:        failure(),
	ValidationEmail:                    failure("value"),
	ValidationPhone:                    failure("value"),
	ValidationNoDeviceKey:              failure(),
	ValidationSecurityKey:              failure(),
	ValidationDeviceKey:                failure(),
	ValidationDeviceAttestationExpired: failure(),
	ValidationDeviceReenroll:           failure(),

	LoginFailed:                   failure(),
	LoginFlowExpired:              failure("expired_at", "expired_at_unix"),
	LoginNoMethod:                 failure(),
	RegistrationNoMethod:          failure(),
	SettingsNoMethod:              failure(),
	RecoveryNoMethod:              failure(),
	VerificationNoMethod:          failure(),
	LoginDone:                     failure(),
	LoginCodeInvalid:              failure(),
	LoginLinkMismatch:             failure(),
	LoginAddressUnknown:           failure(),
	LoginIdentityDisabled:         failure(),
	LoginTooManyGuesses:           failure("retry_at", "retry_at_unix"),
	LoginTooManySessions:          failure(),
	SignInBlocked:                 failure(),
	TooManyAttempts:               failure("retry_at", "retry_at_unix"),
	RegistrationFailed:            failure(),
	RegistrationFlowExpired:       failure("expired_at", "expired_at_unix"),
	RegistrationDone:              failure(),
	RegistrationCodeInvalid:       failure(),
	SettingsFailed:                failure(),
	SettingsFlowExpired:           failure("expired_at", "expired_at_unix"),
	SettingsTooManyAddressChanges: failure(),
	RecoveryFailed:                failure(),
	RecoveryDone:                  failure(),
	RecoveryStuck:                 failure(),
	RecoveryTokenMissing:          failure(),
	RecoveryTokenInvalid:          failure(),
	RecoveryFlowExpired:           failure("expired_at", "expired_at_unix"),
	RecoveryCodeInvalid:           failure(),
	VerificationFailed:            failure(),
	VerificationTokenInvalid:      failure(),
	VerificationDone:              failure(),
	VerificationStuck:             failure(),
	VerificationTokenMissing:      failure(),
	VerificationFlowExpired:       failure("expired_at", "expired_at_unix"),
	VerificationCodeInvalid:       failure(),

	SystemRoot:                   failure(),
	SystemGeneric:                failure("reason"),
	SystemNoMethodAvailable:      failure(),
	CaptchaDue:                   failure(),
	CaptchaUnreachable:           failure(),
	OrganizationOutside:          failure("organization"),
	OrganizationForeign:          failure(),
	OrganizationClosed:           failure(),
	SystemNoOrganizationProvider: failure(),
}
