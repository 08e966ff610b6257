package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// library registers two projects: p with flows a (versions 1 and 2) and b, and q with c. The newest version of a has a
// run in each of the states Scheduled, Running and Success; the run that waits has logs, the others have not.
func library(t testing.TB) *api {
	t.Helper()
	a := newAPI(t)
	a.register("p", flowOf("a", "x", "y"), m{"description": "Say 100% *really*"})
	a.register("p", flowOf("b", "x"))
	second := a.register("p", flowOf("a", "x", "y", "z"))
	a.register("q", flowOf("c"))
	for _, kind := range []string{"Scheduled", "Running", "Success"} {
		run := a.run(second, m{"flow_run_name": kind, "parameters": m{"n": 1.0, "who": m{"first": "Ann", "last": kind}, "list": []any{1, "two", m{"k": nil}}}})
		if kind != "Scheduled" {
			a.setFlowRun(run, kind)
			continue
		}
		a.do("write_run_logs", "success", m{"logs": []any{m{"flow_run_id": run, "message": "one", "level": "INFO"}, m{"flow_run_id": run, "message": "two", "level": "ERROR"}}})
	}
	return a
}

func TestConditions(t *testing.T) {
	a := library(t)
	for where, want := range map[string]string{
		// flows, by name and version
		`flow {}`:                 "a1 a2 b1 c1",
		`flow {name: {_eq: "a"}}`: "a1 a2",
		`flow {name: {_eq: "a"}, version: {_eq: 2}}`:   "a2",
		`flow {name: {_neq: "a"}}`:                     "b1 c1",
		`flow {name: {_in: ["a", "c"]}}`:               "a1 a2 c1",
		`flow {name: {_in: "c"}}`:                      "c1",
		`flow {name: {_in: []}}`:                       "",
		`flow {name: {_nin: []}}`:                      "a1 a2 b1 c1",
		`flow {name: {_nin: ["a", "b"]}}`:              "c1",
		`flow {name: {_gt: "a", _lte: "c"}}`:           "b1 c1",
		`flow {version: {_gte: 2}}`:                    "a2",
		`flow {name: {_regex: "[ab]"}}`:                "a1 a2 b1",
		`flow {name: {_regex: "B"}}`:                   "",
		`flow {name: {_iregex: "^B$"}}`:                "b1",
		`flow {name: {_nregex: "^a"}}`:                 "b1 c1",
		`flow {name: {_niregex: "A|B"}}`:               "c1",
		`flow {description: {_regex: "100% \\*"}}`:     "a1",
		`flow {description: {_nregex: "nothing"}}`:     "a1", // and not where there is no description
		`flow {version: {_lt: 2}, name: {_like: "a"}}`: "a1",
		`flow {archived: {_eq: true}}`:                 "a1",
		`flow {archived: {_neq: true}}`:                "a2 b1 c1",
		`flow {archived: {_in: [true]}}`:               "a1",
		`flow {_and: []}`:                              "a1 a2 b1 c1",
		`flow {_or: []}`:                               "",
		`flow {_not: {}}`:                              "",
		`flow {_or: [{}]}`:                             "a1 a2 b1 c1",
		`flow {_and: {name: {_eq: "b"}}}`:              "b1",
		`flow {_or: {name: {_eq: "b"}}}`:               "b1",
		`flow {_or: [{name: {_eq: "b"}}, {version: {_eq: 2}}], archived: {_eq: false}}`:              "a2 b1",
		`flow {_and: [{_or: [{name: {_eq: "b"}}, {name: {_eq: "c"}}]}, {_not: {name: {_eq: "c"}}}]}`: "b1",
		`flow {_not: {_or: [{name: {_eq: "b"}}, {name: {_eq: "c"}}]}}`:                               "a1 a2",
		// null collapse
		`flow {name: {_eq: null}, version: {_eq: 2}}`:                                          "a2",
		`flow {name: null, project: null, _and: null, _or: null, _not: null, tasks: null}`:     "a1 a2 b1 c1",
		`flow {_and: {name: {_eq: null}, version: {_eq: null}, project: {name: {_eq: null}}}}`: "a1 a2 b1 c1",
		`flow {name: {_in: null, _nin: null, _is_null: null, _like: null, _gt: null}}`:         "a1 a2 b1 c1",
		`flow {_or: [{name: {_eq: null}}, {name: {_eq: "b"}}]}`:                                "a1 a2 b1 c1",
		`flow {serialized_flow: {_contains: null, _has_key: null}}`:                            "a1 a2 b1 c1",
		// a column that is null satisfies no comparison
		`flow {description: {_is_null: true}}`:                "a2 b1 c1",
		`flow {description: {_is_null: false}}`:               "a1",
		`flow {description: {_neq: "x"}}`:                     "a1",
		`flow {description: {_nin: ["x"]}}`:                   "a1",
		`flow {description: {_nin: []}}`:                      "a1 a2 b1 c1",
		`flow {_not: {description: {_eq: "x"}}}`:              "a1",
		`flow {schedule: {_is_null: true}, name: {_eq: "b"}}`: "b1",
		// patterns
		`flow {description: {_like: "Say%"}}`:                "a1",
		`flow {description: {_like: "say%"}}`:                "",
		`flow {description: {_ilike: "say%"}}`:               "a1",
		`flow {description: {_like: "Say 100\\% _really_"}}`: "a1",
		`flow {description: {_like: "Say 1000 *really*"}}`:   "",
		`flow {description: {_like: "%*really*"}}`:           "a1",
		`flow {description: {_like: "%[r]eally*"}}`:          "",
		`flow {description: {_nlike: "Nay%"}}`:               "a1",
		`flow {description: {_nilike: "SAY%"}}`:              "",
		`flow {name: {_like: "_"}}`:                          "a1 a2 b1 c1",
		// relations: to one, to many, through several
		`flow {project: {name: {_eq: "q"}}}`:                                              "c1",
		`flow {project: {name: {_is_null: true}}}`:                                        "",
		`flow {project: {}}`:                                                              "a1 a2 b1 c1",
		`flow {tasks: {slug: {_eq: "z"}}}`:                                                "a2",
		`flow {tasks: {}}`:                                                                "a1 a2 b1",
		`flow {_not: {tasks: {}}}`:                                                        "c1",
		`flow {project: {flows: {name: {_eq: "b"}}}}`:                                     "a1 a2 b1",
		`flow {flow_runs: {logs: {level: {_eq: "ERROR"}}}}`:                               "a2",
		`flow {edges: {downstream_task: {slug: {_eq: "z"}}, key: {_eq: "x"}}}`:            "a2",
		`flow {tenant: {slug: {_eq: "default"}}, flow_group: {labels: {_is_null: true}}}`: "a1 a2 b1 c1",
		// flow runs, by name
		`flow_run {state: {_eq: "Running"}}`:                                                                                            "Running",
		`flow_run {state: {_in: ["Running", "Success"]}}`:                                                                               "Running Success",
		`flow_run {start_time: {_is_null: false}}`:                                                                                      "Running",
		`flow_run {state_start_time: {_lte: "2022-01-31T10:08:08.5+01:00"}}`:                                                            "Scheduled",
		`flow_run {state_start_time: {_lte: "2022-01-31 09:08:08.5"}}`:                                                                  "Scheduled",
		`flow_run {state_start_time: {_lt: "2022-01-31T09:08:07Z"}}`:                                                                    "",
		`flow_run {logs: {message: {_eq: "one"}}}`:                                                                                      "Scheduled",
		`flow_run {task_runs: {state: {_eq: "Pending"}, task: {slug: {_eq: "z"}}}}`:                                                     "Running Scheduled Success",
		`flow_run {_or: [{state: {_eq: "Scheduled"}}, {state: {_eq: "Running"}, task_runs: {state_start_time: {_lte: "2022-01-31"}}}]}`: "Scheduled",
		// jsonb
		`flow_run {parameters: {_contains: {who: {last: "Running"}}}}`:   "Running",
		`flow_run {parameters: {_contains: {n: 1}}}`:                     "Running Scheduled Success",
		`flow_run {parameters: {_contains: {list: ["two", {k: null}]}}}`: "Running Scheduled Success",
		`flow_run {parameters: {_contains: {list: [3]}}}`:                "",
		`flow_run {parameters: {_has_key: "who"}}`:                       "Running Scheduled Success",
		`flow_run {parameters: {_has_keys_any: ["nope", "n"]}}`:          "Running Scheduled Success",
		`flow_run {parameters: {_has_keys_all: ["nope", "n"]}}`:          "",
		`flow_run {parameters: {_has_keys_all: []}}`:                     "Running Scheduled Success",
		`flow_run {parameters: {_has_keys_any: []}}`:                     "",
		`flow_run {serialized_state: {_contained_in: {type: "Success", message: "Success.", context: {tags: []}, cached_inputs: {}, _result: {type: "NoResultType"}, __version__: "1.4.1", more: 1}}}`: "Success",
		`flow_run {labels: {_eq: []}}`:                   "Running Scheduled Success",
		`flow_run {labels: {_neq: []}}`:                  "",
		`flow_run {labels: {_in: [["a"], []]}}`:          "Running Scheduled Success",
		`flow_run {labels: {_nin: [[]]}}`:                "",
		`flow_run {run_config: {_has_key: "x"}}`:         "",
		`flow_run {_not: {run_config: {_has_key: "x"}}}`: "",
	} {
		t.Run(where, func(t *testing.T) {
			table, condition, _ := strings.Cut(where, " ")
			query := map[string]string{
				"flow":     "{ rows: flow(where: %s, order_by: [{name: asc}, {version: asc}]) { name version } }",
				"flow_run": "{ rows: flow_run(where: %s, order_by: {name: asc}) { name } }",
			}[table]
			var got []string
			for _, row := range a.read(fmt.Sprintf(query, condition))["rows"].([]any) {
				name := get(t, row, "name").(string)
				if version, ok := row.(m)["version"]; ok {
					name += fmt.Sprint(version)
				}
				got = append(got, name)
			}
			assert.Equal(t, strings.Join(got, " "), want)
		})
	}
}

