package config

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestWhatIsNoLiteral(t *testing.T) {
	for _, text := range []string{
		"", " ", "#", "a", "a.b", "f()", "set(1)", "set(", "--5", "~5", "-'a'", "-True", "not 5", "1 + 2", "1+2j", "[1 for x in [1]]", "{1: 2 for x in [1]}",
		"{1],[2}", "{1: 2, 3}", "lambda: 1", "b'x'", "[b'x']", "007", "1__0", "_1", "1_", `"\ud83d"`, `"\x"`, "true", "[true]", "null",
		strings.Repeat("[", 5000), strings.Repeat("[", 5000) + strings.Repeat("]", 5000), strings.Repeat("-", 5000) + "1",
	} {
		got, ok := literal(text, false)
		assert.Check(t, !ok, "%q is %v", text, got)
	}
}

func TestPythonText(t *testing.T) {
	for want, v := range map[string]any{
		"None": nil, "True": true, "False": false, "12": int64(12), "text": "text", "1.0": 1.0, "-0.0": math.Copysign(0, -1),
		"inf": math.Inf(1), "-inf": math.Inf(-1), "nan": math.NaN(), "123456789012345.0": 123456789012345.0,
		`['a', "it's", '"\'']`: list{"a", "it's", `"'`}, `['\\', '\n\t\r', '\x00', '\u200b', '\U000e0001', 'é']`: list{`\`, "\n\t\r", "\x00", "\u200b", "\U000e0001", "é"},
		"()": tuple{}, "(1,)": tuple{int64(1)}, "(1, 2)": tuple{int64(1), int64(2)}, "set()": set{}, "{1}": set{int64(1)},
		"{'a': {}}": dict{{"a", dict(nil)}},
	} {
		assert.Check(t, is.Equal(pythonText(v), want))
	}
}

func FuzzLiteral(f *testing.F) {
	for _, seed := range []string{
		"12", "1_000", "-5", "1.5", "1e3", "None", "True", "'a'", `"\d\xe9"`, "[1, 'a']", "(1,)", "{'a'}", "{1: 2}", "set()", "{1],[2}",
		"null", "'''a", "1e999", "\x00", "\xff", "'\xff'",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, json bool) {
		v, ok := literal(text, json)
		if !ok {
			return
		}
		// The text form of a value is a literal with the same value.
		repr := pythonRepr(v)
		if strings.ContainsAny(repr, `\`) || strings.Contains(repr, "inf") || strings.Contains(repr, "set()") {
			return
		}
		again, ok := literal(repr, false)
		assert.Assert(t, ok, "%q -> %s", text, repr)
		assert.Equal(t, pythonRepr(again), repr)
	})
}

func FuzzLoad(f *testing.F) {
	f.Add("${server.port}", "[x]\na = 1")
	f.Add("$PREFECT__X__A", "backend = \"${x.a}\"")
	f.Add("~me/${${x.b}.c}", "[cloud.agent.env_vars]\nA = 'true'")
	f.Add("['a', 1]", "cloud = 1")
	f.Add("{'a', 1}", "server = []\n[cloud]\nagent = {labels = {a = 1}}")
	f.Fuzz(func(t *testing.T, text, file string) {
		var env []string
		for _, name := range []string{
			"X__A", "CLOUD__AGENT__LABELS", "CLOUD__AGENT__ENV_VARS", "CLOUD__AGENT__NAME", "CLOUD__API", "CLOUD__TENANT_ID",
			"CLOUD__AGENT__AGENT_ADDRESS", "CLOUD__REQUEST_TIMEOUT", "CONTEXT__NO_PULL", "CLOUD__AGENT__LEVEL",
		} {
			src := source(append(env, fmt.Sprintf("PREFECT__%s=%s", name, text)))
			src.files["/home/me/.prefect/config.toml"] = file
			_, err := Load(src.Source(), Flags{})
			if err != nil {
				assert.Assert(t, !strings.Contains(err.Error(), "\n"), "%v", err)
			}
		}
	})
}
