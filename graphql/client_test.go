package graphql

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const (
	tenant = "11111111-1111-4111-8111-111111111111"
	runID  = "22222222-2222-4222-8222-222222222222"
)

// stub answers each request with the next of its answers and keeps the requests.
type stub struct {
	*httptest.Server
	answers  []answer
	requests []request
}

type answer struct {
	status int
	header map[string]string
	body   string
}

type request struct {
	header    http.Header
	method    string
	path      string
	body      map[string]any
	variables map[string]any
}

func newStub(t *testing.T, answers ...answer) *stub {
	t.Helper()
	s := &stub{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := request{header: r.Header, method: r.Method, path: r.URL.Path}
		text, err := io.ReadAll(r.Body)
		assert.Check(t, err)
		assert.Check(t, json.Unmarshal(text, &got.body))
		if v, ok := got.body["variables"].(string); assert.Check(t, ok, "variables must be JSON text") {
			assert.Check(t, json.Unmarshal([]byte(v), &got.variables))
		}
		s.requests = append(s.requests, got)
		if len(s.answers) == 0 {
			t.Error("one request too many")
			return
		}
		a := s.answers[0]
		s.answers = s.answers[1:]
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		if a.status == 0 {
			a.status = http.StatusOK
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func newClient(t *testing.T, url string, edit func(*Options)) *Client {
	t.Helper()
	opts := Options{URL: url, Backend: "server", UserAgent: "docker-prefect/test"}
	if edit != nil {
		edit(&opts)
	}
	c, err := New(opts)
	assert.NilError(t, err)
	return c
}

func TestRequestsLookLikePythonsToTheAPI(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"hello": "hi"}}`})
	c := newClient(t, s.URL+"/", nil)
	assert.NilError(t, c.Hello(t.Context()))

	got := s.requests[0]
	assert.Equal(t, got.method, http.MethodPost)
	assert.Equal(t, got.path, "/")
	assert.Equal(t, got.header.Get("Content-Type"), "application/json")
	assert.Equal(t, got.header.Get("X-Prefect-Core-Version"), "1.4.1")
	assert.Equal(t, len(got.body), 2)
	assert.Equal(t, got.body["variables"], "null")
	for _, absent := range []string{"Authorization", "X-Prefect-Tenant-Id", "X-Prefect-Agent-Id"} {
		assert.Equal(t, got.header.Get(absent), "", absent)
	}
}

func TestAPathInTheAddressIsKept(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"hello": "hi"}}`})
	assert.NilError(t, newClient(t, s.URL+"/graphql//", nil).Hello(t.Context()))
	assert.Equal(t, s.requests[0].path, "/graphql")
}

func TestHeadersFollowWhatIsKnown(t *testing.T) {
	s := newStub(t,
		answer{body: `{"data": {"auth_info": {"tenant_id": "` + tenant + `"}}}`},
		answer{body: `{"data": {"register_agent": {"id": "a-1"}}}`},
		answer{body: `{"data": {"hello": null}}`})
	c := newClient(t, s.URL, func(o *Options) { o.Backend, o.Key = "cloud", "k" })
	got, err := c.DefaultTenant(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, got, tenant)
	_, err = c.RegisterAgent(t.Context(), "agent", nil, "")
	assert.NilError(t, err)
	assert.NilError(t, c.Hello(t.Context()))

	first, second, third := s.requests[0].header, s.requests[1].header, s.requests[2].header
	assert.Equal(t, first.Get("Authorization"), "Bearer k")
	assert.Equal(t, first.Get("X-Prefect-Tenant-Id"), "")
	assert.Equal(t, second.Get("X-Prefect-Tenant-Id"), tenant)
	assert.Equal(t, second.Get("X-Prefect-Agent-Id"), "")
	assert.Equal(t, third.Get("X-Prefect-Agent-Id"), "a-1")

	want := map[string]any{"type": "DockerAgent", "name": "agent", "labels": []any{}, "tenant_id": tenant, "agent_config_id": nil}
	assert.DeepEqual(t, s.requests[1].variables["input"], want)
}

