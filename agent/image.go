package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// resolveImage names the image of a run. With a run config, or without an environment, the first of:
// Docker storage, the run config's image, Prefect's own image for the flow's version. A flow of
// Prefect 0.13, which has an environment instead: the image of its metadata, else Docker storage
// (0.15.13 utilities/agent.py, of which the rules of 0.13.0 and of 1.4.1 are parts).
func resolveImage(run graphql.FlowRun, rc runConfig) (string, error) {
	environment, err := decodeJSON(run.Flow.Environment)
	if err != nil {
		return "", fmt.Errorf("environment of flow %q: %w", run.Flow.Name, err)
	}
	legacy := environment != nil && !rc.given
	if legacy {
		image, err := environmentImage(environment)
		if err != nil {
			return "", fmt.Errorf("environment of flow %q: %w", run.Flow.Name, err)
		}
		if image != "" {
			return image, nil
		}
	}
	stored, err := storageImage(run.Flow.Storage, len(rc.command) > 0)
	switch {
	case err != nil:
		return "", fmt.Errorf("storage of flow %q: %w", run.Flow.Name, err)
	case stored != "":
		return stored, nil
	case legacy:
		//lint:ignore ST1005 Python's text, which people search for
		return "", fmt.Errorf("Storage for flow run %s is not of type Docker and environment has no `image` attribute in the metadata field.", run.ID)
	case rc.image != nil && *rc.image == "":
		return "", errors.New(`run_config: "image" is empty; name an image or leave it out`)
	case rc.image != nil:
		return *rc.image, nil
	}
	return defaultImage(run.Flow.CoreVersion), nil
}

// defaultImage is Prefect's own image for flows registered by the given version.
func defaultImage(coreVersion string) string {
	tag, _, _ := strings.Cut(coreVersion, "+")
	if tag == "" {
		tag = "latest"
	}
	return "prefecthq/prefect:" + tag
}

// environmentImage returns metadata.image, empty if there is none.
func environmentImage(v any) (string, error) {
	environment, ok := v.(object)
	if !ok {
		return "", expected("an object", v)
	}
	metadata, _ := environment.get("metadata")
	if metadata == nil {
		return "", nil
	}
	members, ok := metadata.(object)
	if !ok {
		return "", fmt.Errorf("metadata: %w", expected("an object", metadata))
	}
	return memberText(members, "image")
}

// storageImage returns the image of Docker storage, empty for storage of other types: those are read
// inside the container. Storage may be missing where no flow is loaded.
func storageImage(raw json.RawMessage, mayMiss bool) (string, error) {
	v, err := decodeJSON(raw)
	if err != nil {
		return "", err
	}
	if v == nil && mayMiss {
		return "", nil
	}
	storage, ok := v.(object)
	if !ok {
		return "", expected("an object", v)
	}
	kind, err := memberText(storage, "type")
	switch {
	case err != nil:
		return "", err
	case kind == "":
		return "", errors.New(`no "type"`)
	case kind != "Docker":
		return "", nil
	}
	registry, err := memberText(storage, "registry_url")
	if err != nil {
		return "", err
	}
	name, err := memberText(storage, "image_name")
	if err != nil {
		return "", err
	}
	tag, err := memberText(storage, "image_tag")
	if err != nil {
		return "", err
	}
	if name == "" || tag == "" {
		return "", errors.New("Docker storage is missing required fields image_name and image_tag")
	}
	return joinPure(registry, name) + ":" + tag, nil
}

// memberText returns a member that is text; absent and null are empty.
func memberText(o object, name string) (string, error) {
	v, _ := o.get(name)
	if v == nil {
		return "", nil
	}
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s: %w", name, expected("text", v))
	}
	return text, nil
}

// joinPure joins like Python's PurePosixPath: an absolute second part drops the first, ".." stays.
func joinPure(first, second string) string {
	joined := first
	switch {
	case first == "" || strings.HasPrefix(second, "/"):
		joined = second
	case strings.HasSuffix(first, "/"):
		joined += second
	default:
		joined += "/" + second
	}
	root := ""
	switch {
	case strings.HasPrefix(joined, "//") && !strings.HasPrefix(joined, "///"):
		root = "//"
	case strings.HasPrefix(joined, "/"):
		root = "/"
	}
	var parts []string
	for part := range strings.SplitSeq(joined, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return root + strings.Join(parts, "/")
}
