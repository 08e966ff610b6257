package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"gotest.tools/v3/assert"
)

// api is a server under test, behind real HTTP.
type api struct {
	t      testing.TB
	place  Options // where its database is
	server *Server
	url    string
	clock  *atomic.Int64 // microseconds; advances by one whenever it is read, so that no two times are the same
}

func (a *api) now() time.Time             { return time.UnixMicro(a.clock.Add(1)) }
func (a *api) sleep(by time.Duration)     { a.clock.Add(by.Microseconds()) }
func (a *api) stamp(by time.Duration) any { return formatTime(time.UnixMicro(a.clock.Load()).Add(by)) }

// newAPI starts a server on a database of its own. Its clock starts in 2022.
func newAPI(t testing.TB, change ...func(*Options)) *api {
	t.Helper()
	place := newPlace(t)
	for _, f := range change {
		f(&place)
	}
	return openAPI(t, place)
}

// postgresURL names, in the environment, a PostgreSQL server for all tests to use instead of SQLite. `make postgres`
// runs them so.
func postgresURL() string { return os.Getenv("DOCKER_PREFECT_TEST_POSTGRES") }

// newPlace makes a place for a database that a test has for itself.
func newPlace(t testing.TB) Options {
	t.Helper()
	if postgresURL() == "" {
		return Options{DataDir: t.TempDir()}
	}
	admin, err := sql.Open("pgx", postgresURL())
	assert.NilError(t, err)
	schema := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err = admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	assert.NilError(t, err)
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		assert.Check(t, err)
		assert.Check(t, admin.Close())
	})
	place, err := url.Parse(postgresURL())
	assert.NilError(t, err)
	query := place.Query()
	query.Set("search_path", schema)
	place.RawQuery = query.Encode()
	return Options{Database: place.String()}
}

// onlySQLite leaves out a test of what only SQLite has, where tests use PostgreSQL.
func onlySQLite(t testing.TB) {
	t.Helper()
	if postgresURL() != "" {
		t.Skip("about SQLite")
	}
}

// sql changes the database behind the back of the server.
func (a *api) sql(text string, args ...any) {
	a.t.Helper()
	assert.NilError(a.t, a.server.store.write(a.t.Context(), func(ctx context.Context, tx *writeTx) error {
		_, err := tx.exec(ctx, text, args...)
		return err
	}))
}

func openAPI(t testing.TB, place Options) *api {
	t.Helper()
	a := &api{t: t, place: place, clock: &atomic.Int64{}}
	a.clock.Store(time.Date(2022, 1, 31, 9, 8, 7, 0, time.UTC).UnixMicro())
	place.Now = a.now
	server, err := Open(t.Context(), place)
	assert.NilError(t, err)
	listener := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		listener.Close()
		assert.Check(t, server.Close())
	})
	a.server, a.url = server, listener.URL
	return a
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Locations  []map[string]int
		Extensions map[string]any
	}
}

// post sends a body as it is.
func (a *api) post(body string, headers ...string) answer {
	a.t.Helper()
	return a.postFrom(strings.NewReader(body), headers...)
}

// postFrom sends what can be read from body; its length only if that is known beforehand.
func (a *api) postFrom(body io.Reader, headers ...string) answer {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.url+"/", body)
	assert.NilError(a.t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	assert.NilError(a.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	assert.NilError(a.t, err)
	got := answer{status: response.StatusCode, header: response.Header, body: string(raw)}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	assert.NilError(a.t, decoder.Decode(&got), "%s", raw)
	return got
}

// send sends a request the way Prefect's client does, with variables as a string.
func (a *api) send(query string, variables any, headers ...string) answer {
	a.t.Helper()
	text, err := json.Marshal(variables)
	assert.NilError(a.t, err)
	body, err := json.Marshal(map[string]any{"query": query, "variables": string(text)})
	assert.NilError(a.t, err)
	return a.post(string(body), headers...)
}

// read gives the data of a query that must succeed.
func (a *api) read(query string, variables ...any) map[string]any {
	a.t.Helper()
	var vars any
	if len(variables) > 0 {
		vars = variables[0]
	}
	got := a.send(query, vars)
	assert.Equal(a.t, len(got.Errors), 0, "%s\n%s", query, got.body)
	return got.Data
}

// do runs a mutation that must succeed and gives its payload.
func (a *api) do(name, selection string, input map[string]any, headers ...string) map[string]any {
	a.t.Helper()
	got := a.mutate(name, selection, input, headers...)
	assert.Equal(a.t, len(got.Errors), 0, "%s", got.body)
	payload, ok := got.Data[name].(map[string]any)
	assert.Assert(a.t, ok, "%s", got.body)
	return payload
}

func (a *api) mutate(name, selection string, input map[string]any, headers ...string) answer {
	a.t.Helper()
	return a.send("mutation($input: "+name+"_input!) { "+name+"(input: $input) { "+selection+" } }", map[string]any{"input": input}, headers...)
}

// refused runs a mutation that must fail as Prefect's client expects it, and gives the message.
func (a *api) refused(name string, input map[string]any, headers ...string) string {
	a.t.Helper()
	got := a.mutate(name, "__typename", input, headers...)
	assert.Equal(a.t, got.status, http.StatusOK)
	assert.Equal(a.t, len(got.Errors), 1, "%s", got.body)
	assert.Assert(a.t, got.Data[name] == nil)
	return got.Errors[0].Message
}

// get walks into decoded JSON: names of members and indexes of items.
func get(t testing.TB, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			members, ok := value.(map[string]any)
			assert.Assert(t, ok, "%v at %q of %v", value, step, path)
			value = members[step]
		case int:
			items, ok := value.([]any)
			assert.Assert(t, ok && step < len(items), "%v at %d of %v", value, step, path)
			value = items[step]
		}
	}
	return value
}

