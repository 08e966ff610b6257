package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// healthServer answers at the agent address.
type healthServer struct {
	server *http.Server
	ended  chan struct{}
}

// listen serves the agent address, if there is one; the server is nil otherwise.
func (a *Agent) listen() (*healthServer, error) {
	if a.cfg.AgentAddress == "" {
		return nil, nil
	}
	return listenHealth(a.cfg.AgentAddress, a.Poke, a.Status, a.log)
}

// listenHealth serves the agent address, a URL of which only host and port count; without a host it is
// loopback's, so that who wants it reachable from outside says so. An address without port, and one that
// cannot be bound, are errors (in 1.4.1 the latter ends just the server's thread).
func listenHealth(address string, poke func(), status func() Status, log *slog.Logger) (*healthServer, error) {
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		return nil, fmt.Errorf("agent address %q: must specify a port, as in http://127.0.0.1:8080", address)
	}
	host := u.Hostname()
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, u.Port()))
	if err != nil {
		return nil, fmt.Errorf("serve agent address %q: %w; choose another with --agent-address", address, err)
	}
	h := &healthServer{
		server: &http.Server{
			Handler:           healthHandler(poke, status),
			ReadHeaderTimeout: 5 * time.Second,
			IdleTimeout:       time.Minute,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(h.ended)
		if err := h.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("The agent API server ended", "reason", err)
		}
	}()
	log.Debug("Agent API server listening on port " + address)
	return h, nil
}

// close lets requests under way finish for a second. Closing no server is no error.
func (h *healthServer) close() {
	if h == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		_ = h.server.Close()
	}
	<-h.ended
}

// healthHandler answers to the byte as the Python agent's server does (1.4.1 agent.py, on Tornado).
// Health only tells that the process lives; /api/status is ours. No mux: it would redirect paths that must be
// unknown.
func healthHandler(poke func(), status func() Status) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		switch known := slices.Contains([]string{"/api/health", "/api/poke", "/api/status"}, r.URL.Path); {
		case !known:
			writeErrorPage(w, http.StatusNotFound)
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			writeErrorPage(w, http.StatusMethodNotAllowed)
		case r.URL.Path == "/api/health":
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			_, _ = io.WriteString(w, "{}")
		case r.URL.Path == "/api/status":
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			_ = json.NewEncoder(w).Encode(status()) // a client that went away is its own concern
		default:
			poke()
		}
	})
}

func writeErrorPage(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	title := fmt.Sprintf("%d: %s", status, http.StatusText(status))
	_, _ = fmt.Fprintf(w, "<html><title>%s</title><body>%s</body></html>", title, title)
}
