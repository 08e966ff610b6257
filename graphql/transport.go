package graphql

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	gql "github.com/Khan/genqlient/graphql"
)

// coreVersion is the Prefect version that the client speaks for. It is part of an agent record's
// identity, and user interfaces compare it, hence a plain released version (1.4.1 client.py).
const coreVersion = "1.4.1"

// maxAnswer bounds what is read of an answer; a page of 25 runs with large documents is far below.
const maxAnswer = 64 << 20

// transport sends genqlient's operations the way Prefect's client does and sorts the answers.
type transport struct {
	url      string
	shown    string // url without a password
	key      string
	backend  string
	agent    string // User-Agent
	http     *http.Client
	timeout  time.Duration
	log      *slog.Logger
	tenantID atomic.Pointer[string]
	agentID  atomic.Pointer[string]
}

// requestBody is what Prefect's API receives: variables travel as JSON text inside the JSON, "null"
// when there are none (1.4.1 client.py).
type requestBody struct {
	Query     string `json:"query"`
	Variables string `json:"variables"`
}

// MakeRequest implements genqlient's client. It tries once; who calls decides what a second try may do.
func (t *transport) MakeRequest(ctx context.Context, req *gql.Request, resp *gql.Response) error {
	variables, err := json.Marshal(req.Variables)
	if err != nil {
		return fmt.Errorf("encode variables of %s: %w", req.OpName, err)
	}
	body, err := json.Marshal(requestBody{Query: strings.TrimSpace(req.Query), Variables: string(variables)})
	if err != nil {
		return fmt.Errorf("encode %s: %w", req.OpName, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("no answer within %s", t.timeout))
	defer cancel()
	httpReq, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("address of the API: %w", err)
	}
	t.setHeaders(httpReq.Header)

	start := time.Now()
	httpResp, err := t.http.Do(httpReq)
	if err != nil {
		return t.unreachable(ctx, req.OpName, err)
	}
	defer func() { _ = httpResp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(httpResp.Body, maxAnswer))
	if err != nil {
		return t.unreachable(ctx, req.OpName, err)
	}
	t.log.Debug("API request", "operation", req.OpName, "status", httpResp.StatusCode, "bytes", len(answer),
		"took", time.Since(start).Round(time.Millisecond/10))
	return t.decode(req.OpName, httpResp, answer, resp)
}

func (t *transport) setHeaders(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "*/*")
	h.Set("User-Agent", t.agent)
	h.Set("X-PREFECT-CORE-VERSION", coreVersion)
	if id := t.agentID.Load(); id != nil {
		h.Set("X-PREFECT-AGENT-ID", *id)
	}
	if t.key == "" {
		return
	}
	h.Set("Authorization", "Bearer "+t.key)
	if id := t.tenantID.Load(); id != nil {
		h.Set("X-PREFECT-TENANT-ID", *id)
	}
}

// webServerRefusals are what servers of pages say to a POST.
var webServerRefusals = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
	http.StatusUnsupportedMediaType, http.StatusNotImplemented,
}

// decode sorts an answer as the Python client does (1.4.1 client.py): status first, then the list of
// errors, which wins over data that comes with it.
func (t *transport) decode(op string, httpResp *http.Response, answer []byte, resp *gql.Response) error {
	var envelope struct {
		Data   json.RawMessage `json:"data"`
		Errors apiErrors       `json:"errors"`
	}
	err := json.Unmarshal(answer, &envelope)
	if httpResp.StatusCode >= http.StatusBadRequest {
		e := statusError(op, httpResp, envelope.Errors, t.shown)
		if len(envelope.Errors) == 0 && slices.Contains(webServerRefusals, httpResp.StatusCode) {
			return t.notPrefect(op, httpResp)
		}
		return e
	}
	if err != nil || (len(envelope.Errors) == 0 && (len(envelope.Data) == 0 || string(envelope.Data) == "null")) {
		return t.notPrefect(op, httpResp)
	}
	if len(envelope.Errors) > 0 {
		kind := envelope.Errors.kind()
		return &Error{
			Operation: op, Status: httpResp.StatusCode, Message: envelope.Errors.text(),
			Kind: kind, MayApply: kind == ErrTemporary,
		}
	}
	if err := json.Unmarshal(envelope.Data, resp.Data); err != nil {
		return &Error{
			Operation: op, Status: httpResp.StatusCode, Kind: ErrNotPrefect, MayApply: true, cause: err,
			Message: fmt.Sprintf("%s answered %s with data that does not fit Prefect's schema: %s", t.shown, op, oneLine(err.Error())),
		}
	}
	return nil
}

// notPrefect explains an answer that is not GraphQL, typically the page of a user interface, or of a proxy
// that lost the API's answer.
func (t *transport) notPrefect(op string, httpResp *http.Response) error {
	e := &Error{Operation: op, Status: httpResp.StatusCode, Kind: ErrNotPrefect, MayApply: true}
	e.Message = fmt.Sprintf("%s does not answer like a Prefect API (status %d, content type %q); "+
		"is it the address of the user interface? The API's is usually http://HOST:4200",
		t.shown, httpResp.StatusCode, oneLine(httpResp.Header.Get("Content-Type")))
	if t.backend == "cloud" && t.key == "" {
		e.Kind = ErrUnauthorized
		e.Message = t.shown + " gave no GraphQL answer and no API key was sent; pass --key or run `prefect auth login`"
	}
	return e
}

// unreachable sorts the failure of a request that got no complete answer.
func (t *transport) unreachable(ctx context.Context, op string, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.DeadlineExceeded) {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err // its own text repeats method and address
	}
	e := &Error{Operation: op, Message: fmt.Sprintf("cannot reach %s: %v", t.shown, err), Kind: ErrTemporary, cause: err, MayApply: true}
	var (
		opErr   *net.OpError
		certErr *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &certErr):
		e.Kind, e.MayApply = nil, false // waiting does not heal a certificate
	case errors.As(err, &opErr) && opErr.Op == "dial":
		e.MayApply = false
	}
	return e
}
