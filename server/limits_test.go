package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// logBatch is a request as Prefect's client sends its logs: lines of up to a million characters, each escaped.
func logBatch(t *testing.T, flowRun, line string, lines int) string {
	t.Helper()
	escaped := strings.Trim(fmt.Sprintf("%+q", line), `"`) // as Python does: all in ASCII
	logs := make([]string, lines)
	for i := range logs {
		logs[i] = `{"flow_run_id": "` + flowRun + `", "message": "` + escaped + `"}`
	}
	variables, err := json.Marshal(`{"input": {"logs": [` + strings.Join(logs, ", ") + `]}}`)
	assert.NilError(t, err)
	return `{"query": "mutation($input: write_run_logs_input!) { write_run_logs(input: $input) { success } }", "variables": ` + string(variables) + `}`
}

func TestLogsMayBeLargerThanOtherRequests(t *testing.T) {
	const line = 999_000 // characters at most, in a script that the client escapes: 7 bytes each; a batch may have four
	assert.Assert(t, line*7 > maxBody && 4*line*7 < maxLogBody)
	a := newAPI(t)
	run := a.run(a.register("p", flowOf("f", "a")))
	// Sizes that are less work.
	const maxBody, maxLogBody, characters = 1 << 20, 8 << 20, 200_000
	a.server.bodies.most, a.server.bodies.mostOfLogs = maxBody, maxLogBody
	batch := logBatch(t, run, strings.Repeat("界", characters), 1)
	assert.Assert(t, len(batch) > maxBody && 4*len(batch) < maxLogBody, "%d", len(batch))
	assert.Equal(t, a.post(batch).body, `{"data":{"write_run_logs":{"success":true}}}`)
	stored := a.read(`query($id: uuid!) { log(where: {flow_run_id: {_eq: $id}}) { message } }`, m{"id": run})["log"].([]any)
	assert.Equal(t, len(stored), 1)
	assert.Equal(t, get(t, stored, 0, "message"), strings.Repeat("界", characters))

	const tooLarge = "The request is larger than 1 MB (8 MB if it only writes logs)."
	text := strings.Repeat("x", maxBody)
	logs := strings.TrimSuffix(logBatch(t, run, text, 1), "}")
	for name, body := range map[string]string{
		"a query":                      `{"query": "query($n: String) { flow(where: {name: {_eq: $n}}) { id } }", "variables": {"n": "` + text + `"}}`,
		"what is no query":             `{"query": "` + text + `"}`,
		"logs and something else":      strings.Replace(logs, "{ success } }", "{ success } delete_flow(input: {flow_id: \\\"x\\\"}) { success } }", 1) + "}",
		"something else with logs":     strings.Replace(logs, "mutation(", "query x { hello } mutation logs(", 1) + `, "operationName": "x"}`,
		"anything beyond that of logs": `{"query": "` + strings.Repeat(" ", maxLogBody) + `"}`,
	} {
		got := a.post(body)
		assert.Check(t, is.Equal(got.status, http.StatusBadRequest), name)
		assert.Assert(t, is.Len(got.Errors, 1), "%s: %.200s", name, got.body)
		assert.Check(t, is.Equal(got.Errors[0].Message, tooLarge), name)
	}
	unknownLength := io.MultiReader(strings.NewReader(`{"query": "`), strings.NewReader(strings.Repeat(" ", maxLogBody)), strings.NewReader(`"}`))
	assert.Equal(t, a.postFrom(unknownLength).Errors[0].Message, tooLarge)
	fits := `{"query": "{ hello }", "variables": {"n": "` + strings.Repeat("x", maxBody-200) + `"}}`
	assert.Equal(t, a.post(fits).body, `{"data":{"hello":"👋"}}`)
	// Aliases and fragments do not hide what an operation does.
	mixed := strings.Replace(logs, "{ write_run_logs(input: $input) { success } }", "{ ...f ...f a: write_run_logs(input: $input) { success } } fragment f on Mutation { write_run_logs(input: $input) { success } }", 1) + "}"
	assert.Equal(t, a.post(mixed).body, `{"data":{"write_run_logs":{"success":true},"a":{"success":true}}}`)
}

