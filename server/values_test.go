package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestTimesAreReadInManySpellings(t *testing.T) {
	const want = "2022-01-31T09:08:07.120000+00:00"
	for _, text := range []string{
		"2022-01-31T09:08:07.12Z", "2022-01-31T09:08:07.120+00:00", "2022-01-31T09:08:07.120000", "2022-01-31 09:08:07.12", "2022-01-31T10:08:07.12+01:00", "2022-01-31T10:08:07.12+0100",
		"2022-01-31T10:08:07.12+01", "2022-01-31T03:38:07.12-05:30", "2022-01-31T09:08:07.120000999Z", " 2022-01-31T09:08:07.12 ",
	} {
		got, err := parseTime(text)
		assert.Check(t, err, text)
		assert.Check(t, is.Equal(formatTime(got), want), text)
	}
	got, err := parseTime("2022-01-31")
	assert.NilError(t, err)
	assert.Equal(t, formatTime(got), "2022-01-31T00:00:00.000000+00:00")
	for _, text := range []string{"", "now", "2022", "2022-02-30", "2022-01-31T25:00:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2022-01-31T09:08:07.12 +01:00"} {
		_, err := parseTime(text)
		assert.Check(t, err != nil, text)
	}
	assert.Equal(t, formatTime(time.Date(2022, 1, 31, 10, 8, 7, 999, time.FixedZone("", 3600))), "2022-01-31T09:08:07.000000+00:00")
}

func TestIDs(t *testing.T) {
	for _, text := range []string{"", "x", "01a20a5a", strings.Repeat("0", 31) + "g", "00000000-0000-4000-8000-0000000000000", strings.Repeat("0", 33)} {
		_, err := parseID(text)
		assert.Check(t, err != nil, text)
	}
	first, err := newID()
	assert.NilError(t, err)
	second, err := newID()
	assert.NilError(t, err)
	assert.Assert(t, first < second)
}

func TestComparisonsOfJSON(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		a, b            string
		equal, contains bool
	}{
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, true, true},
		{`{"a":1,"b":2}`, `{"b":2}`, false, true},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"c":2}}`, false, true},
		{`{"a":{"b":1}}`, `{"b":1}`, false, false},
		{`[1,2,3]`, `[3,1]`, false, true},
		{`[1,1]`, `[1]`, false, true},
		{`[1]`, `[1,1]`, false, true},
		{`[1,[2]]`, `[2]`, false, false},
		{`["a"]`, `"a"`, false, true},
		{`"a"`, `["a"]`, false, false},
		{`[{"a":1,"b":2}]`, `[{"a":1}]`, false, true},
		{`[[1]]`, `[[]]`, false, true},
		{`1`, `1.0`, true, true},
		{`100`, `1e2`, true, true},
		{`0`, `-0.00`, true, true},
		{`12345678901234567890`, `12345678901234567891`, false, false},
		{`0.1`, `1E-1`, true, true},
		{`1e999999999`, `1e999999998`, false, false},
		{`1e999999999999999999999`, `10e999999999999999999998`, true, true},
		{`1`, `"1"`, false, false},
		{`null`, `null`, true, true},
		{`true`, `false`, false, false},
		{`{}`, `[]`, false, false},
	} {
		var equal, contains bool
		if postgresURL() != "" && strings.Contains(test.a, "e999") {
			continue // PostgreSQL has no such numbers
		}
		first, second := quoteText(test.a), quoteText(test.b)
		text := "SELECT " + a.server.store.db.jsonEqual(first, second) + ", " + a.server.store.db.jsonContains(first, second)
		assert.NilError(t, a.server.store.row(t.Context(), text, nil, &equal, &contains), text)
		assert.Check(t, is.Equal(equal, test.equal), "%s = %s", test.a, test.b)
		assert.Check(t, is.Equal(contains, test.contains), "%s @> %s", test.a, test.b)
	}
	if postgresURL() != "" {
		return // the rest is about functions for SQLite
	}
	for text, want := range map[string]string{
		`SELECT jsonb_contains('["a"]', '"a"'), jsonb_contains('[1,1]', '[1]'), jsonb_contains('[1,[2]]', '[2]')`: "1 1 0",
		`SELECT jsonb_equal(NULL, '1') IS NULL, jsonb_has_key('["k"]', 'k'), jsonb_has_key('"k"', 'k')`:           "1 1 1",
		`SELECT jsonb_has_key('{"k":null}', 'k'), jsonb_has_key('[["k"]]', 'k'), jsonb_has_key('1', '1')`:         "1 0 0",
	} {
		var x, y, z string
		assert.NilError(t, a.server.store.row(t.Context(), text, nil, &x, &y, &z))
		assert.Check(t, is.Equal(strings.Join([]string{x, y, z}, " "), want), text)
	}
}

func TestWhatPythonTakesForFalse(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "null": true, "false": true, "0": true, "-0": true, "0.0": true, "0e5": true, `""`: true, "[]": true, "{}": true, " { } ": true,
		"true": false, "1": false, `"0"`: false, "[0]": false, `{"a":null}`: false, "1e-9": false,
	} {
		assert.Check(t, is.Equal(isEmpty(json.RawMessage(text)), want), text)
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"": "$", "$": "$", "a": `$."a"`, "$.a.b": `$."a"."b"`, "a[0].b": `$."a"[0]."b"`, "[1]": "$[1]", `$["a b"]`: `$."a b"`, `$['a.b'].c`: `$."a.b"."c"`, ".a": `$."a"`, "$.ä": `$."ä"`,
	} {
		steps, err := parsePath(path)
		assert.Check(t, err)
		assert.Check(t, is.Equal(sqliteDialect{}.boundPath(steps), want), path)
	}
	for _, path := range []string{".", "a..b", "a[", "a[]", "a[x]", "a[-1]", `a"b`, `a\b`, `["a\"]`, `["a]`, "$a$.", "a[0]b"} {
		steps, err := parsePath(path)
		assert.Check(t, err != nil || strings.Count(sqliteDialect{}.boundPath(steps), `"`)%2 == 0, "%s: %v", path, steps)
	}
}

func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"a%": "a*", "_b": "?b", `100\%`: "100%", `a\_b`: "a_b", `a\\`: `a\`, "*?[x]": "[*][?][[]x]", `\*`: "[*]", `\`: "",
	} {
		assert.Check(t, is.Equal(sqliteDialect{}.boundPattern(pattern, false), want), pattern)
	}
}

func TestObjectsKeepTheirOrder(t *testing.T) {
	o, err := decodeObject(json.RawMessage(` {"b": 1.0, "a": {"z": [], "y": null}, "c": null} `))
	assert.NilError(t, err)
	assert.Equal(t, string(o.encode()), `{"b":1.0,"a":{"z": [], "y": null},"c":null}`)
	assert.Equal(t, string(o.with("a", json.RawMessage("2")).with("d", json.RawMessage(`"<"`)).encode()), `{"b":1.0,"a":2,"c":null,"d":"<"}`)
	assert.Equal(t, string(o.get("b")), "1.0")
	assert.Assert(t, o.get("c") == nil && o.get("x") == nil)
	for _, text := range []string{"", "[]", "1", `{"a"`, `{"a":}`} {
		_, err := decodeObject(json.RawMessage(text))
		assert.Check(t, err != nil, text)
	}
}
