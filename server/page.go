package server

import (
	_ "embed"
	"html/template"
	"net"
	"net/http"
	"regexp"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what a person sees who opens the address of the API in a browser.
type page struct {
	key     keyCheck
	version string
}

// pageData is what the template knows.
type pageData struct {
	Address     string // of the API, as the browser called it
	Port        string // with a colon; empty if the address names none
	KeyDemanded bool
	Version     string
	CoreVersion string
}

// plainHost is a host, with a port or without, that means nothing to a shell: the page shows commands to copy.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if !plainHost.MatchString(host) {
		host = "localhost:4200"
	}
	scheme := "http://"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" { // the latter says a proxy
		scheme = "https://"
	}
	data := pageData{Address: scheme + host, KeyDemanded: p.key.demands(r), Version: p.version, CoreVersion: coreVersion}
	if _, port, err := net.SplitHostPort(host); err == nil {
		data.Port = ":" + port
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	_ = pageTemplate.Execute(w, data) // fails only when the browser has gone
}
