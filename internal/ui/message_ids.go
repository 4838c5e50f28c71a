package ui

// The message ids, by their range: 101 login, 102 logout, 103 second factors, 104
// registration, 105 settings, 106 recovery, 107 labels, 108 verification, 400
// values that were not accepted, 401 to 407 flows that cannot go on, 500 system.
// An id that ends in 0000 speaks for its range. What is called unused exists in
// the contract but no flow shows it.
const (
	// Login.
	LoginRoot                    MessageID = 1010000 // the login flow as such; unused
	LoginSubmit                  MessageID = 1010001 // button of a refresh with the password
	LoginWithProvider            MessageID = 1010002 // button of a provider
	LoginReauthenticate          MessageID = 1010003 // form of a refresh
	LoginSecondFactor            MessageID = 1010004 // form of a step up to aal2
	LoginVerify                  MessageID = 1010005 // unused
	LoginTOTPCode                MessageID = 1010006 // label of the code field
	LoginBackupCode              MessageID = 1010007 // label of the backup code field
	LoginWithSecurityKey         MessageID = 1010008 // button
	LoginWithTOTP                MessageID = 1010009 // button
	LoginWithBackupCode          MessageID = 1010010 // button
	LoginContinueWithSecurityKey MessageID = 1010011 // unused
	LoginPrepareSecurityKey      MessageID = 1010012 // form between the two steps of a security key login
	LoginContinue                MessageID = 1010013 // button of the second of these steps
	LoginCodeSent                MessageID = 1010014 // form once a code was sent to the address that was typed in
	LoginSendCode                MessageID = 1010015 // button
	LoginToLink                  MessageID = 1010016 // form of a login that links a provider to an account; keys in camel case are the older names
	LoginAndLink                 MessageID = 1010017 // button that replaces LoginSubmit when linking
	LoginWithProviderAndLink     MessageID = 1010018 // button that replaces LoginWithProvider when linking
	LoginSendSecondFactorCode    MessageID = 1010019 // unused
	LoginSecondFactorCodeHint    MessageID = 1010020 // unused
	LoginWithPasskey             MessageID = 1010021 // button
	LoginWithPassword            MessageID = 1010022 // button
	LoginSendCodeTo              MessageID = 1010023 // button for one of the account's addresses
	LoginWithDeviceKey           MessageID = 1010024 // unused
	LoginCodeSentToKnownAddress  MessageID = 1010025 // form once a code was sent to an address of the account
	LabelRememberMe              MessageID = 1019002 // box; our own
	LoginConfirm                 MessageID = 1019003 // form of an unusual login that a code has to confirm; our own
	LoginSetUpSecondFactor       MessageID = 1019001 // form of a login in which a second factor is set up; our own

	// Logout and second factors.
	LogoutRoot MessageID = 1020000 // unused
	MFARoot    MessageID = 1030000 // unused

	// Registration.
	RegistrationRoot             MessageID = 1040000 // unused
	RegistrationSubmit           MessageID = 1040001 // button
	RegistrationWithProvider     MessageID = 1040002 // button of a provider
	RegistrationContinue         MessageID = 1040003 // button when a provider left traits open
	RegistrationWithSecurityKey  MessageID = 1040004 // button
	RegistrationCodeSent         MessageID = 1040005 // form
	RegistrationSendCode         MessageID = 1040006 // button
	RegistrationWithPasskey      MessageID = 1040007 // button
	RegistrationBack             MessageID = 1040008 // button
	RegistrationChooseCredential MessageID = 1040009 // form of the second page

	// Settings.
	SettingsRoot                  MessageID = 1050000 // unused
	SettingsSaved                 MessageID = 1050001 // form; a success
	SettingsLinkProvider          MessageID = 1050002 // button
	SettingsUnlinkProvider        MessageID = 1050003 // button
	SettingsUnlinkTOTP            MessageID = 1050004 // button
	SettingsTOTPQRCode            MessageID = 1050005 // label of the picture
	SettingsTOTPSecret            MessageID = 1050006 // the secret itself
	SettingsRevealBackupCodes     MessageID = 1050007 // button
	SettingsRegenerateBackupCodes MessageID = 1050008 // button
	SettingsBackupCode            MessageID = 1050009 // one code that is left, inside SettingsBackupCodes
	SettingsBackupCodesLabel      MessageID = 1050010 // label of the list
	SettingsConfirmBackupCodes    MessageID = 1050011 // button
	SettingsAddSecurityKey        MessageID = 1050012 // button
	SettingsSecurityKeyName       MessageID = 1050013 // label
	SettingsBackupCodeUsed        MessageID = 1050014 // one code that is gone, inside SettingsBackupCodes
	SettingsBackupCodes           MessageID = 1050015 // the list of codes; its context nests a message for each
	SettingsDisableBackupCodes    MessageID = 1050016 // button
	SettingsTOTPSecretLabel       MessageID = 1050017 // label
	SettingsRemoveSecurityKey     MessageID = 1050018 // button
	SettingsAddPasskey            MessageID = 1050019 // button
	SettingsRemovePasskey         MessageID = 1050020 // button
	SettingsRemoveDeviceKey       MessageID = 1050021 // unused
	SettingsDeviceKeyNonce        MessageID = 1050022 // unused
	SettingsManagedByOrganization MessageID = 1050023 // form

	// Recovery.
	RecoveryRoot           MessageID = 1060000 // unused
	RecoverySucceeded      MessageID = 1060001 // form of the settings that a recovery opens; a success. The key in camel case is the older name
	RecoveryLinkSent       MessageID = 1060002 // form
	RecoveryCodeSent       MessageID = 1060003 // form
	RecoveryCodeSentTo     MessageID = 1060004 // form
	RecoveryAskFullAddress MessageID = 1060005 // form
	RecoveryChooseAddress  MessageID = 1060006 // form
	RecoveryBack           MessageID = 1060007 // button

	// Labels.
	LabelText             MessageID = 1070000 // a label that consists of data, such as a masked address: see Foreign
	LabelPassword         MessageID = 1070001
	LabelTrait            MessageID = 1070002 // label that the identity schema gives
	LabelSave             MessageID = 1070003
	LabelID               MessageID = 1070004 // label of an identifier that the schema has no single title for
	LabelSubmit           MessageID = 1070005 // unused
	LabelTOTPCode         MessageID = 1070006 // label of the code field in settings
	LabelEmail            MessageID = 1070007
	LabelResendCode       MessageID = 1070008
	LabelContinue         MessageID = 1070009
	LabelRecoveryCode     MessageID = 1070010
	LabelVerificationCode MessageID = 1070011
	LabelRegistrationCode MessageID = 1070012
	LabelLoginCode        MessageID = 1070013
	LabelLoginAndLink     MessageID = 1070014 // unused
	LabelCaptcha          MessageID = 1070015
	LabelRecoveryAddress  MessageID = 1070016
	LabelPhone            MessageID = 1070017
	LabelEmailOrPhone     MessageID = 1070018

	// Verification.
	VerificationRoot          MessageID = 1080000 // unused
	VerificationLinkSent      MessageID = 1080001 // form
	VerificationEmailVerified MessageID = 1080002 // form; a success
	VerificationCodeSent      MessageID = 1080003 // form
	VerificationCodeTexted    MessageID = 1080004 // form
	VerificationPhoneVerified MessageID = 1080005 // form; a success

	// Values that were not accepted.
	ValidationRoot                     MessageID = 4000000 // unused
	ValidationGeneric                  MessageID = 4000001 // whatever has no id of its own
	ValidationRequired                 MessageID = 4000002
	ValidationMinLength                MessageID = 4000003
	ValidationPattern                  MessageID = 4000004
	ValidationPasswordPolicy           MessageID = 4000005 // a password policy that has no id of its own
	ValidationCredentials              MessageID = 4000006 // wrong identifier or password
	ValidationIdentifierTaken          MessageID = 4000007
	ValidationTOTPCode                 MessageID = 4000008
	ValidationIdentifierMissing        MessageID = 4000009
	ValidationAddressNotVerified       MessageID = 4000010
	ValidationNoTOTP                   MessageID = 4000011
	ValidationBackupCodeUsed           MessageID = 4000012
	ValidationNoSecurityKey            MessageID = 4000013
	ValidationNoBackupCodes            MessageID = 4000014
	ValidationNoSecurityKeyUser        MessageID = 4000015
	ValidationBackupCode               MessageID = 4000016
	ValidationMaxLength                MessageID = 4000017
	ValidationMinimum                  MessageID = 4000018
	ValidationExclusiveMinimum         MessageID = 4000019
	ValidationMaximum                  MessageID = 4000020
	ValidationExclusiveMaximum         MessageID = 4000021
	ValidationMultipleOf               MessageID = 4000022
	ValidationMaxItems                 MessageID = 4000023
	ValidationMinItems                 MessageID = 4000024
	ValidationUniqueItems              MessageID = 4000025
	ValidationType                     MessageID = 4000026
	ValidationIdentifierTakenOnLink    MessageID = 4000027
	ValidationIdentifierTakenHints     MessageID = 4000028
	ValidationConst                    MessageID = 4000029
	ValidationConstGeneric             MessageID = 4000030
	ValidationPasswordTooSimilar       MessageID = 4000031
	ValidationPasswordMinLength        MessageID = 4000032
	ValidationPasswordMaxLength        MessageID = 4000033
	ValidationPasswordBreached         MessageID = 4000034
	ValidationNoCodeUser               MessageID = 4000035
	ValidationTraitsMismatch           MessageID = 4000036
	ValidationAccountNotFound          MessageID = 4000037
	ValidationCaptcha                  MessageID = 4000038
	ValidationPasswordUnchanged        MessageID = 4000039
	ValidationEmail                    MessageID = 4000040
	ValidationPhone                    MessageID = 4000041
	ValidationNoDeviceKey              MessageID = 4000042 // unused
	ValidationSecurityKey              MessageID = 4000043
	ValidationDeviceKey                MessageID = 4000044 // unused
	ValidationDeviceAttestationExpired MessageID = 4000045 // unused
	ValidationDeviceReenroll           MessageID = 4000046 // unused

	// Flows that cannot go on.
	LoginFailed                   MessageID = 4010000 // unused
	LoginFlowExpired              MessageID = 4010001
	LoginNoMethod                 MessageID = 4010002 // no method took the submission
	RegistrationNoMethod          MessageID = 4010003 // no method took the submission
	SettingsNoMethod              MessageID = 4010004 // no method took the submission
	RecoveryNoMethod              MessageID = 4010005 // no method took the submission
	VerificationNoMethod          MessageID = 4010006 // no method took the submission
	LoginDone                     MessageID = 4010007 // unused
	LoginCodeInvalid              MessageID = 4010008
	LoginLinkMismatch             MessageID = 4010009 // another account than the one to link
	LoginAddressUnknown           MessageID = 4010010
	LoginIdentityDisabled         MessageID = 4010011
	LoginTooManyGuesses           MessageID = 4019001 // too many wrong codes for a second factor; our own
	LoginTooManySessions          MessageID = 4019002 // the operator bounds the sessions of an account; our own
	SignInBlocked                 MessageID = 4019005 // a policy about unusual sign-ins; our own
	TooManyAttempts               MessageID = 4019004 // too many wrong attempts, whoever made them; our own
	RegistrationFailed            MessageID = 4040000 // unused
	RegistrationFlowExpired       MessageID = 4040001
	RegistrationDone              MessageID = 4040002 // unused
	RegistrationCodeInvalid       MessageID = 4040003
	SettingsFailed                MessageID = 4050000 // unused
	SettingsFlowExpired           MessageID = 4050001
	SettingsTooManyAddressChanges MessageID = 4050002
	RecoveryFailed                MessageID = 4060000 // unused
	RecoveryDone                  MessageID = 4060001
	RecoveryStuck                 MessageID = 4060002
	RecoveryTokenMissing          MessageID = 4060003 // unused
	RecoveryTokenInvalid          MessageID = 4060004
	RecoveryFlowExpired           MessageID = 4060005
	RecoveryCodeInvalid           MessageID = 4060006
	VerificationFailed            MessageID = 4070000 // unused
	VerificationTokenInvalid      MessageID = 4070001
	VerificationDone              MessageID = 4070002
	VerificationStuck             MessageID = 4070003
	VerificationTokenMissing      MessageID = 4070004 // unused
	VerificationFlowExpired       MessageID = 4070005
	VerificationCodeInvalid       MessageID = 4070006

	// The barrier against robots: our own.
	CaptchaDue         MessageID = 4009021 // the form has to come with a proof
	CaptchaUnreachable MessageID = 4009022 // the service that judges proofs cannot be asked

	// Organizations: our own.
	OrganizationOutside MessageID = 4009011 // another way than its connections
	OrganizationForeign MessageID = 4009012 // the connection of another one
	OrganizationClosed  MessageID = 4009013

	// System.
	SystemRoot                   MessageID = 5000000 // unused
	SystemGeneric                MessageID = 5000001
	SystemNoMethodAvailable      MessageID = 5000002 // unused
	SystemNoOrganizationProvider MessageID = 5000003 // unused
)
