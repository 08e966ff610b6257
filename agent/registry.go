package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// needsPull tells whether an image is fetched before its container is created: the Python agent takes
// names without a slash for images that were built on the engine (1.4.1 docker/agent.py).
func needsPull(noPull bool, image string) bool {
	return !noPull && strings.Contains(image, "/")
}

// checkRegistry returns an error unless the image comes from a registry of the list, or the list is
// empty. It holds for every launch, pulled or not.
//
// The registry is what the engine takes it for: prefecthq/prefect comes from docker.io. Lists written
// for the Python agent name the first component of the image instead ("prefecthq"), which goes on to
// allow that account of docker.io.
func checkRegistry(image string, allowed []string) error {
	if len(allowed) == 0 {
		return nil
	}
	ref, err := reference.ParseAnyReference(image)
	if err != nil {
		return fmt.Errorf("image %q: its registry is not known, since %w; the registry allow-list is %s", image, err, strings.Join(allowed, ", "))
	}
	named, ok := ref.(reference.Named)
	if !ok {
		return fmt.Errorf("image %q: an id tells no registry; the registry allow-list is %s", image, strings.Join(allowed, ", "))
	}
	registry := reference.Domain(named)
	account, _, _ := strings.Cut(reference.Path(named), "/")
	if slices.ContainsFunc(allowed, func(entry string) bool {
		entry = normalizeRegistry(entry)
		return strings.EqualFold(entry, registry) || registry == dockerHub && entry == account
	}) {
		return nil
	}
	return fmt.Errorf("image %q: registry %s is not in the registry allow-list: %s", image, registry, strings.Join(allowed, ", "))
}

const dockerHub = "docker.io"

// normalizeRegistry accepts the spellings of registries that the Docker CLI's config has.
func normalizeRegistry(entry string) string {
	if _, host, found := strings.Cut(entry, "://"); found {
		entry = host
	}
	entry = strings.TrimRight(entry, "/")
	switch entry {
	case "index.docker.io", "index.docker.io/v1", "registry-1.docker.io":
		return dockerHub
	}
	return entry
}
