// Package graphql is a client of Prefect 1's GraphQL API, Server's and Cloud's. It knows the wire
// protocol; what to ask and when is the caller's business.
package graphql

//go:generate go tool genqlient ../genqlient.yaml

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options say which API to talk to and as whom.
type Options struct {
	URL       string        // e.g. "http://localhost:4200"; trailing slashes are dropped, a path is kept
	Key       string        // API key; empty sends no Authorization header
	TenantID  string        // empty: looked up by DefaultTenant
	Backend   string        // "server" or "cloud"
	Timeout   time.Duration // for the connection and for the answer, each; 0 means 15 s
	UserAgent string
	CABundle  string       // PEM file that replaces the system's certificate authorities; may be empty
	Logger    *slog.Logger // for one debug line per request; nil discards them
}

// Client is safe for use by several goroutines. Its methods try once; errors are *Error unless the
// caller's context ended.
type Client struct {
	t *transport
}

// New checks the options; it does not connect.
func New(opts Options) (*Client, error) {
	u, err := url.Parse(opts.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("API address %q: give a URL such as http://localhost:4200", opts.URL)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 15 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	roundTripper, err := newRoundTripper(opts)
	if err != nil {
		return nil, err
	}
	c := &Client{t: &transport{
		url: strings.TrimRight(opts.URL, "/"), shown: strings.TrimRight(u.Redacted(), "/"), key: opts.Key, backend: opts.Backend, agent: opts.UserAgent,
		http: &http.Client{Transport: roundTripper}, timeout: 2 * opts.Timeout, log: opts.Logger,
	}}
	c.setTenant(opts.TenantID)
	return c, nil
}

func newRoundTripper(opts Options) (*http.Transport, error) {
	tr := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: opts.Timeout}).DialContext,
		TLSHandshakeTimeout:   opts.Timeout,
		ResponseHeaderTimeout: opts.Timeout,
		MaxIdleConnsPerHost:   32, // as many as there are launches at once
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
	}
	if opts.CABundle == "" {
		return tr, nil
	}
	pem, err := os.ReadFile(opts.CABundle)
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities: %s holds no PEM certificate", opts.CABundle)
	}
	tr.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return tr, nil
}

// URL returns the address requests go to, without a password.
func (c *Client) URL() string { return c.t.shown }

// TenantID returns the tenant in use; empty until DefaultTenant has found one.
func (c *Client) TenantID() string {
	if id := c.t.tenantID.Load(); id != nil {
		return *id
	}
	return ""
}

func (c *Client) setTenant(id string) {
	if id != "" {
		c.t.tenantID.Store(&id)
	}
}

// Hello sends the API's test query.
func (c *Client) Hello(ctx context.Context) error {
	_, err := hello(ctx, c.t)
	return err
}

// DefaultTenant returns the tenant to work for and remembers it: the configured one; on Server the
// first; on Cloud the key's (1.4.1 client.py).
func (c *Client) DefaultTenant(ctx context.Context) (string, error) {
	if id := c.TenantID(); id != "" {
		return id, nil
	}
	lookup := c.serverTenant
	if c.t.backend == "cloud" {
		lookup = c.cloudTenant
	}
	id, err := lookup(ctx)
	if err != nil {
		return "", err
	}
	c.setTenant(id)
	return id, nil
}

func (c *Client) serverTenant(ctx context.Context) (string, error) {
	resp, err := serverTenants(ctx, c.t)
	if err != nil {
		return "", err
	}
	if len(resp.Tenant) == 0 {
		return "", fmt.Errorf("%s has no tenant; create one with `prefect server create-tenant --name default`", c.t.shown)
	}
	return resp.Tenant[0].Id, nil
}

func (c *Client) cloudTenant(ctx context.Context) (string, error) {
	if c.t.key == "" {
		return "", &Error{Operation: "authInfo", Kind: ErrUnauthorized, Message: "no API key is set for backend cloud; " +
			"pass --key or run `prefect auth login`, or for a Prefect Server set PREFECT__BACKEND=server"}
	}
	resp, err := authInfo(ctx, c.t)
	var apiErr *Error
	if errors.As(err, &apiErr) && apiErr.Status == http.StatusBadRequest {
		apiErr.Message += "; is this a Prefect Server? Then set PREFECT__BACKEND=server"
	}
	if err != nil {
		return "", err
	}
	switch {
	case resp.AuthInfo == nil || resp.AuthInfo.TenantId == nil:
		return "", &Error{
			Operation: "authInfo", Kind: ErrUnauthorized,
			Message: "the API knows no tenant for this key; an API key is needed, not an API token of Prefect before 0.15",
		}
	case *resp.AuthInfo.TenantId == "":
		return "", errors.New("the API answered with an empty tenant; pass --tenant-id")
	}
	return *resp.AuthInfo.TenantId, nil
}
