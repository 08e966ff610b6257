package server

import (
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// isLocal says whether a web page was loaded from this machine or from an address. Any other page that a browser here
// shows could have its name point to 127.0.0.1 and start runs through it. Other clients than browsers send no Origin.
func isLocal(origin string) bool {
	page, err := url.Parse(origin)
	return err == nil && (page.Hostname() == "localhost" || net.ParseIP(page.Hostname()) != nil)
}

// isOfThisMachine says whether a web page was loaded from a server on this machine. Such a page, GraphiQL for
// instance, may ask although it is not ours; browsers call that CORS. One that was loaded from another address may
// only if that is the one that it asks, which browsers allow by themselves.
func isOfThisMachine(origin string) bool {
	page, err := url.Parse(origin)
	return err == nil && (page.Hostname() == "localhost" || net.ParseIP(page.Hostname()).IsLoopback())
}

// admitPage says whether the web page that sent a request, if one did, may have an answer, and lets the browser show
// it the answer.
func admitPage(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin != "" && isOfThisMachine(origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	return origin == "" || isLocal(origin)
}

func refusedPage(r *http.Request) string {
	return "Requests from the web page " + strconv.Quote(r.Header.Get("Origin")) + " are not answered."
}

// preflight answers a browser that asks whether a page of another origin may send a request.
func preflight(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD, OPTIONS, POST")
	if !admitPage(w, r) {
		http.Error(w, refusedPage(r), http.StatusForbidden)
		return
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "" {
		w.Header().Add("Vary", "Access-Control-Request-Headers")
		w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
		w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}
