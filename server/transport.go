package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// endpoint takes GraphQL over HTTP POST the way Prefect's clients send it. gqlgen's own transport does not do: it
// refuses variables that are a string, and answers 422, which Prefect's client does not expect, where it wants 400.
type endpoint struct {
	schema   *ast.Schema
	executor *executor.Executor
	log      *slog.Logger
	key      keyCheck
	bodies   *bodies
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
	if !admitPage(w, r) {
		e.refuse(w, http.StatusForbidden, codeBadInput, refusedPage(r))
		return
	}
	if refusal := e.key.refusal(r); refusal != "" {
		discard(r)
		e.refuse(w, http.StatusOK, codeUnauthenticated, refusal)
		return
	}
	// Only this type makes a browser ask before it sends a request from another site.
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		e.refuse(w, http.StatusUnsupportedMediaType, codeBadInput, "The Content-Type of a request must be application/json.")
		return
	}
	body, done, err := e.bodies.read(r)
	defer done()
	if err != nil {
		e.refuseBody(w, err)
		return
	}
	e.answer(w, r, body)
}

// answer takes a request whose body has been read.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	var sent request
	if !utf8.Valid(body) || json.Unmarshal(body, &sent) != nil {
		e.refuse(w, http.StatusBadRequest, codeBadInput, "The request is not a JSON object with a query.")
		return
	}
	raw, values, err := decodeVariables(sent.Variables)
	if err != nil {
		e.refuse(w, http.StatusBadRequest, codeBadInput, "Variables are invalid: "+err.Error())
		return
	}
	e.execute(w, r.WithContext(withVariables(r.Context(), raw)), sent, values, len(body))
}

// execute answers a request that could be read; its body had this size.
func (e *endpoint) execute(w http.ResponseWriter, r *http.Request, sent request, values map[string]any, size int) {
	params := &graphql.RawParams{Query: sent.Query, Variables: values, Headers: r.Header}
	if sent.OperationName != nil {
		params.OperationName = *sent.OperationName
	}
	ctx := graphql.StartOperationTrace(r.Context())
	operation, problems := e.executor.CreateOperationContext(ctx, params)
	if size > e.bodies.most && !onlyWritesLogs(operation) {
		e.refuseBody(w, e.bodies.tooLarge())
		return
	}
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
		e.write(w, http.StatusBadRequest, &graphql.Response{Errors: explainRefusals(e.schema, problems)})
		return
	}
	if depth := selectionDepth(operation.Operation.SelectionSet); depth > maxSelectionDepth {
		e.refuse(w, http.StatusBadRequest, "GRAPHQL_VALIDATION_FAILED",
			fmt.Sprintf("The query nests objects %d levels deep; at most %d are answered.", depth, maxSelectionDepth))
		return
	}
	respond, ctx := e.executor.DispatchOperation(ctx, operation)
	if response := respond(ctx); response != nil {
		e.write(w, http.StatusOK, response)
	}
}

func (e *endpoint) refuseBody(w http.ResponseWriter, err error) {
	text := err.Error()
	e.refuse(w, http.StatusBadRequest, codeBadInput, strings.ToUpper(text[:1])+text[1:]+".")
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
