package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"unicode"
	"unicode/utf8"
)

// logSource is the part of an engine or launcher that has the output of containers.
type logSource interface {
	Logs(ctx context.Context, id string, opts LogsOptions, w io.Writer) error
}

// copyLines copies a container's output to w, each line in a single Write.
func copyLines(ctx context.Context, source logSource, id string, opts LogsOptions, w io.Writer) error {
	lines := &lineSplitter{emit: func(line []byte) error {
		_, err := w.Write(append(line, '\n'))
		return err
	}}
	err := source.Logs(ctx, id, opts, lines)
	return errors.Join(err, lines.flush())
}

// lineWriter lets goroutines share a writer: what one Write gets stays in one piece.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// lineSplitter makes lines of output that comes in chunks of any size. It is for one goroutine.
//
// Lines lose the blanks at their end, as in the Python agent; bytes that are not UTF-8 become U+FFFD,
// where that gave up; lines above maxLine are cut into several, so that memory is bounded.
type lineSplitter struct {
	emit func(line []byte) error // owns the line
	rest []byte                  // of a line whose end has not come yet
}

func (s *lineSplitter) Write(p []byte) (int, error) {
	for left := p; len(left) > 0; {
		line, after, whole := bytes.Cut(left, []byte{'\n'})
		if room := maxLine + 1 - len(s.rest); len(line) >= room {
			line, after, whole = left[:room], left[room:], false
		}
		s.rest = append(s.rest, line...)
		left = after
		end := len(s.rest)
		switch {
		case end > maxLine:
			end = wholeRunes(s.rest[:maxLine])
		case !whole:
			continue
		}
		if err := s.take(end); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// flush emits a last line that has no end.
func (s *lineSplitter) flush() error {
	if len(s.rest) == 0 {
		return nil
	}
	return s.take(len(s.rest))
}

func (s *lineSplitter) take(end int) error {
	line := bytes.TrimRightFunc(s.rest[:end], unicode.IsSpace)
	line = bytes.ToValidUTF8(line, []byte("\uFFFD")) // copies
	s.rest = append(s.rest[:0], s.rest[end:]...)
	return s.emit(line)
}

// wholeRunes is the length of text without a character that is cut off at its end.
func wholeRunes(text []byte) int {
	for n := len(text) - 1; n >= len(text)-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			if utf8.FullRune(text[n:]) {
				break
			}
			return n
		}
	}
	return len(text)
}
