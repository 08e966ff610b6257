// Package server is a local backend: the GraphQL API of Prefect 1 Server in this process, with SQLite or PostgreSQL as its storage.
//
// A request is checked against schema.graphql by gqlparser and executed by the runtime of gqlgen, without generated
// code. A field of a table, such as flow_run, becomes one SQL statement that returns the JSON of the answer, nested
// rows included: query.go and its neighbours translate it, driven by the schema and the joins of catalog.go.
// Mutations have a function each, in the file of their topic.
//
// Beside requests, Serve runs the services of services.go: the scheduler, Lazarus and the zombie killer.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/errgroup"

	dockerprefect "github.com/docker-prefect/docker-prefect"
)

// Options say how a server works. Either DataDir or Database is needed.
type Options struct {
	DataDir  string           // directory of the SQLite database; created if missing
	Database string           // URL of a PostgreSQL database, postgres://…, to use instead
	Logger   *slog.Logger     // discards by default
	Services Services         // the zero value is Prefect Server's settings
	Now      func() time.Time // the clock; time.Now by default
	Version  string           // of the program, for people to read

	// APIKey, if not empty, is what requests for GraphQL must show as a bearer token.
	APIKey string
	// OpenLoopback answers requests to a loopback address without the key: they come from this machine.
	OpenLoopback bool
}

// Server is a backend that has its database open.
type Server struct {
	log      *slog.Logger
	store    *store
	services []service
	bodies   *bodies
	handler  http.Handler
	close    func() error
}

// Open opens the database that the options name, creates one in Options.DataDir if there is none, and brings its tables
// up to date. A new one has the tenant "default". The caller closes the server; Serve does so by itself.
//
// Several processes may have the same database open. They see each other's changes, and a run is claimed only once.
func Open(ctx context.Context, options Options) (*Server, error) {
	log := options.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	now := options.Now
	if now == nil {
		now = time.Now
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: dockerprefect.Schema})
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	delete(schema.Directives, "defer") // gqlparser knows it; here every answer comes in one piece
	catalog, err := newCatalog(schema)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	store, err := openStore(ctx, options, now, log)
	if err != nil {
		return nil, err
	}
	api := &executable{schema: schema, catalog: catalog, store: store, queries: queryResolvers(), mutations: mutationResolvers()}
	run := executor.New(api)
	run.SetQueryCache(newDocumentCache())
	run.SetParserTokenLimit(maxTokens)
	key := newKeyCheck(options.APIKey, options.OpenLoopback)
	endpoint := &endpoint{schema: schema, executor: run, log: log, key: key, bodies: newBodies()}
	return &Server{
		log:      log,
		store:    store,
		services: store.services(options.Services),
		bodies:   endpoint.bodies,
		handler:  routes(endpoint, store, page{key, options.Version}),
		close:    sync.OnceValue(store.close),
	}, nil
}

// Handler serves GraphQL by POST on / and /graphql, GET /health, and a page for people on GET /. The last two need no
// key: they tell nothing of what is stored.
func (s *Server) Handler() http.Handler { return s.handler }

// Database tells people where the database is: the path of a file, or a URL without the password.
func (s *Server) Database() string { return s.store.db.String() }

// Serve answers on all listeners and runs the services until ctx ends. Then it takes no more requests, finishes those
// in progress, and closes the database. It returns nil if nothing but the end of ctx stopped it.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	const patience = 10 * time.Second // for requests in progress; Prefect's client waits 15 s
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, listener := range listeners {
		group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		runServices(groupCtx, s.services, s.log)
		return nil
	})
	group.Go(func() error {
		<-groupCtx.Done()
		shutdownCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err := server.Shutdown(shutdownCtx); err != nil {
			return errors.Join(fmt.Errorf("finish requests: %w", err), server.Close())
		}
		return nil
	})
	return errors.Join(group.Wait(), s.Close())
}

// Close writes everything to the database file and closes it. Further calls do nothing.
func (s *Server) Close() error {
	if err := s.close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