func TestFewLargeRequestsAreInMemoryAtATime(t *testing.T) {
	b := newBodies()
	b.large = make(chan struct{}, 1)
	request := func(size int) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size)))
		assert.NilError(t, err)
		return r
	}
	body, done, err := b.read(request(maxBody + 1))
	assert.NilError(t, err)
	assert.Equal(t, len(body), maxBody+1)

	_, small, err := b.read(request(maxBody)) // does not wait
	assert.NilError(t, err)
	small()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, none, err := b.read(request(maxBody + 1).WithContext(ctx)) // waits in vain
	assert.ErrorIs(t, err, errUnreadable)
	none()
	done()
	_, done, err = b.read(request(maxBody + 1))
	assert.NilError(t, err)
	done()
}

// What graphql-depth-limit 1.1.0 counts for each of these was tried.
func TestDepthIsCountedAsByTheGateway(t *testing.T) {
	nested := func(depth int, leaf string) string {
		return strings.Repeat("flow { ", depth) + leaf + strings.Repeat(" }", depth)
	}
	for query, want := range map[string]int{
		"{ hello }":                   0,
		"{ flow { id } }":             1,
		"{ " + nested(7, "id") + " }": 7,
		"{ " + nested(8, "id") + " }": 8,
		"{ hello a: flow { id } " + nested(3, "id") + " b: flow { id } }":                                      3,
		"{ " + nested(2, "... on flow { flow { ... { id } } }") + " }":                                         3,
		"{ ...a } fragment a on Query { flow { ...b } } fragment b on flow { flow { id } }":                    2,
		"{ __schema { types { fields { type { ofType { ofType { ofType { ofType { name } } } } } } } } }":      0,
		"{ __type(name: \"x\") { name } " + nested(2, "__typename") + " }":                                     2,
		"mutation { delete_flow(input: {flow_id: \"x\"}) { success } }":                                        1,
		"{ ...a } " + fragmentBomb(60) + " fragment f60 on flow { flow { id } } fragment a on Query { ...f0 }": 1,
	} {
		document, err := parser.ParseQuery(&ast.Source{Input: query})
		assert.NilError(t, err)
		for _, fragment := range document.Fragments { // as validation does
			resolve(document, fragment.SelectionSet)
		}
		resolve(document, document.Operations[0].SelectionSet)
		assert.Check(t, is.Equal(selectionDepth(document.Operations[0].SelectionSet), want), query)
	}

	a := newAPI(t)
	relations := func(n int) string { // each two levels
		return strings.Repeat("flows { project { ", n) + "name" + strings.Repeat(" } }", n)
	}
	assert.Equal(t, len(a.send("{ project { "+relations(3)+" } }", nil).Errors), 0) // 7
	for query, depth := range map[string]int{
		"{ project { " + strings.Replace(relations(3), "name", "tenant { name }", 1) + " } }": 8,
		"{ project { " + relations(4) + " } }":                                                9,
	} {
		got := a.send(query, nil)
		assert.Equal(t, got.status, http.StatusBadRequest)
		assert.Equal(t, got.body, fmt.Sprintf(`{"errors":[{"message":"The query nests objects %d levels deep; at most 7 are answered.",`+
			`"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}`, depth), query)
	}
}

// fragmentBomb is n fragments each of which contains the next twice.
func fragmentBomb(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "fragment f%d on flow { ...f%d ...f%d } ", i, i+1, i+1)
	}
	return text.String()
}

func resolve(document *ast.QueryDocument, selection ast.SelectionSet) {
	for _, selected := range selection {
		switch selected := selected.(type) {
		case *ast.Field:
			resolve(document, selected.SelectionSet)
		case *ast.InlineFragment:
			resolve(document, selected.SelectionSet)
		case *ast.FragmentSpread:
			selected.Definition = document.Fragments.ForName(selected.Name)
		}
	}
}