func TestDefaultTenantOfServerIsTheFirst(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"tenant": [{"id": "` + tenant + `"}, {"id": "other"}]}}`}, answer{body: `{"data": {"tenant": []}}`})
	got, err := newClient(t, s.URL, nil).DefaultTenant(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, got, tenant)
	_, err = newClient(t, s.URL, nil).DefaultTenant(t.Context())
	assert.ErrorContains(t, err, "has no tenant")
}

func TestATokenInPlaceOfAKeyIsRejected(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"auth_info": {"tenant_id": null}}}`})
	_, err := newClient(t, s.URL, func(o *Options) { o.Backend, o.Key = "cloud", "k" }).DefaultTenant(t.Context())
	assert.ErrorIs(t, err, ErrUnauthorized)
	_, err = newClient(t, s.URL, func(o *Options) { o.Backend = "cloud" }).DefaultTenant(t.Context())
	assert.ErrorIs(t, err, ErrUnauthorized)
}

func TestRunsInQueueSendsAListOfLabels(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"get_runs_in_queue": {"flow_run_ids": ["` + runID + `"]}}}`})
	c := newClient(t, s.URL, func(o *Options) { o.TenantID = tenant })
	before := time.Date(2021, 3, 4, 5, 6, 7, 123456789, time.UTC)
	ids, err := c.RunsInQueue(t.Context(), before, nil)
	assert.NilError(t, err)
	assert.DeepEqual(t, ids, []string{runID})
	want := map[string]any{"tenant_id": tenant, "labels": []any{}, "before": "2021-03-04T05:06:07.123456+00:00"}
	assert.DeepEqual(t, s.requests[0].variables["input"], want)
}

func TestDueFlowRunsKeepsDocumentsAsTheyCame(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"flow_run": [{"id": "` + runID + `", "version": 3, "state": "Scheduled", "name": "r",
		"serialized_state": {"type": "Scheduled", "start_time": "2021-03-04T05:06:07+00:00", "x": 1.0}, "run_config": null,
		"flow": {"id": "f", "name": "flow", "environment": null, "storage": {"type": "Local"}, "core_version": "1.4.1"},
		"task_runs": [{"id": "t", "version": 2, "serialized_state": {"type": "Retrying"}}]}]}}`})
	runs, err := newClient(t, s.URL, nil).DueFlowRuns(t.Context(), []string{runID}, time.Unix(0, 0))
	assert.NilError(t, err)
	assert.DeepEqual(t, runs, []FlowRun{{
		ID: runID, Name: "r", Version: 3, State: "Scheduled",
		SerializedState: json.RawMessage(`{"type": "Scheduled", "start_time": "2021-03-04T05:06:07+00:00", "x": 1.0}`),
		Flow:            Flow{ID: "f", Name: "flow", CoreVersion: "1.4.1", Storage: json.RawMessage(`{"type": "Local"}`)},
		TaskRuns:        []TaskRun{{ID: "t", Version: 2, SerializedState: json.RawMessage(`{"type": "Retrying"}`)}},
	}})
	assert.Equal(t, s.requests[0].variables["due"], "1970-01-01T00:00:00+00:00")
}

