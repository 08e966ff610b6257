package server

import "fmt"

// Values of extensions.code in an error. Prefect's client only prints most of them, but it sends a request again
// when it reads codeTryAgain.
const (
	codeInternal = "INTERNAL_SERVER_ERROR" // Server's default, also for mistakes of the caller in a mutation
	codeBadInput = "BAD_USER_INPUT"
	codeTryAgain = "API_ERROR"
)

// apiError is an error whose text is meant for the caller. Any other error of a resolver is logged as well.
type apiError struct {
	message string
	code    string
}

func (e *apiError) Error() string { return e.message }

// refuse makes an error like those of Prefect Server's mutations.
func refuse(format string, args ...any) error {
	return &apiError{message: fmt.Sprintf(format, args...), code: codeInternal}
}

// badInput makes an error for a value that has the right GraphQL type and yet cannot be meant.
func badInput(format string, args ...any) error {
	return &apiError{message: fmt.Sprintf(format, args...), code: codeBadInput}
}

// Texts that Prefect Server has for errors of its database. Prefect's client looks for the first.
const (
	uniquenessViolation = "Uniqueness violation."
	foreignKeyViolation = "Foreign key violation."
)
