package server

import (
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestOrders(t *testing.T) {
	a := library(t)
	for name, test := range map[string]struct{ query, want string }{
		"one key":                        {"flow(order_by: {name: desc}, where: {version: {_eq: 1}}) { name }", "c b a"},
		"keys count as written":          {"flow(order_by: {name: asc, version: desc}) { name version }", "a2 a1 b1 c1"},
		"and not as declared":            {"flow(order_by: {version: desc, name: asc}) { name version }", "a2 a1 b1 c1"},
		"nor alphabetically":             {"flow(order_by: {version: asc, name: desc}) { name version }", "c1 b1 a1 a2"},
		"a list":                         {"flow(order_by: [{version: desc}, {name: desc}]) { name version }", "a2 c1 b1 a1"},
		"null and empty":                 {"flow(order_by: [{}, {name: null, version: desc}], limit: 1) { name version }", "a2"},
		"no order":                       {"flow(order_by: null, limit: null, offset: null, distinct_on: null, where: {name: {_eq: \"b\"}}) { name }", "b"},
		"nulls are last ascending":       {"flow_run(order_by: {start_time: asc, name: asc}, limit: 9) { name }", "Running Scheduled Success"},
		"nulls are first descending":     {"flow_run(order_by: {start_time: desc, name: asc}, limit: 9) { name }", "Scheduled Success Running"},
		"nulls first":                    {"flow_run(order_by: {start_time: asc_nulls_first, name: asc}, limit: 9) { name }", "Scheduled Success Running"},
		"nulls last":                     {"flow_run(order_by: {start_time: desc_nulls_last, name: asc}, limit: 9) { name }", "Running Scheduled Success"},
		"by a related row":               {"flow(order_by: {project: {name: desc}, name: asc, version: asc}) { name version }", "c1 a1 a2 b1"},
		"by a row related to that":       {"task(order_by: {flow: {project: {name: desc}, name: desc, version: desc}, slug: desc}) { name: slug }", "x z y x y x"},
		"by a number of rows":            {"flow(order_by: {flow_runs_aggregate: {count: desc}, name: desc, version: asc}, limit: 2) { name version }", "a2 c1"},
		"by their largest value":         {"flow(order_by: {tasks_aggregate: {max: {slug: desc_nulls_last}}, version: asc, name: asc}) { name version }", "a2 a1 b1 c1"},
		"by their sum and mean":          {"flow(order_by: [{tasks_aggregate: {sum: {max_retries: desc_nulls_last}}}, {tasks_aggregate: {avg: {max_retries: asc}}}, {name: asc}]) { name version }", "a2 a1 b1 c1"},
		"by figures of a related row":    {"task(order_by: {flow: {flow_runs_aggregate: {count: asc}, name: desc, version: asc}, slug: asc}, offset: 1) { name: slug }", "x y x y z"},
		"limit and offset":               {"flow(order_by: {name: asc, version: asc}, limit: 2, offset: 1) { name version }", "a2 b1"},
		"offset alone":                   {"flow(order_by: {name: asc, version: asc}, offset: 3) { name version }", "c1"},
		"limit 0":                        {"flow(limit: 0) { name }", ""},
		"distinct before limit":          {"flow(order_by: {name: asc, version: desc}, distinct_on: name, limit: 2) { name version }", "a2 b1"},
		"distinct, the other way":        {"flow(order_by: {name: desc, version: asc}, distinct_on: [name]) { name version }", "c1 b1 a1"},
		"distinct without an order":      {"flow(distinct_on: version) { version }", "1 2"},
		"limit of rows with related one": {"flow(order_by: {name: desc}, limit: 2, where: {version: {_eq: 1}}) { name project { name } }", "c b"},
	} {
		t.Run(name, func(t *testing.T) {
			list, _, _ := strings.Cut(test.query, "(")
			var got []string
			for _, row := range a.read("{ " + test.query + " }")[list].([]any) {
				text := ""
				for _, name := range []string{"name", "version"} {
					if value, ok := row.(m)[name]; ok {
						text += fmt.Sprint(value)
					}
				}
				got = append(got, text)
			}
			assert.Equal(t, strings.Join(got, " "), test.want)
		})
	}
}

func TestTheOrderOfKeysInAVariableCounts(t *testing.T) {
	a := library(t)
	for order, want := range map[string][]any{
		`{"name": "asc", "version": "desc"}`:                             {"a2", "a1", "b1", "c1"},
		`{"version": "asc", "name": "desc"}`:                             {"c1", "b1", "a1", "a2"},
		`[{"version": "desc"}, {"name": "asc"}]`:                         {"a2", "a1", "b1", "c1"},
		`{"project": {"name": "desc"}, "name": "asc", "version": "asc"}`: {"c1", "a1", "a2", "b1"},
	} {
		for _, variables := range []string{`{"o": ` + order + `}`, fmt.Sprintf("%q", `{"o": `+order+`}`)} {
			got := a.post(`{"query": "query($o: [flow_order_by!]) { flow(order_by: $o) { name version } }", "variables": ` + variables + `}`)
			var rows []any
			for _, row := range got.Data["flow"].([]any) {
				rows = append(rows, fmt.Sprint(row.(m)["name"], row.(m)["version"]))
			}
			assert.Check(t, is.DeepEqual(rows, want), variables)
		}
	}
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	a := newAPI(t)
	for _, arguments := range []string{"limit: -1", "offset: -5"} {
		got := a.send("{ flow("+arguments+") { id } }", nil)
		assert.Check(t, got.status == 200 && strings.Contains(got.Errors[0].Message, "must be a number from 0"), got.body)
	}
}

func TestSelections(t *testing.T) {
	a := library(t)
	for query, want := range map[string]string{
		// aliases, also of the same field with different arguments
		`{ one: flow(where: {name: {_eq: "b"}}) { n: name name } two: flow(where: {name: {_eq: "c"}}) { name } }`:                                                              `{"one":[{"n":"b","name":"b"}],"two":[{"name":"c"}]}`,
		`{ project(where: {name: {_eq: "p"}}) { a: flows(where: {name: {_eq: "a"}}, order_by: {version: asc}) { version } b: flows(where: {name: {_eq: "b"}}) { version } } }`: `{"project":[{"a":[{"version":1},{"version":2}],"b":[{"version":1}]}]}`,
		// fragments, @skip and @include, __typename at all levels
		`query { flow(where: {name: {_eq: "b"}}) { ...f ... on flow { project { __typename name } } ... { v: version } } } fragment f on flow { __typename name }`: `{"flow":[{"__typename":"flow","name":"b","project":{"__typename":"project","name":"p"},"v":1}]}`,
		`query($no: Boolean = false) { flow(where: {name: {_eq: "b"}}) { name @include(if: $no) version @skip(if: $no) project @include(if: $no) { name } } }`:     `{"flow":[{"version":1}]}`,
		`{ __typename flow(limit: 0) { id } }`: `{"__typename":"Query","flow":[]}`,
		// selections of the same field are merged
		`{ flow(where: {name: {_eq: "b"}}) { project { name } project { name tenant { slug } } } }`: `{"flow":[{"project":{"name":"p","tenant":{"slug":"default"}}}]}`,
		// to one, null
		`{ flow_run(where: {name: {_eq: "Success"}}) { agent { id } flow { name } } }`: `{"flow_run":[{"agent":null,"flow":{"name":"a"}}]}`,
		`{ flow_by_pk(id: "` + unknownID + `") { id } }`:                               `{"flow_by_pk":null}`,
		// to many: filtered, ordered, limited, nested
		`{ flow_run(where: {name: {_eq: "Scheduled"}}) { logs(order_by: {message: desc}) { message level } } }`:               `{"flow_run":[{"logs":[{"message":"two","level":"ERROR"},{"message":"one","level":"INFO"}]}]}`,
		`{ flow_run(where: {name: {_eq: "Scheduled"}}) { logs(order_by: {message: asc}, limit: 1, offset: 1) { message } } }`: `{"flow_run":[{"logs":[{"message":"two"}]}]}`,
		`{ flow_run(where: {name: {_eq: "Success"}}) { logs { message } } }`:                                                  `{"flow_run":[{"logs":[]}]}`,
		`{ project(order_by: {name: asc}) { flows(order_by: {name: asc, version: desc}, distinct_on: name) { name version tasks(order_by: {slug: desc}, limit: 1) { slug flow { name } } } } }`: `{"project":[` +
			`{"flows":[{"name":"a","version":2,"tasks":[{"slug":"z","flow":{"name":"a"}}]},{"name":"b","version":1,"tasks":[{"slug":"x","flow":{"name":"b"}}]}]},` +
			`{"flows":[{"name":"c","version":1,"tasks":[]}]}]}`,
		// columns of all types
		`{ flow(where: {name: {_eq: "a"}, version: {_eq: 1}}) { archived is_schedule_active schedule settings parameters description version } }`: `{"flow":[{"archived":true,"is_schedule_active":false,"schedule":null,"settings":{},"parameters":[],"description":"Say 100% *really*","version":1}]}`,
		`{ task(where: {slug: {_eq: "z"}}) { max_retries retry_delay trigger tags mapped is_root_task is_terminal_task is_reference_task } }`:     `{"task":[{"max_retries":2,"retry_delay":null,"trigger":"prefect.triggers.all_successful","tags":[],"mapped":false,"is_root_task":false,"is_terminal_task":true,"is_reference_task":true}]}`,
		// paths into jsonb
		`{ flow_run(where: {name: {_eq: "Running"}}) { a: parameters(path: "$.who.last") b: parameters(path: "list[1]") c: parameters(path: "nope.x") d: parameters(path: "$[\"who\"]['first']") e: parameters(path: null) @skip(if: true) f: parameters(path: "list[2]") } }`: `{"flow_run":[{"a":"Running","b":"two","c":null,"d":"Ann","f":{"k":null}}]}`,
		// figures
		`{ flow_aggregate { aggregate { count } } }`: `{"flow_aggregate":{"aggregate":{"count":4}}}`,
		`{ flow_aggregate(where: {name: {_eq: "a"}}) { __typename aggregate { __typename count max { version name __typename } min { version created @skip(if: true) } } nodes { version } } }`:                            `{"flow_aggregate":{"__typename":"flow_aggregate","aggregate":{"__typename":"flow_aggregate_fields","count":2,"max":{"version":2,"name":"a","__typename":"flow_max_fields"},"min":{"version":1}},"nodes":[{"version":1},{"version":2}]}}`,
		`{ flow_aggregate(where: {name: {_eq: "x"}}) { __typename aggregate { count max { version } } nodes { id } } }`:                                                                                                    `{"flow_aggregate":{"__typename":"flow_aggregate","aggregate":{"count":0,"max":{"version":null}},"nodes":[]}}`,
		`{ flow_aggregate(where: {name: {_eq: "x"}}) { __typename } }`:                                                                                                                                                     `{"flow_aggregate":{"__typename":"flow_aggregate"}}`,
		`{ flow_aggregate { aggregate { all: count a: count(columns: description) b: count(columns: name, distinct: true) c: count(columns: [name, version], distinct: true) d: count(columns: [name, description]) } } }`: `{"flow_aggregate":{"aggregate":{"all":4,"a":1,"b":3,"c":4,"d":4}}}`,
		`{ flow_aggregate(limit: 2, order_by: {name: desc}) { aggregate { count min { name } } nodes { name project { name } } } }`:                                                                                        `{"flow_aggregate":{"aggregate":{"count":2,"min":{"name":"b"}},"nodes":[{"name":"c","project":{"name":"q"}},{"name":"b","project":{"name":"p"}}]}}`,
		`{ flow_aggregate(where: {name: {_eq: "a"}}) { aggregate { sum { version __typename } avg { version } } } }`:                                                                                                       `{"flow_aggregate":{"aggregate":{"sum":{"version":3,"__typename":"flow_sum_fields"},"avg":{"version":1.5}}}}`,
		`{ flow_aggregate(where: {name: {_eq: "x"}}) { aggregate { sum { version } avg { version } } } }`:                                                                                                                  `{"flow_aggregate":{"aggregate":{"sum":{"version":null},"avg":{"version":null}}}}`,
		`{ project(order_by: {name: asc}) { name flows_aggregate(distinct_on: name) { aggregate { count } } } }`:                                                                                                           `{"project":[{"name":"p","flows_aggregate":{"aggregate":{"count":2}}},{"name":"q","flows_aggregate":{"aggregate":{"count":1}}}]}`,
		`{ project(order_by: {name: asc}) { flows_aggregate(where: {archived: {_eq: false}}, order_by: {name: desc}) { aggregate { count } nodes { name tasks_aggregate { aggregate { count } } } } } }`:                   `{"project":[{"flows_aggregate":{"aggregate":{"count":2},"nodes":[{"name":"b","tasks_aggregate":{"aggregate":{"count":1}}},{"name":"a","tasks_aggregate":{"aggregate":{"count":3}}}]}},{"flows_aggregate":{"aggregate":{"count":1},"nodes":[{"name":"c","tasks_aggregate":{"aggregate":{"count":0}}}]}}]}`,
	} {
		t.Run(query, func(t *testing.T) {
			got := a.send(query, nil)
			assert.Equal(t, got.body, `{"data":`+want+`}`)
		})
	}
}

func TestWideAndDeepSelections(t *testing.T) {
	a := library(t)
	var wide strings.Builder
	for i := range 600 {
		fmt.Fprintf(&wide, "f%d: name p%d: project { name } ", i, i)
	}
	got := a.read(`{ flow(where: {name: {_eq: "b"}}) { ` + wide.String() + ` } }`)
	assert.Equal(t, len(get(t, got, "flow", 0).(m)), 1200)

	deep := strings.Repeat("flows(order_by: {name: asc}, limit: 1) { project { ", 3) + "name" + strings.Repeat(" } }", 3)
	got = a.read(`{ project(order_by: {name: asc}, limit: 1) { ` + deep + ` } }`)
	assert.Equal(t, get(t, got, "project", 0, "flows", 0, "project", "flows", 0, "project", "flows", 0, "project", "name"), "p")
}
