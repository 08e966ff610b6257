package server

import (
	"net/http"
)

// routes puts the endpoints together.
func routes(api http.Handler, store *store, page page) http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/{$}", "/graphql", "/graphql/{$}"} {
		mux.Handle("POST "+path, api)
		mux.HandleFunc("OPTIONS "+path, preflight)
		mux.Handle("GET "+path, page)
	}
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