func TestConditionsInVariables(t *testing.T) {
	a := library(t)
	for _, test := range []struct {
		query     string
		variables m
		want      []any
	}{
		{"query($w: flow_bool_exp) { flow(where: $w) { name } }", m{"w": m{"name": m{"_eq": "b"}}}, []any{"b"}},
		{"query($w: flow_bool_exp) { flow(where: $w) { name } }", m{"w": m{"_and": m{"name": m{"_in": "b"}}}}, []any{"b"}},
		{"query($w: flow_bool_exp, $n: Int) { flow(where: $w, limit: $n) { name } }", m{"w": m{"name": m{"_eq": "b"}}, "n": nil}, []any{"b"}},
		{"query($n: String) { flow(where: {name: {_eq: $n}, version: {_eq: 1}}, order_by: {name: desc}) { name } }", m{}, []any{"c", "b", "a"}},
		{"query($n: String = \"c\") { flow(where: {name: {_eq: $n}}) { name } }", nil, []any{"c"}},
		{"query($n: String = \"c\") { flow(where: {name: {_eq: $n}}) { name } }", m{"n": "b"}, []any{"b"}},
		{"query($n: [String!]) { flow(where: {name: {_in: $n}}) { name } }", m{"n": []any{"b"}}, []any{"b"}},
		{"query($n: String!) { flow(where: {name: {_in: [$n, \"x\"]}}) { name } }", m{"n": "b"}, []any{"b"}},
		{"query($p: jsonb) { flow: flow_run(where: {parameters: {_contains: $p}}) { name } }", m{"p": m{"who": m{"last": "Running"}}}, []any{"Running"}},
		{"query($t: timestamptz, $s: order_by = asc) { flow: flow_run(where: {created: {_gt: $t}}, order_by: {name: $s}, limit: 1) { name } }", m{"t": "2022-01-01"}, []any{"Running"}},
	} {
		got := a.read(test.query, test.variables)
		assert.Check(t, is.DeepEqual(pluck(t, got["flow"], "name"), test.want), test.query)
	}
}

