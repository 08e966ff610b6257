package plugin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// logHandler writes log lines in Prefect's form, so that what reads an agent's log today can go on:
// [2021-03-04 05:06:07,123] INFO - agent | Waiting for flow runs...
type logHandler struct {
	mu     *sync.Mutex
	w      io.Writer
	level  slog.Leveler
	format string // Prefect's logging.format
	name   string // of the agent
	attrs  []slog.Attr
}

// defaultLogFormat is Prefect's (1.4.1 config.toml).
const defaultLogFormat = "[%(asctime)s] %(levelname)s - %(name)s | %(message)s"

// levelCritical is Python's CRITICAL, above which nothing is logged.
const levelCritical = slog.LevelError + 4

// directive is one of Python's, with its width.
var directive = regexp.MustCompile(`%\((\w+)\)([-0-9.]*)s`)

// newLogger writes to w. A format that does not hold the message is replaced by Prefect's.
func newLogger(w io.Writer, level slog.Level, format, name string) *slog.Logger {
	if !strings.Contains(format, "%(message)") {
		format = defaultLogFormat
	}
	return slog.New(&logHandler{mu: &sync.Mutex{}, w: w, level: level, format: format, name: name})
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle implements slog.Handler. Attributes follow the message as key=value.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var message bytes.Buffer
	message.WriteString(r.Message)
	for _, a := range h.attrs {
		appendAttr(&message, a)
	}
	r.Attrs(func(a slog.Attr) bool {
		appendAttr(&message, a)
		return true
	})
	fields := map[string]string{
		"asctime": pythonTime(r.Time), "levelname": levelName(r.Level), "name": h.name, "message": message.String(),
	}
	line := directive.ReplaceAllStringFunc(h.format, func(text string) string {
		part := directive.FindStringSubmatch(text)
		value, known := fields[part[1]]
		if !known {
			return text
		}
		return fmt.Sprintf("%"+part[2]+"s", value)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line+"\n")
	return err
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clone := *h
	clone.attrs = append(clone.attrs[:len(clone.attrs):len(clone.attrs)], attrs...)
	return &clone
}

// WithGroup implements slog.Handler; groups have no place in Prefect's format.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

func appendAttr(b *bytes.Buffer, a slog.Attr) {
	text := a.Value.Resolve().String()
	if text == "" {
		return
	}
	if strings.ContainsAny(text, " \t\n\"=") {
		text = fmt.Sprintf("%q", text)
	}
	fmt.Fprintf(b, " %s=%s", a.Key, text)
}

// pythonTime is UTC with milliseconds behind a comma (1.4.1 utilities/logging.py).
func pythonTime(t time.Time) string {
	return strings.Replace(t.UTC().Format("2006-01-02 15:04:05.000"), ".", ",", 1)
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "DEBUG"
	case l < slog.LevelWarn:
		return "INFO"
	case l < slog.LevelError:
		return "WARNING"
	case l < levelCritical:
		return "ERROR"
	}
	return "CRITICAL"
}
