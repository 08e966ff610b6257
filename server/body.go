package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
)

const (
	// maxBody is the size of the largest request, which is that of Server's gateway, but for logs.
	maxBody = 5 << 20
	// maxLogBody is the size of the largest request that only writes logs. Prefect's client sends up to 4,000,000
	// characters of text at once, and the same again until it is taken (1.4.1 utilities/logging.py). As JSON in a JSON
	// string, which is how it sends variables, a character is up to 14 bytes, so that 56 MB are possible.
	maxLogBody = 64 << 20
	// maxLargeBodies is how many requests beyond maxBody are in memory at a time; more wait.
	maxLargeBodies = 2
)

var errUnreadable = errors.New("the request could not be read")

// bodies reads requests.
type bodies struct {
	most, mostOfLogs int
	large            chan struct{} // has room for as many large requests as may be in memory
}

func newBodies() *bodies {
	return &bodies{most: maxBody, mostOfLogs: maxLogBody, large: make(chan struct{}, maxLargeBodies)}
}

func (b *bodies) tooLarge() error {
	return fmt.Errorf("the request is larger than %d MB (%d MB if it only writes logs)", b.most>>20, b.mostOfLogs>>20)
}

// read gives the body of a request, and a function to call when it is not needed any more.
func (b *bodies) read(r *http.Request) ([]byte, func(), error) {
	done := func() {}
	var body bytes.Buffer
	if _, err := body.ReadFrom(io.LimitReader(r.Body, int64(b.most)+1)); err != nil {
		return nil, done, errUnreadable
	}
	if body.Len() <= b.most {
		return body.Bytes(), done, nil
	}
	if r.ContentLength > int64(b.mostOfLogs) {
		discard(r)
		return nil, done, b.tooLarge()
	}
	select {
	case b.large <- struct{}{}:
		done = func() { <-b.large }
	case <-r.Context().Done():
		return nil, done, errUnreadable
	}
	if missing := r.ContentLength - int64(body.Len()); missing > 0 {
		body.Grow(int(missing) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(io.LimitReader(r.Body, int64(b.mostOfLogs+1-body.Len()))); err != nil {
		return nil, done, errUnreadable
	}
	if body.Len() > b.mostOfLogs {
		discard(r)
		return nil, done, b.tooLarge()
	}
	return body.Bytes(), done, nil
}

// discard reads what a client still sends, within reason: one that is cut off would not see the answer.
func discard(r *http.Request) {
	const reason = 4 * maxLogBody
	_, _ = io.CopyN(io.Discard, r.Body, reason)
}

// onlyWritesLogs says whether all that an operation does is to store log lines. One that is not valid does nothing.
func onlyWritesLogs(operation *graphql.OperationContext) bool {
	if operation.Operation == nil {
		return false
	}
	fields := graphql.CollectFields(operation, operation.Operation.SelectionSet, []string{"Mutation"})
	for _, field := range fields {
		if field.Name != "write_run_logs" {
			return false
		}
	}
	return len(fields) > 0
}