func TestWriteRunLogsLeavesTheTimeToTheServer(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"write_run_logs": {"success": true}}}`}, answer{body: `{"data": {"write_run_logs": {"success": false}}}`})
	c := newClient(t, s.URL, nil)
	line := RunLog{FlowRunID: runID, Name: "agent", Level: LevelInfo, Message: "m"}
	assert.NilError(t, c.WriteRunLogs(t.Context(), line))
	want := map[string]any{"logs": []any{map[string]any{"flow_run_id": runID, "name": "agent", "level": "INFO", "message": "m"}}}
	assert.DeepEqual(t, s.requests[0].variables["input"], want)
	assert.ErrorContains(t, c.WriteRunLogs(t.Context(), line), "did not accept")
}

// The table of the Python client's exceptions, sorted into our kinds.
func TestAnswersAreSortedByKind(t *testing.T) {
	errorsWith := func(message, code string) string {
		return `{"data": null, "errors": [{"message": "` + message + `", "extensions": {"code": "` + code + `"}}]}`
	}
	for _, tc := range []struct {
		name    string
		answer  answer
		backend string
		kind    error // nil: final
		message string
	}{
		{name: "already submitted", answer: answer{body: errorsWith("State update failed: this run has already been submitted.", "INTERNAL_SERVER_ERROR")}, kind: ErrClaimed, message: "State update failed: this run has already been submitted."},
		{name: "unknown run", answer: answer{body: errorsWith("State update failed for flow run ID x", "")}, kind: ErrClaimed},
		{name: "version lock", answer: answer{body: errorsWith("stale", "VERSION_LOCKING_ERROR")}, kind: ErrClaimed},
		{name: "unauthenticated code", answer: answer{body: errorsWith("no", "UNAUTHENTICATED")}, kind: ErrUnauthorized},
		{name: "malformed header", answer: answer{body: errorsWith("Malformed Authorization header", "")}, kind: ErrUnauthorized},
		{name: "api error", answer: answer{body: errorsWith("oops", "API_ERROR")}, kind: ErrTemporary},
		{name: "errors beside data", answer: answer{body: `{"data": {"hello": "x"}, "errors": [{"message": "half"}]}`}, message: "half"},
		{name: "400 validation", answer: answer{status: 400, body: errorsWith("Cannot query field", "GRAPHQL_VALIDATION_FAILED")}, message: "Cannot query field (GRAPHQL_VALIDATION_FAILED)"},
		{name: "400 not JSON", answer: answer{status: 400, body: "<html>"}, kind: ErrNotPrefect, message: "status 400"},
		{name: "401", answer: answer{status: 401}, kind: ErrUnauthorized},
		{name: "403", answer: answer{status: 403}, kind: ErrUnauthorized},
		{name: "413", answer: answer{status: 413}, message: "413 Request Entity Too Large"},
		{name: "429", answer: answer{status: 429}, kind: ErrTemporary},
		{name: "500", answer: answer{status: 500}, kind: ErrTemporary},
		{name: "501", answer: answer{status: 501}, kind: ErrNotPrefect},
		{name: "502", answer: answer{status: 502}, kind: ErrTemporary},
		{name: "503", answer: answer{status: 503}, kind: ErrTemporary},
		{name: "504", answer: answer{status: 504}, kind: ErrTemporary},
		{name: "HTML", answer: answer{body: "<html>UI</html>"}, kind: ErrNotPrefect, message: "address of the user interface"},
		{name: "HTML, cloud without key", backend: "cloud", answer: answer{body: "<html>"}, kind: ErrUnauthorized, message: "--key"},
		{name: "empty", answer: answer{}, kind: ErrNotPrefect},
		{name: "data of another kind", answer: answer{body: `{"data": {"hello": []}}`}, kind: ErrNotPrefect},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStub(t, tc.answer)
			err := newClient(t, s.URL, func(o *Options) {
				if tc.backend != "" {
					o.Backend = tc.backend
				}
			}).Hello(t.Context())
			var apiErr *Error
			assert.Assert(t, errors.As(err, &apiErr), "%v", err)
			for _, kind := range []error{ErrUnauthorized, ErrClaimed, ErrTemporary, ErrNotPrefect} {
				assert.Equal(t, errors.Is(err, kind), kind == tc.kind, "%v: %v", kind, err)
			}
			assert.Assert(t, is.Contains(err.Error(), tc.message))
			assert.Assert(t, !strings.Contains(err.Error(), "\n"))
		})
	}
}

func TestEmptyErrorsAreNone(t *testing.T) {
	s := newStub(t, answer{body: `{"data": {"hello": "x"}, "errors": []}`}, answer{body: `{"data": {"hello": "x"}, "errors": null}`})
	c := newClient(t, s.URL, nil)
	assert.NilError(t, c.Hello(t.Context()))
	assert.NilError(t, c.Hello(t.Context()))
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	s := newStub(t,
		answer{status: 429, header: map[string]string{"Retry-After": "7"}},
		answer{status: 503, header: map[string]string{"Retry-After": date}})
	c := newClient(t, s.URL, nil)
	var apiErr *Error
	assert.Assert(t, errors.As(c.Hello(t.Context()), &apiErr))
	assert.Equal(t, apiErr.RetryAfter, 7*time.Second)
	assert.Assert(t, errors.As(c.Hello(t.Context()), &apiErr))
	assert.Assert(t, apiErr.RetryAfter > 59*time.Minute && apiErr.RetryAfter <= time.Hour, apiErr.RetryAfter)
}

func TestALostAnswerMayHaveApplied(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		assert.Check(t, err)
		assert.Check(t, conn.Close())
	}))
	c := newClient(t, s.URL, nil)
	var apiErr *Error
	err := c.Hello(t.Context())
	assert.ErrorIs(t, err, ErrTemporary)
	assert.Assert(t, errors.As(err, &apiErr) && apiErr.MayApply)

	s.Close()
	err = c.Hello(t.Context())
	assert.ErrorIs(t, err, ErrTemporary)
	assert.Assert(t, errors.As(err, &apiErr) && !apiErr.MayApply, "a refused connection carried no request")
	assert.ErrorContains(t, err, "cannot reach "+s.URL)
}

func TestANameThatIsNotResolvedIsAnOutage(t *testing.T) {
	err := newClient(t, "http://no-such-host.invalid:4200", func(o *Options) { o.Timeout = 2 * time.Second }).Hello(t.Context())
	var apiErr *Error
	assert.Assert(t, errors.As(err, &apiErr) && errors.Is(err, ErrTemporary), "%v", err)
	assert.Assert(t, !apiErr.MayApply)
}

// A claim that may have been applied must not be taken for somebody else's when it is repeated.
func TestTemporaryAnswersMayHaveApplied(t *testing.T) {
	apiError := `{"data": null, "errors": [{"message": "oops", "extensions": {"code": "API_ERROR"}}]}`
	for _, tc := range []struct {
		answer   answer
		mayApply bool
	}{
		{answer{body: apiError}, true},
		{answer{status: 400, body: apiError}, true},
		{answer{body: `{"data": null, "errors": [{"message": "Unable to connect to postgres."}]}`}, true},
		{answer{status: 500}, true},
		{answer{status: 503}, true},
		{answer{status: 429}, false},
		{answer{status: 408}, false},
		{answer{body: "<html>"}, true}, // of a proxy that lost the API's
		{answer{body: `{"data": {"hel`}, true},
		{answer{body: `{"data": {"hello": []}}`}, true},
	} {
		s := newStub(t, tc.answer)
		err := newClient(t, s.URL, nil).Hello(t.Context())
		var apiErr *Error
		assert.Assert(t, errors.As(err, &apiErr) && (errors.Is(err, ErrTemporary) || errors.Is(err, ErrNotPrefect)), "%+v: %v", tc.answer, err)
		assert.Equal(t, apiErr.MayApply, tc.mayApply, "%+v", tc.answer)
	}
}

