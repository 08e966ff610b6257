package graphql

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Kinds of API errors, for errors.Is. What is none of them is final: the request itself is wrong.
var (
	// ErrUnauthorized: the API rejects the credentials, or wants some.
	ErrUnauthorized = errors.New("the API rejected the credentials")
	// ErrClaimed: a state was refused because the run was taken by somebody else, is gone, or
	// moved on since its version was read.
	ErrClaimed = errors.New("the run was claimed elsewhere")
	// ErrTemporary: the API cannot be reached or is overloaded; the same request may succeed later.
	ErrTemporary = errors.New("the API is unavailable")
	// ErrNotPrefect: something answers, but it is no Prefect API.
	ErrNotPrefect = errors.New("not a Prefect API")
)

// Error is an answer of the API that is not a result, or the lack of an answer.
type Error struct {
	Operation  string        // name of the GraphQL operation
	Status     int           // HTTP status; 0 when there was no answer
	Message    string        // one line
	RetryAfter time.Duration // what the API asked to wait; 0 when it did not
	MayApply   bool          // a mutation's effect is unknown: it was sent, its answer was lost
	Kind       error         // one of the kinds above; nil: final
	cause      error
}

// Error returns the message; the operation is the caller's context to give.
func (e *Error) Error() string { return e.Message }

// Is reports whether the error is of the given kind.
func (e *Error) Is(target error) bool { return e.Kind == target }

// Unwrap returns the transport's error, if there was one.
func (e *Error) Unwrap() error { return e.cause }

// apiErrors are the members of a GraphQL "errors" list that the client looks at.
type apiErrors []struct {
	Message    string `json:"message"`
	Extensions struct {
		Code string `json:"code"`
	} `json:"extensions"`
}

// text is what people are shown of the list.
func (l apiErrors) text() string { return oneLine(l.joined()) }

// joined has the messages. Prefect's client looks for texts anywhere in the list, codes included
// (1.4.1 client.py), hence codes that the messages do not repeat are kept.
func (l apiErrors) joined() string {
	var parts []string
	for _, e := range l {
		msg := strings.Join(strings.Fields(e.Message), " ")
		if msg == "" {
			msg = "no error message supplied"
		}
		if code := e.Extensions.Code; code != "" && code != "INTERNAL_SERVER_ERROR" && !strings.Contains(msg, code) {
			msg += " (" + code + ")"
		}
		if !slices.Contains(parts, msg) {
			parts = append(parts, msg)
		}
	}
	return strings.Join(parts, "; ")
}

// maxText bounds what an error repeats of an answer.
const maxText = 1000

// oneLine makes text of an answer fit for an error: a server may send anything.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// kind sorts an "errors" list as the Python client does (1.4.1 client.py); nil means final.
func (l apiErrors) kind() error {
	text := l.joined()
	switch {
	case strings.Contains(text, "API_ERROR"):
		return ErrTemporary
	case strings.Contains(text, "UNAUTHENTICATED"), strings.Contains(text, "Malformed Authorization header"):
		return ErrUnauthorized
	case len(l) > 0 && l[0].Extensions.Code == "VERSION_LOCKING_ERROR",
		strings.Contains(text, "State update failed"):
		return ErrClaimed
	case strings.Contains(text, "Unable to connect to postgres"):
		return ErrTemporary
	}
	return nil
}

// statusError sorts an HTTP status that is not a result. 400 with a readable "errors" list is sorted
// by the list; everything that a later try may heal is temporary.
func statusError(op string, resp *http.Response, list apiErrors, url string) *Error {
	e := &Error{Operation: op, Status: resp.StatusCode, RetryAfter: retryAfter(resp)}
	status := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Kind = ErrUnauthorized
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Kind = ErrTemporary
		e.MayApply = resp.StatusCode >= http.StatusInternalServerError
	}
	if len(list) > 0 {
		if k := list.kind(); k != nil {
			e.Kind, e.MayApply = k, k == ErrTemporary
		}
		e.Message = fmt.Sprintf("%s from %s: %s", status, url, list.text())
		return e
	}
	e.Message = fmt.Sprintf("%s from %s", status, url)
	return e
}

// retryAfter reads the header's two forms: seconds, or an HTTP date.
func retryAfter(resp *http.Response) time.Duration {
	v := resp.Header.Get("Retry-After")
	if v == "" {
		return 0
	}
	if d, err := time.ParseDuration(v + "s"); err == nil {
		return max(d, 0)
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
