package graphql

import (
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestWhatAnErrorRepeatsOfAnAnswerIsOneShortLine(t *testing.T) {
	long := strings.Repeat("é ", 5000)
	for _, message := range []string{`a\nb\r\n\u001b[31mc`, long} {
		body := fmt.Sprintf(`{"errors": [{"message": "%s", "extensions": {"code": "X\nY"}}, {"message": "State update failed"}]}`, message)
		for _, status := range []int{200, 400} {
			c, err := New(Options{URL: "http://api.invalid", Backend: "server"})
			assert.NilError(t, err)
			c.t.http.Transport = answers{status: status, body: body}
			err = c.Hello(t.Context())
			checkText(t, "hello", err)
			assert.ErrorIs(t, err, ErrClaimed, "its kind is found however long the text is")
		}
	}
	assert.Equal(t, oneLine("a\n\tb\x00c"), "a b c")
}
