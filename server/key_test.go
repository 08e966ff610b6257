package server

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestGraphQLDemandsTheKey(t *testing.T) {
	var logged bytes.Buffer
	a := newAPI(t, func(o *Options) {
		o.APIKey = "s3cret"
		o.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, header := range []string{"Bearer s3cret", "bearer s3cret"} {
		got := a.post(`{"query": "{ hello }"}`, "Authorization", header)
		assert.Equal(t, got.body, `{"data":{"hello":"👋"}}`, header)
	}
	const missing, wrong = "This API demands its key", "The API key is not that of this server."
	for header, want := range map[string]string{
		"": missing, "Bearer": missing, "Bearer ": missing, "s3cret": missing, "Basic s3cret": missing,
		"Bearer s3cre": wrong, "Bearer s3crets": wrong, "Bearer S3CRET": wrong, "Bearer  s3cret": wrong, "Bearer s3cret,": wrong, "Bearer wr0ng": wrong,
	} {
		for _, body := range []string{
			`{"query": "{ hello }"}`, `no JSON`, `{"query": "mutation { create_tenant(input: {name: \"a\", slug: \"a\"}) { id } }"}`,
			`{"query": "` + strings.Repeat(" ", maxBody) + `"}`,
		} {
			got := a.post(body, "Authorization", header)
			assert.Check(t, is.Equal(got.status, http.StatusOK), header) // as Prefect's client wants it
			assert.Assert(t, is.Len(got.Errors, 1), "%q: %s", header, got.body)
			assert.Check(t, is.Equal(got.Errors[0].Extensions["code"], "UNAUTHENTICATED"), header)
			assert.Check(t, is.Contains(got.Errors[0].Message, want), header)
			assert.Check(t, !strings.Contains(got.body, "s3cret") && !strings.Contains(got.body, "wr0ng"), "%q: %s", header, got.body)
			assert.Check(t, got.Data == nil, header)
		}
	}
	introspect := introspection.NewQuery(introspection.QueryOptions{})
	assert.Equal(t, a.send(introspect, nil).Errors[0].Extensions["code"], "UNAUTHENTICATED")
	assert.Equal(t, len(a.send(introspect, nil, "Authorization", "Bearer s3cret").Errors), 0)
	got := a.send(`{ tenant { slug } }`, nil, "Authorization", "Bearer s3cret")
	assert.Equal(t, got.body, `{"data":{"tenant":[{"slug":"default"}]}}`) // nothing was executed above

	for path, want := range map[string]string{"/health": `"status":"ok"`, "/": "A key is needed"} {
		response, err := http.Get(a.url + path)
		assert.NilError(t, err)
		body, err := io.ReadAll(response.Body)
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
		assert.Check(t, is.Equal(response.StatusCode, http.StatusOK), path)
		assert.Check(t, is.Contains(string(body), want), path)
		assert.Check(t, !strings.Contains(string(body), "s3cret"), path)
	}
	assert.Check(t, !strings.Contains(logged.String(), "s3cret") && !strings.Contains(logged.String(), "wr0ng"), logged.String())
}

// With an agent in the same process, this machine needs no key and everybody else does.
func TestLoopbackCanBeOpenWhereOtherAddressesDemandTheKey(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.APIKey, o.OpenLoopback = "s3cret", true })
	assert.Equal(t, a.post(`{"query": "{ hello }"}`).body, `{"data":{"hello":"👋"}}`)
	assert.Equal(t, a.post(`{"query": "{ hello }"}`, "Authorization", "Bearer any").body, `{"data":{"hello":"👋"}}`)

	address := addressOfThisMachine(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	assert.NilError(t, err)
	outside := &httptest.Server{Listener: listener, Config: &http.Server{Handler: a.server.Handler(), ReadHeaderTimeout: maxReadTime}}
	outside.Start()
	defer outside.Close()
	a.url = outside.URL
	assert.Equal(t, a.post(`{"query": "{ hello }"}`).Errors[0].Extensions["code"], "UNAUTHENTICATED")
	assert.Equal(t, a.post(`{"query": "{ hello }"}`, "X-Forwarded-For", "127.0.0.1", "Host", "localhost").Errors[0].Extensions["code"], "UNAUTHENTICATED")
	assert.Equal(t, a.post(`{"query": "{ hello }"}`, "Authorization", "Bearer s3cret").body, `{"data":{"hello":"👋"}}`)
}

// addressOfThisMachine is one that is not loopback.
func addressOfThisMachine(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	assert.NilError(t, err)
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			return network.IP.String()
		}
	}
	t.Fatal("this machine has no address but loopback; the test needs one")
	return ""
}

func TestThePageShowsCommandsForTheAddressThatWasAsked(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*http.Request)
		key     string
		want    []string
		without []string
	}{
		"by name":       {func(r *http.Request) { r.Host = "prefect.internal:4200" }, "", []string{"PREFECT__CLOUD__API=http://prefect.internal:4200\n", "curl http://prefect.internal:4200/graphql ", "http://host.docker.internal:4200<", "v9.8"}, []string{"API_KEY", "Bearer"}},
		"by IPv6":       {func(r *http.Request) { r.Host = "[::1]:4200" }, "", []string{"http://[::1]:4200/graphql"}, nil},
		"without port":  {func(r *http.Request) { r.Host = "prefect" }, "", []string{"curl http://prefect/graphql", "http://host.docker.internal<"}, nil},
		"with TLS":      {func(r *http.Request) { r.Host, r.TLS = "p", &tls.ConnectionState{} }, "", []string{"curl https://p/graphql"}, nil},
		"behind TLS":    {func(r *http.Request) { r.Host = "p"; r.Header.Set("X-Forwarded-Proto", "https") }, "", []string{"curl https://p/graphql"}, nil},
		"no host":       {func(r *http.Request) { r.Host = "" }, "", []string{"curl http://localhost:4200/graphql"}, nil},
		"HTML":          {func(r *http.Request) { r.Host = `"><script>` }, "", []string{"curl http://localhost:4200/graphql"}, []string{"<script"}},
		"shell":         {func(r *http.Request) { r.Host = "a;reboot" }, "", []string{"curl http://localhost:4200/graphql"}, []string{"reboot"}},
		"key":           {func(r *http.Request) { r.Host = "p" }, "s3cret", []string{"A key is needed", "PREFECT__CLOUD__API_KEY=", "Authorization: Bearer $PREFECT__CLOUD__API_KEY"}, []string{"s3cret"}},
		"no script run": {func(*http.Request) {}, "", []string{`href="/health"`}, []string{"<script", "src=", "url("}},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			test.change(request)
			recorder := httptest.NewRecorder()
			page{newKeyCheck(test.key, false), "v9.8"}.ServeHTTP(recorder, request)
			text := recorder.Body.String()
			for _, want := range test.want {
				assert.Check(t, is.Contains(text, want))
			}
			for _, unwanted := range test.without {
				assert.Check(t, !strings.Contains(text, unwanted), unwanted)
			}
			assert.Check(t, is.Contains(recorder.Header().Get("Content-Security-Policy"), "default-src 'none'"))
			assert.Check(t, !strings.Contains(recorder.Header().Get("Content-Security-Policy"), "script-src"))
		})
	}
}
