package agent

import (
	"encoding/json"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestLabelsHavePythonsTextForm(t *testing.T) {
	for _, c := range []struct {
		labels []string
		want   string
	}{
		{nil, `[]`},
		{[]string{}, `[]`},
		{[]string{"a"}, `['a']`},
		{[]string{"42", "marvin"}, `['42', 'marvin']`},
		{[]string{"b", "a", ""}, `['b', 'a', '']`},
		{[]string{"it's"}, `["it's"]`},
		{[]string{`say "hi"`}, `['say "hi"']`},
		{[]string{`it's "x"`}, `['it\'s "x"']`},
		{[]string{`a\b`}, `['a\\b']`},
		{[]string{"a\nb\rc\td"}, `['a\nb\rc\td']`},
		{[]string{"\x00\x1f\x7f\u0085\u00a0\u00ad"}, `['\x00\x1f\x7f\x85\xa0\xad']`},
		{[]string{"\u200b\u2028\ue000"}, `['\u200b\u2028\ue000']`},
		{[]string{"\U000e0001\U0010ffff"}, `['\U000e0001\U0010ffff']`},
		{[]string{"é 日本 🎉"}, `['é 日本 🎉']`},
		{[]string{"\xff�"}, `['\udcff�']`},
	} {
		assert.Check(t, is.Equal(pythonList(c.labels), c.want))
	}
}

func TestJSONValuesHavePythonsTextForm(t *testing.T) {
	for raw, want := range map[string]string{
		`true`:                      "True",
		`false`:                     "False",
		`"x"`:                       "x",
		`"it's"`:                    "it's",
		`""`:                        "",
		`1`:                         "1",
		`-0`:                        "0",
		`12345678901234567890123`:   "12345678901234567890123",
		`1.5`:                       "1.5",
		`1.0`:                       "1.0",
		`-0.0`:                      "-0.0",
		`1E5`:                       "100000.0",
		`1e15`:                      "1000000000000000.0",
		`1e16`:                      "1e+16",
		`1e22`:                      "1e+22",
		`0.0001`:                    "0.0001",
		`0.00001`:                   "1e-05",
		`5e-324`:                    "5e-324",
		`123456789.123456789`:       "123456789.12345679",
		`1e400`:                     "inf",
		`-1e400`:                    "-inf",
		`[1, "a", null, true]`:      "[1, 'a', None, True]",
		`{"b": {}, "a": [1.0]}`:     "{'b': {}, 'a': [1.0]}",
		`{"a": 1, "b": 2, "a": 3}`:  "{'a': 3, 'b': 2}",
		`{"it's": "x", "o\"k": ""}`: `{"it's": 'x', 'o"k': ''}`,
	} {
		v, err := decodeJSON(json.RawMessage(raw))
		assert.NilError(t, err)
		assert.Check(t, is.Equal(pythonText(v), want), raw)
	}
}

func TestBrokenJSONIsAnErrorWhereverItBreaks(t *testing.T) {
	for _, raw := range []string{`{`, `[1,`, `{"a"`, `{"a":}`, `{1:2}`, `[1 2]`, `tru`, `1 2`, `{} x`, `]`, `"a`} {
		_, err := decodeJSON(json.RawMessage(raw))
		assert.Check(t, is.ErrorContains(err, "not valid JSON"), raw)
	}
}
