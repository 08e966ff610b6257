package server

import (
	"net/http"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestRequestsOfWebPagesAreAnsweredOnlyToLocalOnes(t *testing.T) {
	a := newAPI(t)
	for origin, status := range map[string]int{
		"http://localhost:8080": 200, "http://127.0.0.1:4200": 200, "http://[::1]:4200": 200, "http://172.17.0.1:4200": 200,
		"http://example.com": 403, "http://localhost.example.com:4200": 403, "null": 403, "?": 403,
	} {
		assert.Check(t, is.Equal(a.post(`{"query": "{ hello }"}`, "Origin", origin).status, status), origin)
	}
}

// A browser sends JSON from a page of another origin only after it has asked, and shows the page the answer only if
// the answer allows it.
func TestPagesOfThisMachineMayAskFromAnotherOrigin(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.APIKey = "secret" })
	for origin, want := range map[string]struct {
		allowed string
		status  int
	}{
		"http://localhost:3000":      {"http://localhost:3000", http.StatusNoContent},
		"https://127.0.0.1":          {"https://127.0.0.1", http.StatusNoContent},
		"http://[::1]:3000":          {"http://[::1]:3000", http.StatusNoContent},
		"http://172.17.0.1:4200":     {"", http.StatusNoContent}, // its own pages need not ask
		"http://93.184.216.34":       {"", http.StatusNoContent},
		"http://example.com":         {"", http.StatusForbidden},
		"http://localhost.evil.com":  {"", http.StatusForbidden},
		"null":                       {"", http.StatusForbidden},
		"":                           {"", http.StatusNoContent}, // no browser
		"http://127.0.0.1.evil.com/": {"", http.StatusForbidden},
	} {
		for _, path := range []string{"/", "/graphql"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, a.url+path, nil)
			assert.NilError(t, err)
			if origin != "" {
				request.Header.Set("Origin", origin)
			}
			request.Header.Set("Access-Control-Request-Method", "POST")
			request.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
			response, err := http.DefaultClient.Do(request)
			assert.NilError(t, err)
			assert.NilError(t, response.Body.Close())
			headers := m{}
			for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers"} {
				headers[name] = response.Header.Get(name)
			}
			assert.Check(t, is.Equal(response.StatusCode, want.status), origin)
			if want.allowed != "" {
				assert.Check(t, is.DeepEqual(headers, m{
					"Access-Control-Allow-Origin": want.allowed, "Access-Control-Allow-Methods": "POST",
					"Access-Control-Allow-Headers": "authorization,content-type",
				}), origin)
			} else {
				assert.Check(t, is.DeepEqual(headers, m{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": "", "Access-Control-Allow-Headers": ""}), origin)
			}
		}
	}
	// The answer itself, also one that refuses, may be shown.
	for _, key := range []string{"Bearer secret", ""} {
		got := a.post(`{"query": "{ hello }"}`, "Origin", "http://localhost:3000", "Authorization", key)
		assert.Check(t, is.Equal(got.header.Get("Access-Control-Allow-Origin"), "http://localhost:3000"))
	}
	got := a.post(`{"query": "{ hello }"}`, "Origin", "http://93.184.216.34", "Authorization", "Bearer secret")
	assert.Check(t, is.Equal(got.header.Get("Access-Control-Allow-Origin"), ""))
}
