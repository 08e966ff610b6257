package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// chunks is a container whose output comes in the given pieces.
type chunks struct {
	pieces []string
	err    error
}

func (c chunks) Logs(_ context.Context, _ string, _ LogsOptions, w io.Writer) error {
	for _, piece := range c.pieces {
		if _, err := io.WriteString(w, piece); err != nil {
			return err
		}
	}
	return c.err
}

// writes collects each Write.
type writes struct{ got []string }

func (w *writes) Write(p []byte) (int, error) {
	w.got = append(w.got, string(p))
	return len(p), nil
}

func TestContainerOutputIsCopiedLineByLine(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, tc := range map[string]struct{ pieces, want []string }{
		"nothing":                   {nil, nil},
		"a line":                    {[]string{"one\n"}, []string{"one\n"}},
		"lines in one piece":        {[]string{"one\ntwo\n"}, []string{"one\n", "two\n"}},
		"a line in pieces":          {[]string{"o", "n", "e", "\n"}, []string{"one\n"}},
		"a last line without end":   {[]string{"one\ntw", "o"}, []string{"one\n", "two\n"}},
		"empty lines":               {[]string{"\n\none\n"}, []string{"\n", "\n", "one\n"}},
		"blanks at the end":         {[]string{" one \t\r\n"}, []string{" one\n"}},
		"a character in pieces":     {[]string{"gr\xc3", "\xbc\xc3\x9fe\n"}, []string{"grüße\n"}},
		"not UTF-8":                 {[]string{"a\xff\xfeb\n", "\xc3\n"}, []string{"a\uFFFDb\n", "\uFFFD\n"}},
		"as long as lines may be":   {[]string{long, "\n", "two\n"}, []string{long + "\n", "two\n"}},
		"longer":                    {[]string{long + "yz\ntwo\n"}, []string{long + "\n", "yz\n", "two\n"}},
		"longer by one":             {[]string{long + "y\ntwo\n"}, []string{long + "\n", "y\n", "two\n"}},
		"much longer, no end":       {[]string{long, long, "y"}, []string{long + "\n", long + "\n", "y\n"}},
		"cut between characters":    {[]string{long[1:] + "üz\n"}, []string{long[1:] + "\n", "üz\n"}},
		"long and not UTF-8 at all": {[]string{strings.Repeat("\xbf", maxLine+1)}, []string{"\uFFFD\n", "\uFFFD\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out writes
			assert.NilError(t, copyLines(t.Context(), chunks{pieces: tc.pieces}, "id", LogsOptions{}, &out))
			assert.Check(t, is.DeepEqual(out.got, tc.want))
		})
	}
}

func TestAnInterruptedCopyKeepsWhatCame(t *testing.T) {
	var out writes
	err := copyLines(t.Context(), chunks{[]string{"one\ntw"}, errDown}, "id", LogsOptions{}, &out)
	assert.ErrorIs(t, err, errDown)
	assert.DeepEqual(t, out.got, []string{"one\n", "tw\n"})
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestACopyEndsWhenItsOutputFails(t *testing.T) {
	err := copyLines(t.Context(), chunks{pieces: []string{"one\n", "two\n"}}, "id", LogsOptions{}, fullDisk{})
	assert.ErrorContains(t, err, "no space left on device")
}

func TestOutputOfConcurrentContainersKeepsItsLines(t *testing.T) {
	const containers, lines = 20, 200
	var out bytes.Buffer
	shared := &lineWriter{w: &out}
	var copies sync.WaitGroup
	for n := range containers {
		line := strings.Repeat(fmt.Sprintf("%02d", n), 50)
		pieces := strings.SplitAfter(strings.Repeat(line[:33]+"|"+line[33:]+"\n", lines), "|")
		copies.Go(func() { assert.Check(t, copyLines(t.Context(), chunks{pieces: pieces}, "id", LogsOptions{}, shared)) })
	}
	copies.Wait()
	count := 0
	for line := range strings.Lines(out.String()) {
		count++
		line = strings.Replace(strings.TrimSpace(line), "|", "", 1)
		assert.Assert(t, is.Equal(line, strings.Repeat(line[:2], 50)))
	}
	assert.Equal(t, count, containers*lines)
}

func FuzzLinesAreTheSameInAnyPieces(f *testing.F) {
	f.Add("one\ntwo\n\xff\r\n", uint16(1), uint16(1))
	f.Add("grüße ", uint16(maxLine/4), uint16(1000))
	f.Fuzz(func(t *testing.T, text string, times, chunk uint16) {
		var whole, pieces writes
		if len(text) > 0 {
			text = strings.Repeat(text, min(int(times), 3*maxLine/len(text)))
		}
		assert.NilError(t, copyLines(t.Context(), chunks{pieces: []string{text}}, "id", LogsOptions{}, &whole))
		size := max(int(chunk), len(text)/1000, 1)
		source := chunks{}
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			source.pieces = append(source.pieces, rest[:min(size, len(rest))])
		}
		assert.NilError(t, copyLines(t.Context(), source, "id", LogsOptions{}, &pieces))
		assert.DeepEqual(t, pieces.got, whole.got)
		for _, line := range whole.got {
			assert.Assert(t, len(line) <= 3*maxLine+1) // U+FFFD has three bytes
			assert.Assert(t, strings.Count(line, "\n") == 1 && strings.HasSuffix(line, "\n"))
		}
	})
}
