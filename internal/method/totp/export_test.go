package totp

// Picture is for tests that have a decoder.
var Picture = picture