// pluck collects one member of each object of a list.
func pluck(t testing.TB, list any, name string) []any {
	t.Helper()
	values := []any{}
	items, ok := list.([]any)
	assert.Assert(t, ok, "%v is not a list", list)
	for _, item := range items {
		values = append(values, get(t, item, name))
	}
	return values
}

func compress(t testing.TB, document any) string {
	t.Helper()
	raw, err := json.Marshal(document)
	assert.NilError(t, err)
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, err = writer.Write(raw)
	assert.NilError(t, err)
	assert.NilError(t, writer.Close())
	return base64.StdEncoding.EncodeToString(buffer.Bytes())
}

type m = map[string]any

func (a *api) tenant() string {
	a.t.Helper()
	return get(a.t, a.read("{ tenant { id } }"), "tenant", 0, "id").(string)
}

func (a *api) project(name string) string {
	a.t.Helper()
	return a.do("create_project", "id", m{"tenant_id": a.tenant(), "name": name})["id"].(string)
}

// flow describes a flow with tasks of these slugs, each downstream of the one before it.
func flowOf(name string, slugs ...string) m {
	tasks, edges := []any{}, []any{}
	for i, slug := range slugs {
		tasks = append(tasks, m{
			"slug": slug, "name": slug, "type": "prefect.tasks.core.function.FunctionTask", "max_retries": i, "retry_delay": nil, "tags": []any{},
			"trigger": m{"fn": "prefect.triggers.all_successful", "kwargs": m{}}, "cache_key": nil, "auto_generated": false, "__version__": "1.4.1",
		})
		if i > 0 {
			edges = append(edges, m{"upstream_task": m{"slug": slugs[i-1]}, "downstream_task": m{"slug": slug}, "key": "x", "mapped": false})
		}
	}
	return m{
		"name": name, "type": "prefect.core.flow.Flow", "schedule": nil, "parameters": []any{}, "tasks": tasks, "edges": edges, "reference_tasks": []any{},
		"run_config": nil, "storage": m{"type": "Local"}, "environment": nil, "__version__": "1.4.1",
	}
}

// register stores a flow in a project, made if need be, and gives its id.
func (a *api) register(project string, flow m, more ...m) string {
	a.t.Helper()
	projectID := ""
	if found := pluck(a.t, a.read("query($n: String) { project(where: {name: {_eq: $n}}) { id } }", m{"n": project})["project"], "id"); len(found) > 0 {
		projectID = found[0].(string)
	} else {
		projectID = a.project(project)
	}
	input := m{"project_id": projectID, "serialized_flow": flow}
	for _, fields := range more {
		for name, value := range fields {
			input[name] = value
		}
	}
	return a.do("create_flow", "id", input)["id"].(string)
}

// run creates a flow run.
func (a *api) run(flow string, more ...m) string {
	a.t.Helper()
	input := m{"flow_id": flow}
	for _, fields := range more {
		for name, value := range fields {
			input[name] = value
		}
	}
	return a.do("create_flow_run", "id", input)["id"].(string)
}

// stateOf is a state as Prefect's client serialises it.
func stateOf(kind string, more ...m) m {
	s := m{"type": kind, "message": kind + ".", "context": m{"tags": []any{}}, "cached_inputs": m{}, "_result": m{"type": "NoResultType"}, "__version__": "1.4.1"}
	for _, fields := range more {
		for name, value := range fields {
			s[name] = value
		}
	}
	return s
}

func (a *api) setFlowRun(flowRun, kind string, more ...m) {
	a.t.Helper()
	got := a.do("set_flow_run_states", "states { id status message }", m{"states": []any{m{"flow_run_id": flowRun, "version": 1, "state": stateOf(kind, more...)}}})
	assert.DeepEqual(a.t, got, m{"states": []any{m{"id": flowRun, "status": "SUCCESS", "message": nil}}})
}

func (a *api) setTaskRun(taskRun, kind string, more ...m) {
	a.t.Helper()
	got := a.do("set_task_run_states", "states { id status message }", m{"states": []any{m{"task_run_id": taskRun, "state": stateOf(kind, more...)}}})
	assert.DeepEqual(a.t, got, m{"states": []any{m{"id": taskRun, "status": "SUCCESS", "message": nil}}})
}

// flowRun reads fields of a flow run.
func (a *api) flowRun(id, selection string) m {
	a.t.Helper()
	return get(a.t, a.read("query($id: uuid!) { flow_run_by_pk(id: $id) { "+selection+" } }", m{"id": id}), "flow_run_by_pk").(m)
}

// taskRuns gives the ids of the task runs of a flow run by the slugs of their tasks.
func (a *api) taskRuns(flowRun string) map[string]string {
	a.t.Helper()
	runs := map[string]string{}
	for _, run := range a.flowRun(flowRun, "task_runs(where: {map_index: {_eq: -1}}) { id task { slug } }")["task_runs"].([]any) {
		runs[get(a.t, run, "task", "slug").(string)] = get(a.t, run, "id").(string)
	}
	return runs
}

const unknownID = "00000000-0000-4000-8000-000000000000"
