package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxBody is the size of the largest request. A batch of log lines is up to 4 MB of text, as JSON in a JSON string.
const maxBody = 32 << 20

// endpoint takes GraphQL over HTTP POST the way Prefect's clients send it. gqlgen's own transport does not do: it
// refuses variables that are a string, and answers 422, which Prefect's client does not expect, where it wants 400.
type endpoint struct {
	schema   *ast.Schema
	executor *executor.Executor
	log      *slog.Logger
}

// request is the body of a request. Variables may be an object or, as Prefect sends them, a string with its JSON.
type request struct {
	Query         string          `json:"query"`
	OperationName *string         `json:"operationName"`
	Variables     json.RawMessage `json:"variables"`
}

// ServeHTTP answers a request. Whatever the request, the status is below 500: Prefect's client repeats those for a
// minute.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if cause := recover(); cause != nil {
			e.log.Error("Request failed unexpectedly", "cause", cause, "stack", string(debug.Stack()))
			e.refuse(w, http.StatusOK, codeInternal, "The request failed because of a defect of the server; its log says more.")
		}
	}()
	if origin := r.Header.Get("Origin"); origin != "" && !isLocal(origin) {
		e.refuse(w, http.StatusForbidden, codeBadInput, "Requests from the web page "+strconv.Quote(origin)+" are not answered.")
		return
	}
	// Only this type makes a browser ask before it sends a request from another site.
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		e.refuse(w, http.StatusUnsupportedMediaType, codeBadInput, "The Content-Type of a request must be application/json.")
		return
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			e.refuse(w, http.StatusRequestEntityTooLarge, codeBadInput, "The request is larger than 32 MB.")
			return
		}
		e.refuse(w, http.StatusBadRequest, codeBadInput, "The request could not be read.")
		return
	}
	var sent request
	if !utf8.Valid(body.Bytes()) || json.Unmarshal(body.Bytes(), &sent) != nil {
		e.refuse(w, http.StatusBadRequest, codeBadInput, "The request is not a JSON object with a query.")
		return
	}
	raw, values, err := decodeVariables(sent.Variables)
	if err != nil {
		e.refuse(w, http.StatusBadRequest, codeBadInput, "Variables are invalid: "+err.Error())
		return
	}
	e.execute(w, r.WithContext(withVariables(r.Context(), raw)), sent, values)
}

// isLocal says whether a web page was loaded from this machine or from an address. Any other page that a browser here
// shows could have its name point to 127.0.0.1 and start runs through it. Other clients than browsers send no Origin.
func isLocal(origin string) bool {
	page, err := url.Parse(origin)
	return err == nil && (page.Hostname() == "localhost" || net.ParseIP(page.Hostname()) != nil)
}

// execute answers a request that could be read.
func (e *endpoint) execute(w http.ResponseWriter, r *http.Request, sent request, values map[string]any) {
	params := &graphql.RawParams{Query: sent.Query, Variables: values, Headers: r.Header}
	if sent.OperationName != nil {
		params.OperationName = *sent.OperationName
	}
	ctx := graphql.StartOperationTrace(r.Context())
	operation, problems := e.executor.CreateOperationContext(ctx, params)
	if len(problems) == 0 {
		if err := checkVariables(e.schema, operation.Operation, values); err != nil {
			problems = gqlerror.List{err}
		}
	}
	if len(problems) > 0 {
		if operation.Operation != nil { // the document is valid, the variables are not
			for _, problem := range problems {
				errcode.Set(problem, codeBadInput)
			}
		}
		e.write(w, http.StatusBadRequest, &graphql.Response{Errors: problems})
		return
	}
	respond, ctx := e.executor.DispatchOperation(ctx, operation)
	if response := respond(ctx); response != nil {
		e.write(w, http.StatusOK, response)
	}
}

func (e *endpoint) refuse(w http.ResponseWriter, status int, code, message string) {
	e.write(w, status, &graphql.Response{
		Errors: gqlerror.List{{Message: message, Extensions: map[string]any{"code": code}}},
	})
}

// write sends an answer. There are no errors in it if there are none, as Prefect's client trips over an empty list,
// and no data if nothing was executed. Data is JSON of our own making and goes out as it is.
func (e *endpoint) write(w http.ResponseWriter, status int, response *graphql.Response) {
	var answer object
	if len(response.Errors) > 0 {
		list, err := encodeJSON(response.Errors)
		if err != nil {
			e.log.Error("Errors could not be written", "error", err)
			list = json.RawMessage(`[{"message":"The request failed."}]`)
		}
		answer = append(answer, member{"errors", list})
	}
	if response.Data != nil {
		answer = append(answer, member{"data", response.Data})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if _, err := w.Write(answer.encode()); err != nil {
		e.log.Debug("Answer could not be sent", "error", err)
	}
}

// variablesKey is the key of the variables of a request in its context.
type variablesKey struct{}

func withVariables(ctx context.Context, vars variables) context.Context {
	return context.WithValue(ctx, variablesKey{}, vars)
}

// sentVariables gives the variables of the request.
func sentVariables(ctx context.Context) variables {
	vars, _ := ctx.Value(variablesKey{}).(variables)
	return vars
}
