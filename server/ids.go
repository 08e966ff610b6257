package server

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// newID makes an id for a new row. Ids ascend (UUID version 7), so rows that are written together lie together in
// every index on them.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return id.String(), nil
}

// parseID reads a UUID in any spelling that Python's UUID reads (capitals, no hyphens, braces, "urn:uuid:") and gives
// the one that is stored: lower case with hyphens.
func parseID(text string) (string, error) {
	if len(text) == 36 && strings.ToLower(text) == text {
		if err := uuid.Validate(text); err == nil {
			return text, nil
		}
	}
	digits := strings.NewReplacer("urn:", "", "uuid:", "", "-", "").Replace(text)
	digits = strings.Trim(digits, "{}")
	if len(digits) != 32 {
		return "", fmt.Errorf("%q is not a UUID", text)
	}
	id, err := uuid.Parse(digits)
	if err != nil {
		return "", fmt.Errorf("%q is not a UUID", text)
	}
	return id.String(), nil
}
