package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// codeUnauthenticated makes Prefect's client raise its AuthorizationError. It looks for this word in an answer with
// status 200; a status of 401 would be a plain HTTP error to it.
const codeUnauthenticated = "UNAUTHENTICATED"

// keyCheck decides who may send GraphQL. The zero value lets everybody.
type keyCheck struct {
	demanded     bool
	digest       [sha256.Size]byte // of the key: digests are of one length, so that comparing them takes the same time
	openLoopback bool
}

func newKeyCheck(key string, openLoopback bool) keyCheck {
	return keyCheck{demanded: key != "", digest: sha256.Sum256([]byte(key)), openLoopback: openLoopback}
}

// demands says whether a request needs the key.
func (c keyCheck) demands(r *http.Request) bool {
	return c.demanded && (!c.openLoopback || !cameByLoopback(r))
}

// refusal says why a request may not be answered; "" if it may.
func (c keyCheck) refusal(r *http.Request) string {
	if !c.demands(r) {
		return ""
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return "This API demands its key: set PREFECT__CLOUD__API_KEY, or send the header Authorization: Bearer KEY."
	}
	digest := sha256.Sum256([]byte(key))
	if subtle.ConstantTimeCompare(digest[:], c.digest[:]) != 1 {
		return "The API key is not that of this server."
	}
	return ""
}

// cameByLoopback says whether a request was sent to a loopback address of this machine, which only processes on it
// can do.
func cameByLoopback(r *http.Request) bool {
	address, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}
