package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/executor"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestVariablesComeInManyForms(t *testing.T) {
	a := newAPI(t)
	for name, variables := range map[string]string{
		"absent":        ``,
		"null":          `, "variables": null`,
		"object":        `, "variables": {}`,
		"string null":   `, "variables": "null"`,
		"empty string":  `, "variables": ""`,
		"string object": `, "variables": "{}"`,
		"unused":        `, "variables": {"a": {"b": [1, 2.5, null]}}`,
	} {
		got := a.post(`{"query": "query { hello }"` + variables + `}`)
		assert.Check(t, is.Equal(got.status, http.StatusOK), name)
		assert.Check(t, is.Equal(got.body, `{"data":{"hello":"👋"}}`), name)
	}
	for _, variables := range []string{`{"n": "default"}`, `"{\"n\": \"default\"}"`} {
		got := a.post(`{"query": "query($n: String) { tenant(where: {name: {_eq: $n}}) { slug } }", "variables": ` + variables + `}`)
		assert.Equal(t, got.body, `{"data":{"tenant":[{"slug":"default"}]}}`)
	}
}

func TestRequestsThatCannotBeExecuted(t *testing.T) {
	a := newAPI(t)
	queue := `"mutation($input: get_runs_in_queue_input!) { get_runs_in_queue(input: $input) { flow_run_ids } }"`
	nested := strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1)
	for name, test := range map[string]struct {
		body    string
		code    string
		message string
	}{
		"no JSON":             {`query { hello }`, codeBadInput, "not a JSON object"},
		"a list":              {`[{"query": "{ hello }"}]`, codeBadInput, "not a JSON object"},
		"not UTF-8":           {"{\"query\": \"{ hello }\xff\"}", codeBadInput, "not a JSON object"},
		"empty":               {`{}`, "GRAPHQL_VALIDATION_FAILED", "no operation provided"},
		"syntax":              {`{"query": "query { hello"}`, "GRAPHQL_PARSE_FAILED", "Expected Name, found <EOF>"},
		"unknown field":       {`{"query": "{ nope }"}`, "GRAPHQL_VALIDATION_FAILED", `Cannot query field "nope" on type "Query".`},
		"unknown input":       {`{"query": "{ flow(where: {nope: {_eq: 1}}) { id } }"}`, "GRAPHQL_VALIDATION_FAILED", `Field "nope" is not defined by type "flow_bool_exp".`},
		"enum as text":        {`{"query": "{ flow(order_by: {name: \"asc\"}) { id } }"}`, "GRAPHQL_VALIDATION_FAILED", `Enum "order_by" cannot represent non-enum value: "asc".`},
		"which operation":     {`{"query": "query a { hello } query b { hello }", "operationName": "c"}`, "GRAPHQL_VALIDATION_FAILED", "operation c not found"},
		"too deep":            {`{"query": "` + strings.Repeat("{ a ", 2000) + `"}`, "GRAPHQL_PARSE_FAILED", "nesting depth"},
		"too many tokens":     {`{"query": "{ ` + strings.Repeat("hello ", maxTokens) + `}"}`, "GRAPHQL_PARSE_FAILED", "token limit"},
		"NaN":                 {`{"query": "{ hello }", "variables": "{\"a\": NaN}"}`, codeBadInput, "Variables are invalid: they are not a JSON object"},
		"variables list":      {`{"query": "{ hello }", "variables": []}`, codeBadInput, "Variables are invalid: they are not a JSON object"},
		"variables text":      {`{"query": "{ hello }", "variables": "hello"}`, codeBadInput, "Variables are invalid: they are not a JSON object"},
		"variables too deep":  {`{"query": "{ hello }", "variables": {"a": ` + nested + `}}`, codeBadInput, "nested more than"},
		"missing variable":    {`{"query": ` + queue + `}`, codeBadInput, "must be defined"},
		"missing field":       {`{"query": ` + queue + `, "variables": {"input": {}}}`, codeBadInput, "must be defined"},
		"unknown field in it": {`{"query": ` + queue + `, "variables": {"input": {"tenant_id": "x", "nope": 1}}}`, codeBadInput, "unknown field"},
		"number for text":     {`{"query": ` + queue + `, "variables": {"input": {"tenant_id": "x", "labels": [1]}}}`, codeBadInput, `Variable "$input" got an invalid value at "input.labels[0]"; expected type String.`},
		"one number for text": {`{"query": ` + queue + `, "variables": {"input": {"tenant_id": "x", "labels": 1}}}`, codeBadInput, `at "input.labels`},
		"text for number":     {`{"query": "query($n: Int) { flow(limit: $n) { id } }", "variables": {"n": "5"}}`, codeBadInput, `at "n"; expected type Int.`},
		"fraction for number": {`{"query": "query($n: Int) { flow(limit: $n) { id } }", "variables": {"n": 1.5}}`, codeBadInput, `as Int`},
		"enum in capitals":    {`{"query": "query($o: order_by) { flow(order_by: {name: $o}) { id } }", "variables": {"o": "ASC"}}`, codeBadInput, `at "o"; expected type order_by.`},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.post(test.body)
			assert.Equal(t, got.status, http.StatusBadRequest)
			assert.Assert(t, len(got.Errors) > 0, "%s", got.body)
			assert.Assert(t, is.Contains(got.Errors[0].Message, test.message))
			assert.Equal(t, got.Errors[0].Extensions["code"], test.code)
			assert.Assert(t, !strings.Contains(got.body, `"data"`))
		})
	}
}

