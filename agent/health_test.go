package agent

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const (
	page404 = "<html><title>404: Not Found</title><body>404: Not Found</body></html>"
	page405 = "<html><title>405: Method Not Allowed</title><body>405: Method Not Allowed</body></html>"
)

func TestTheHealthServerAnswersAsPrefects(t *testing.T) {
	const html, json = "text/html; charset=UTF-8", "application/json; charset=UTF-8"
	pokes := 0
	server := httptest.NewServer(healthHandler(func() { pokes++ }, func() Status { return Status{Live: 3} }))
	defer server.Close()
	for _, tc := range []struct {
		method, path string
		status       int
		contentType  string
		body         string
		pokes        int
	}{
		{"GET", "/api/health", 200, json, "{}", 0},
		{"GET", "/api/health?probe=1", 200, json, "{}", 0},
		{"GET", "/api/poke", 200, html, "", 1},
		{"GET", "/api/status", 200, json, `{"live_containers":3,"limit":0,"in_flight":0,"goroutines":0,"heap_bytes":0}` + "\n", 0},
		{"GET", "/", 404, html, page404, 0},
		{"GET", "/api", 404, html, page404, 0},
		{"GET", "/api/health/", 404, html, page404, 0},
		{"GET", "/api//health", 404, html, page404, 0},
		{"GET", "/api/poke/", 404, html, page404, 0},
		{"POST", "/elsewhere", 404, html, page404, 0},
		{"HEAD", "/api/health", 405, html, "", 0},
		{"POST", "/api/health", 405, html, page405, 0},
		{"POST", "/api/poke", 405, html, page405, 0},
		{"HEAD", "/api/poke", 405, html, "", 0},
		{"OPTIONS", "/api/poke", 405, html, page405, 0},
	} {
		pokes = 0
		request, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL+tc.path, nil)
		assert.NilError(t, err)
		response, err := http.DefaultTransport.RoundTrip(request)
		assert.NilError(t, err)
		body, err := io.ReadAll(response.Body)
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
		name := tc.method + " " + tc.path
		assert.Check(t, is.Equal(response.StatusCode, tc.status), name)
		assert.Check(t, is.Equal(response.Header.Get("Content-Type"), tc.contentType), name)
		assert.Check(t, is.Equal(string(body), tc.body), name)
		assert.Check(t, is.Equal(pokes, tc.pokes), name)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	assert.NilError(t, err)
	return port
}

func TestTheAgentAddressIsServedUntilClosed(t *testing.T) {
	log, lines := textLog(slog.LevelDebug)
	address := "http://127.0.0.1:" + freePort(t)
	a := &Agent{cfg: Config{AgentAddress: address}, log: log, poke: make(chan struct{}, 1)}
	server, err := a.listen()
	assert.NilError(t, err)
	assert.DeepEqual(t, lines(), []string{"DEBUG Agent API server listening on port " + address})

	response, err := http.Get(address + "/api/poke")
	assert.NilError(t, err)
	assert.NilError(t, response.Body.Close())
	assert.Equal(t, len(a.poke), 1)

	_, err = a.listen()
	assert.ErrorContains(t, err, `serve agent address "`+address+`": `)
	assert.ErrorContains(t, err, "address already in use")

	server.close()
	_, err = http.Get(address + "/api/health")
	assert.ErrorContains(t, err, "refused")
	again, err := a.listen()
	assert.NilError(t, err, "the port is free again")
	again.close()
}

func TestAnAddressWithoutHostIsLoopback(t *testing.T) {
	port := freePort(t)
	server, err := listenHealth("http://:"+port, func() {}, func() Status { return Status{} }, slog.New(slog.DiscardHandler))
	assert.NilError(t, err)
	defer server.close()
	response, err := http.Get("http://" + net.JoinHostPort("127.0.0.1", port) + "/api/health")
	assert.NilError(t, err)
	assert.NilError(t, response.Body.Close())
	_, err = http.Get("http://" + net.JoinHostPort("127.0.0.2", port) + "/api/health")
	assert.ErrorContains(t, err, "refused", "an address that stands for those of other interfaces")
}

func TestNoAgentAddressServesNothing(t *testing.T) {
	server, err := (&Agent{}).listen()
	assert.NilError(t, err)
	server.close()
}

func TestTheAgentAddressNeedsAPort(t *testing.T) {
	for _, address := range []string{"http://localhost", "localhost:8080", "8080", "http://:", "http://[::1", "/x"} {
		_, err := listenHealth(address, func() {}, func() Status { return Status{} }, slog.New(slog.DiscardHandler))
		assert.ErrorContains(t, err, "must specify a port")
		assert.Check(t, strings.Contains(err.Error(), `"`+address+`"`))
	}
}
