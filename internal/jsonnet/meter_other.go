//go:build !linux

package jsonnet

// meter cannot read another process' memory here; the child watches its own.
type meter struct{}

func newMeter(int) *meter { return nil }

func (*meter) private() (bytes int64, known bool) { return 0, false }

func (*meter) close() {}
