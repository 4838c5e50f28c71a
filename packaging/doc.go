// Package packaging holds what an installation is made of beside the binary: an image,
// a service for systemd, and the tool that builds releases. Its tests hold all of it
// against what the program really is.
package packaging