func TestAPasswordInTheAddressIsInNoError(t *testing.T) {
	s := newStub(t, answer{status: 500}, answer{body: "<html>"})
	c := newClient(t, strings.Replace(s.URL, "http://", "http://me:s3cr3t@", 1), nil)
	for range 2 {
		assert.Assert(t, !strings.Contains(c.Hello(t.Context()).Error(), "s3cr3t"))
	}
	assert.Assert(t, !strings.Contains(c.URL(), "s3cr3t"))
}

func TestTheKeyIsInNoError(t *testing.T) {
	s := newStub(t, answer{status: 401, body: "k3y is wrong"}, answer{body: "<html>"}, answer{status: 500})
	c := newClient(t, s.URL, func(o *Options) { o.Key = "s3cr3t" })
	for range 3 {
		err := c.Hello(t.Context())
		assert.Assert(t, err != nil && !strings.Contains(err.Error(), "s3cr3t"))
	}
}

func TestNewRefusesAddressesThatAreNone(t *testing.T) {
	for _, bad := range []string{"", "localhost:4200", "ftp://x", "http://", "::"} {
		_, err := New(Options{URL: bad})
		assert.ErrorContains(t, err, "http://localhost:4200", bad)
	}
}

// A real Prefect Server must accept what we send: the operations fit the schema that names things as it does.
func TestOperationsFitTheSchema(t *testing.T) {
	schemaText, err := os.ReadFile("../schema.graphql")
	assert.NilError(t, err)
	operations, err := os.ReadFile("operations.graphql")
	assert.NilError(t, err)
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: string(schemaText)})
	assert.NilError(t, err)
	doc, errs := gqlparser.LoadQueryWithRules(schema, string(operations), nil)
	assert.Equal(t, len(errs), 0, errs)
	assert.Assert(t, len(doc.Operations) > 10)
}