func TestIDsInAnySpelling(t *testing.T) {
	a := library(t)
	id := a.tenant()
	plain := strings.ReplaceAll(id, "-", "")
	for _, spelling := range []string{id, strings.ToUpper(id), plain, "{" + id + "}", "urn:uuid:" + id} {
		got := a.read("query($id: uuid) { tenant(where: {id: {_eq: $id}}) { id } }", m{"id": spelling})
		assert.DeepEqual(t, pluck(t, got["tenant"], "id"), []any{id})
		assert.Check(t, get(t, a.read("query($id: uuid!) { tenant_by_pk(id: $id) { id } }", m{"id": spelling}), "tenant_by_pk", "id") == id)
	}
	assert.Assert(t, a.read("query($id: uuid!) { tenant_by_pk(id: $id) { id } }", m{"id": unknownID})["tenant_by_pk"] == nil)
}

func TestValuesThatCannotBeCompared(t *testing.T) {
	a := newAPI(t)
	for where, want := range map[string]string{
		`id: {_eq: "abc"}`:                                     `invalid input syntax for type uuid: "abc"`,
		`id: {_in: ["abc"]}`:                                   `invalid input syntax for type uuid: "abc"`,
		`id: {_eq: 5}`:                                         `invalid input syntax for type uuid: "5"`,
		`created: {_gt: "2022-13-01"}`:                         `invalid input syntax for type timestamp with time zone: "2022-13-01"`,
		`created: {_gt: 5}`:                                    `invalid input syntax for type timestamp with time zone: "5"`,
		`version: {_eq: 99999999999}`:                          `value 99999999999 is out of range for type integer`,
		`tasks: {retry_delay: {_gt: "soon"}}`:                  `invalid input syntax for type interval: "soon"`,
		`name: {_regex: "("}`:                                  "invalid regular expression: missing closing ): `(`",
		`name: {_iregex: "` + strings.Repeat(".", 2000) + `"}`: `the regular expression is longer than 1000 characters`,
		`name: {_like: "` + strings.Repeat("%", 20_000) + `"}`: `the pattern is longer than 10000 characters`,
	} {
		got := a.send("{ flow(where: {"+where+"}) { id } }", nil)
		assert.Check(t, is.Equal(got.status, 200))
		assert.Check(t, len(got.Errors) == 1 && got.Errors[0].Message == want, "%s: %s", where, got.body)
	}
	deep := strings.Repeat("{_not: ", 60) + "{}" + strings.Repeat("}", 60)
	got := a.send("{ flow(where: "+deep+") { id } }", nil)
	assert.Check(t, is.Contains(got.Errors[0].Message, "levels deep"))
}

