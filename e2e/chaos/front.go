package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// front is where a proxy listens. It can go away and come back at the same address.
type front struct {
	network, address string
	handler          http.Handler

	mu       sync.Mutex
	closed   int // how many want it closed
	listener net.Listener
	server   *http.Server
}

// listen is called by who has the lock.
func (f *front) listen() error {
	if f.network == "unix" {
		if err := os.Remove(f.address); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	l, err := net.Listen(f.network, f.address)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	f.address = l.Addr().String() // of port 0, the port
	f.listener = l
	f.server = &http.Server{Handler: f.handler, ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(l) }(f.server) // ends with close
	return nil
}

// open makes the front answer for the first time.
func (f *front) open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listen()
}

// away cuts all connections and refuses new ones until back is called as often.
func (f *front) away() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed++; f.closed == 1 {
		// A server that has not come to serve yet does not know its listener.
		_ = f.listener.Close()
		_ = f.server.Close()
	}
}

func (f *front) back() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed--; f.closed > 0 {
		return nil
	}
	return f.listen()
}

// drop ends the connection of a request without an answer.
func drop() { panic(http.ErrAbortHandler) }
