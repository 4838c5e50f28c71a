package webauthn

// Readable says whether an answer can be read, for tests of what is made of bytes
// that anybody sends.
func Readable(text string) (attestation, assertion bool) {
	_, attestation = parseAttestation(text)
	_, assertion = parseAssertion(text)
	return attestation, assertion
}

// MaxAnswer is how long an answer may be.
const MaxAnswer = maxAnswer

// ModelName is what a model is called.
var ModelName = modelName
