package server

import (
	_ "embed"
	"net/http"
)

// page is what a person sees who opens the address of the API in a browser.
//
//go:embed page.html
var page []byte

// routes puts the endpoints together.
func routes(api http.Handler, store *store) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", api)
	mux.Handle("POST /graphql", api)
	mux.Handle("POST /graphql/{$}", api)
	mux.HandleFunc("GET /{$}", showPage)
	mux.HandleFunc("GET /graphql", showPage)
	health := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := store.ping(r.Context()); err != nil {
			store.log.Error("Health check failed", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"error","error":"The database does not answer."}` + "\n"))
			return
		}
		_, _ = w.Write([]byte(`{"status":"ok","version":"` + coreVersion + `"}` + "\n"))
	}
	mux.HandleFunc("GET /health", health)
	mux.HandleFunc("GET /.well-known/apollo/server-health", health) // what compose files for Prefect Server ask
	return mux
}

func showPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(page)
}
