package totp

// Picture is for tests that have a decoder.
func Picture(text string) string { return new(painter).picture(text) }
