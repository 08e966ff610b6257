package stub

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestEngineKeepsNamesApart(t *testing.T) {
	server := httptest.NewServer(&Engine{})
	defer server.Close()

	status, body := post(t, server.URL+"/v1.41/containers/create?name=a", `{"Image":"i"}`)
	assert.Equal(t, status, http.StatusCreated)
	assert.Assert(t, is.Contains(body, containerID(1)))
	status, body = post(t, server.URL+"/v1.41/containers/create?name=a", `{"Image":"i"}`)
	assert.Equal(t, status, http.StatusConflict)
	assert.Assert(t, is.Contains(body, "already in use"))
}

func TestEngineRefusesWhatItIsToldTo(t *testing.T) {
	var paths []string
	engine := &Engine{
		OnRequest: func(r Request) { paths = append(paths, fmt.Sprintf("%s %s %v", r.Method, r.Path, r.Body["Image"])) },
		Refuse: func(r Request) *Refusal {
			if r.Changes() {
				return &Refusal{http.StatusInternalServerError, "disk full"}
			}
			return nil
		},
	}
	server := httptest.NewServer(engine)
	defer server.Close()

	status, body := post(t, server.URL+"/v1.41/containers/create", `{"Image":"i"}`)
	assert.Equal(t, status, http.StatusInternalServerError)
	assert.Equal(t, strings.TrimSpace(body), `{"message":"disk full"}`)
	assert.DeepEqual(t, paths, []string{"POST /containers/create i"})
}

func post(t *testing.T, url, body string) (status int, answer string) {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}