func TestListsThatGrowWithEveryRunNeedALimitOrAComparison(t *testing.T) {
	a := newAPI(t)
	fine := []string{
		`flow_run(limit: 5) { id }`,
		`flow_run(limit: 0) { id }`,
		`flow_run(where: {name: {_eq: "x"}}) { id task_runs { id states { id } } logs { id } }`,
		`flow_run(where: {_and: {flow: {name: {_eq: "x"}}, name: {_eq: null}}}) { id }`,
		`flow_run(where: {_or: [{name: {_eq: "x"}}, {state: {_in: []}}]}) { id }`,
		`flow_run(where: {_or: []}) { id }`,
		`flow_run(where: {_not: {state: {_eq: "Success"}}}) { id }`,
		`flow_run(where: {start_time: {_is_null: false}}) { id }`,
		`flow_run_by_pk(id: "` + unknownID + `") { id task_runs { id logs { id } } states { id } }`,
		`flow_run_aggregate { aggregate { count } }`,
		`flow_run_aggregate(where: {name: {_eq: "x"}}) { aggregate { count } nodes { id } }`,
		`task_run_aggregate(limit: 3) { nodes { id } }`,
		`project { flows { name flow_group { name } tasks { slug } } }`,
		`project { flows { flow_runs(limit: 3) { id logs { message } } } }`,
		`flow(where: {id: {_eq: "` + unknownID + `"}}) { flow_runs { id } }`,
		`tenant { id projects { id } } agent { id } agent_config { id } edge { id } flow_group { id }`,
	}
	for _, query := range fine {
		got := a.send("{ "+query+" }", nil)
		assert.Check(t, got.status == http.StatusOK && len(got.Errors) == 0, "%s: %s", query, got.body)
	}
	for query, whose := range map[string]string{
		`flow_run { id }`:                    "flow_run",
		`runs: flow_run(limit: null) { id }`: "flow_run",
		`flow_run(offset: 5, order_by: {created: desc}, distinct_on: name) { id }`: "flow_run",
		`flow_run(where: {}) { id }`:                                               "flow_run",
		`flow_run(where: null) { id }`:                                             "flow_run",
		`flow_run(where: {name: {_eq: null}, id: {}}) { id }`:                      "flow_run",
		`flow_run(where: {flow: {project: {name: {_eq: null}}}}) { id }`:           "flow_run",
		`flow_run(where: {_and: []}) { id }`:                                       "flow_run",
		`flow_run(where: {_and: {name: null, _or: [{name: {_eq: null}}]}}) { id }`: "flow_run",
		`flow_run(where: {_or: [{name: {_eq: "x"}}, {}]}) { id }`:                  "flow_run",
		`task_run { id }`:                     "task_run",
		`log { id }`:                          "log",
		`flow_run_state { id }`:               "flow_run_state",
		`task_run_state { id }`:               "task_run_state",
		`task_run_artifact { id }`:            "task_run_artifact",
		`message { id }`:                      "message",
		`flow_run_aggregate { nodes { id } }`: "nodes",
		`flow_run_aggregate { aggregate { count } ... on flow_run_aggregate { nodes { id } } }`: "nodes",
		`flow { flow_runs { id } }`:                        "flow_runs",
		`project { flows { tasks { task_runs { id } } } }`: "task_runs",
	} {
		got := a.send("{ "+query+" }", nil)
		assert.Check(t, is.Equal(got.status, http.StatusOK), query)
		assert.Assert(t, is.Len(got.Errors, 1), "%s: %s", query, got.body)
		assert.Check(t, strings.HasPrefix(got.Errors[0].Message, whose+" would read every row of "), "%s: %s", query, got.body)
		assert.Check(t, strings.HasSuffix(got.Errors[0].Message, ": give it a limit, or a where with a comparison."), got.body)
		assert.Check(t, is.Equal(got.Errors[0].Extensions["code"], codeBadInput))
	}
	got := a.send(`query($limit: Int, $where: flow_run_bool_exp) { flow_run(limit: $limit, where: $where) { id } }`, m{"where": m{"name": m{"_eq": nil}}})
	assert.Equal(t, len(got.Errors), 1, got.body)
	a.read(`query($limit: Int, $where: flow_run_bool_exp) { flow_run(limit: $limit, where: $where) { id } }`, m{"where": m{"name": m{"_eq": "x"}}})
	a.read(`query($limit: Int = 5, $where: flow_run_bool_exp) { flow_run(limit: $limit, where: $where) { id } }`)
}