func TestErrorsOfFieldsLeaveTheRestOfTheAnswer(t *testing.T) {
	a := newAPI(t)
	got := a.post(`{"query": "{\n  hello\n  p: flow_by_pk(id: \"x\") { id }\n}"}`)
	assert.Equal(t, got.status, http.StatusOK)
	assert.DeepEqual(t, got.Data, m{"hello": "👋", "p": nil})
	assert.Equal(t, got.Errors[0].Message, `invalid input syntax for type uuid: "x"`)
	assert.DeepEqual(t, got.Errors[0].Path, []any{"p"})
	assert.DeepEqual(t, got.Errors[0].Locations, []map[string]int{{"line": 3, "column": 3}})

	got = a.post(`{"query": "{ hello flow(where: {created: {_gt: \"soon\"}}) { id } }"}`) // a list is never null
	assert.Equal(t, got.status, http.StatusOK)
	assert.Assert(t, got.Data == nil && strings.Contains(got.body, `"data":null`))
	assert.Equal(t, got.Errors[0].Message, `invalid input syntax for type timestamp with time zone: "soon"`)

	got = a.mutate("delete_flow", "success", m{"flow_id": "x"})
	assert.Equal(t, got.body, `{"errors":[{"message":"Could not parse UUID: x","path":["delete_flow"],"locations":[{"line":1,"column":40}],`+
		`"extensions":{"code":"BAD_USER_INPUT"}}],"data":{"delete_flow":null}}`)
}

func TestOtherRequests(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		method, path, contentType, body string
		status                          int
		want                            string
	}{
		{"POST", "/", "application/json", `{"query": "{ hello }"}`, 200, "👋"},
		{"POST", "/graphql", "application/json; charset=utf-8", `{"query": "{ hello }"}`, 200, "👋"},
		{"POST", "/graphql/", "application/json", `{"query": "{ hello }"}`, 200, "👋"},
		{"POST", "/", "text/plain", `{"query": "{ hello }"}`, 415, "must be application/json"},
		{"GET", "/health", "", "", 200, `{"status":"ok"`},
		{"GET", "/.well-known/apollo/server-health", "", "", 200, `{"status":"ok"`},
		{"GET", "/", "", "", 200, "the backend of <b>docker prefect</b>"},
		{"GET", "/graphql", "", "", 200, "the backend of <b>docker prefect</b>"},
		{"GET", "/nothing", "", "", 404, ""},
		{"PUT", "/", "application/json", "", 405, ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, a.url+test.path, strings.NewReader(test.body))
		assert.NilError(t, err)
		request.Header.Set("Content-Type", test.contentType)
		response, err := http.DefaultClient.Do(request)
		assert.NilError(t, err)
		body, err := io.ReadAll(response.Body)
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
		assert.Check(t, is.Equal(response.StatusCode, test.status), "%s %s", test.method, test.path)
		assert.Check(t, is.Contains(string(body), test.want), "%s %s", test.method, test.path)
	}
}

func TestADefectOfAResolverBecomesAnError(t *testing.T) {
	a := newAPI(t)
	schema := loadSchema(t)
	broken := executor.New(&executable{
		schema: schema, store: a.server.store, mutations: mutationResolvers(),
		queries: map[string]resolver{"hello": func(context.Context, *call) (any, error) { panic("defect") }},
	})
	listener := httptest.NewServer(&endpoint{schema: schema, executor: broken, log: a.server.log, bodies: newBodies()})
	defer listener.Close()
	a.url = listener.URL
	got := a.post(`{"query": "{ hello auth: __typename }"}`)
	assert.Equal(t, got.status, http.StatusOK)
	assert.DeepEqual(t, got.Data, m{"hello": nil, "auth": "Query"})
	assert.Equal(t, got.Errors[0].Message, "hello failed because of a defect of the server; its log says more.")
}

func TestABusyDatabaseMakesTheClientTryAgain(t *testing.T) {
	onlySQLite(t)
	a := newAPI(t)
	b := openAPI(t, a.place)
	_, err := b.server.store.db.(*sqliteDatabase).conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 0")
	assert.NilError(t, err)
	assert.NilError(t, a.server.store.write(t.Context(), func(context.Context, *writeTx) error {
		got := b.mutate("create_tenant", "id", m{"name": "n", "slug": "n"})
		assert.Equal(t, got.status, http.StatusOK)
		assert.Equal(t, got.Errors[0].Extensions["code"], "API_ERROR")
		b.tenant() // reading goes on
		return nil
	}))
	b.do("create_tenant", "id", m{"name": "n", "slug": "n"})
}

func TestADefectBecomesAnError(t *testing.T) {
	a := newAPI(t)
	// A server without its database: every access fails, and none of the failures is a status of 500.
	assert.NilError(t, a.server.Close())
	for _, query := range []string{"{ tenant { id } }", "{ auth_info { tenant_id } }", `mutation { create_tenant(input: {name: "a", slug: "a"}) { id } }`} {
		got := a.post(`{"query": "` + strings.ReplaceAll(query, `"`, `\"`) + `"}`)
		assert.Equal(t, got.status, http.StatusOK)
		assert.Equal(t, got.Errors[0].Extensions["code"], codeInternal)
	}
	response, err := http.Get(a.url + "/health")
	assert.NilError(t, err)
	defer response.Body.Close()
	assert.Equal(t, response.StatusCode, http.StatusServiceUnavailable)

	broken := &endpoint{log: a.server.log}
	recorder := &recorder{header: http.Header{}}
	request, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(`{"query": "{ hello }"}`))
	assert.NilError(t, err)
	request.Header.Set("Content-Type", "application/json")
	broken.ServeHTTP(recorder, request)
	assert.Equal(t, recorder.status, http.StatusOK)
	assert.Assert(t, is.Contains(recorder.body.String(), "a defect of the server"))
}

type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header            { return r.header }
func (r *recorder) WriteHeader(status int)         { r.status = status }
func (r *recorder) Write(body []byte) (int, error) { return r.body.Write(body) }
