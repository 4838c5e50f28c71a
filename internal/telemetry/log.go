package telemetry

import (
	"io"
	"log/slog"
	"strings"
)

// levels are the configuration's words. slog has no trace, fatal and panic:
// they are one step outside of its own.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo,
	"warning": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError + 4, "panic": slog.LevelError + 8,
}

// NewLogger writes logs in the configured format ("json" or "text") from the
// configured level on.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: levels[strings.ToLower(level)]}
	if format == "json" {
		return slog.New(InContext(slog.NewJSONHandler(w, options)))
	}
	return slog.New(InContext(slog.NewTextHandler(w, options)))
}