// manyStates gives a run as many states as a list without limit may have.
func manyStates(t *testing.T, n int) (a *api, run string) {
	t.Helper()
	a = newAPI(t)
	run = a.run(a.register("p", flowOf("f", "a"))) // has a state, the first
	a.sql(`INSERT INTO flow_run_state (id, created, updated, flow_run_id, timestamp, state, message, serialized_state, version)
		WITH RECURSIVE count_up(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM count_up WHERE n < CAST(? AS INTEGER))
		SELECT '00000000-0000-4000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2), created, created, id, created, 'Running', 'Working.', '{}', n
		FROM flow_run CROSS JOIN count_up`, n)
	return a, run
}

func TestListsThatAreTooLongAreRefusedNotCut(t *testing.T) {
	const maxRows = 1000
	a, run := manyStates(t, maxRows)
	a.server.store.maxRows = maxRows
	all := `query($run: uuid!) { flow_run_state(where: {flow_run_id: {_eq: $run}}) { id } }`
	assert.Equal(t, len(a.read(all, m{"run": run})["flow_run_state"].([]any)), maxRows)

	a.setFlowRun(run, "Success")
	got := a.send(all, m{"run": run})
	assert.Equal(t, got.status, http.StatusOK)
	assert.Assert(t, is.Len(got.Errors, 1))
	assert.Equal(t, got.Errors[0].Message, "There are more than 1000 rows: give a limit, and an offset for the next ones, or a where.")
	assert.Equal(t, got.Errors[0].Extensions["code"], codeBadInput)
	assert.Assert(t, got.Data == nil)

	limited := strings.Replace(all, "state(", "state(limit: 1001, ", 1)
	assert.Equal(t, len(a.read(limited, m{"run": run})["flow_run_state"].([]any)), maxRows+1)
	count := get(t, a.read(`{ flow_run_state_aggregate { aggregate { count } } }`), "flow_run_state_aggregate", "aggregate", "count")
	assert.Equal(t, fmt.Sprint(count), fmt.Sprint(maxRows+1))
}

func TestAQueryThatTakesTooLongIsStopped(t *testing.T) {
	a, _ := manyStates(t, 20_000)
	a.server.store.readTime = 200 * time.Millisecond
	each := `flow_run { states(where: {message: {_ilike: "%nothing%"}}) { id } }` // looks at 20,000 rows
	queries := []string{
		`{ flow_run_state(limit: 100000) { ` + each + ` } }`,
		`{ flow_run_state_aggregate(limit: 100000) { nodes { ` + each + ` } } }`,
	}
	if postgresURL() == "" { // PostgreSQL finds out soon that there is nothing
		never := `{flow_run: {states: {flow_run: {states: {message: {_ilike: "%nothing%"}}}}}}`
		queries = append(queries,
			`{ flow_run_state(where: {_or: [{version: {_eq: 2}}, `+never+`]}, limit: 2) { id } }`, // has the first row at once
			`{ flow_run_state_aggregate(where: `+never+`) { aggregate { count } } }`)
	}
	for _, query := range queries {
		start := time.Now()
		got := a.send(query, nil)
		assert.Check(t, time.Since(start) < 5*time.Second, query)
		assert.Equal(t, got.status, http.StatusOK)
		assert.Assert(t, is.Len(got.Errors, 1), got.body)
		assert.Check(t, is.Equal(got.Errors[0].Message, "The query took longer than 200ms and was stopped: ask for less, with where or limit."))
		assert.Check(t, is.Equal(got.Errors[0].Extensions["code"], codeInternal))
	}
	a.read(`{ flow_run_state(limit: 1) { id } }`) // the connections still work
}