func TestManyValues(t *testing.T) {
	a := library(t)
	ids := make([]any, 0, 40_000)
	for i := range 40_000 {
		ids = append(ids, fmt.Sprintf("00000000-0000-4000-8000-%012d", i))
	}
	ids = append(ids, a.tenant())
	start := time.Now()
	got := a.read("query($ids: [uuid!]) { tenant(where: {id: {_in: $ids}}) { slug } }", m{"ids": ids})
	assert.DeepEqual(t, pluck(t, got["tenant"], "slug"), []any{"default"})
	assert.Check(t, time.Since(start) < 30*time.Second)

	var conditions []any
	for i := range 3000 {
		conditions = append(conditions, m{"name": m{"_eq": fmt.Sprint(i)}})
	}
	got = a.read("query($w: flow_bool_exp) { flow(where: $w) { name } }", m{"w": m{"_or": append(conditions, m{"name": m{"_eq": "b"}})}})
	assert.DeepEqual(t, pluck(t, got["flow"], "name"), []any{"b"})
}

func TestValuesAreBoundAndNeverPartOfTheSQL(t *testing.T) {
	a := library(t)
	for _, text := range []string{`'`, `"`, `' OR 1=1 --`, `\`, "a\x00b", `?1`, `%`, `👋`, `'; DROP TABLE flow; --`} {
		flow := flowOf(text, "x")
		a.register("p", flow)
		got := a.read("query($n: String) { flow(where: {name: {_eq: $n}}) { name } }", m{"n": text})
		assert.DeepEqual(t, pluck(t, got["flow"], "name"), []any{strings.ReplaceAll(text, "\x00", "\uFFFD")})
	}
}
