package agent

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"
)

// globSigns begin the parts of a glob that stand for others.
const globSigns = `*?[{\`

// parseImageRule refuses globs that are malformed, or that no full reference can match.
//
// Globs are those of doublestar: * and ? stand for text without a slash, ** between slashes for any
// number of components, [a-z] for a character, {a,b} for either.
func parseImageRule(glob string) (string, error) {
	registry, name, hasSlash := strings.Cut(glob, "/")
	last := name[strings.LastIndex(name, "/")+1:]
	if !strings.ContainsAny(registry, globSigns) {
		registry = strings.ToLower(registry)
		if registry == "index.docker.io" {
			registry = dockerHub
		}
	}
	switch {
	case glob == "**":
		return glob, nil
	case !doublestar.ValidatePattern(glob):
		return "", errors.New("not a valid glob; write REGISTRY/NAME:TAG with *, **, ?, [a-z] or {a,b}")
	case !hasSlash, !strings.ContainsAny(registry, globSigns+".:") && registry != "localhost":
		return "", errors.New("begins with no registry; write REGISTRY/NAME:TAG, for images of Docker Hub docker.io/library/NAME:TAG or docker.io/USER/NAME:TAG")
	case registry == dockerHub && !strings.Contains(name, "/") && name != "**":
		return "", errors.New("Docker Hub has no such names; write docker.io/library/NAME:TAG, docker.io/USER/NAME:TAG or docker.io/**")
	case slices.ContainsFunc(strings.Split(glob, "/"), func(part string) bool {
		return strings.Contains(part, "**") && part != "**"
	}):
		return "", errors.New("** stands alone between slashes; write REGISTRY/**, or REGISTRY/**/*:TAG")
	case !strings.ContainsAny(last, globSigns+":@"):
		whole := strings.TrimSuffix(glob, "/")
		return "", fmt.Errorf("names no tag; write %s:* for all tags, or %s/** for all below", whole, whole)
	}
	return registry + "/" + name, nil
}

// checkImage returns an error unless the image's full reference matches one of the globs, or there are
// none. It holds for every launch, pulled or not.
func (p Policy) checkImage(image string) error {
	if len(p.images) == 0 {
		return nil
	}
	rules := "--allow-image " + strings.Join(p.images, ", ")
	full, err := fullReference(image)
	if err != nil {
		return fmt.Errorf("image %q: %w; the agent's policy is %s", image, err, rules)
	}
	for _, glob := range p.images {
		if ok, err := doublestar.Match(glob, full); err == nil && ok {
			return nil
		}
	}
	return fmt.Errorf("image %q: the agent's policy does not allow %s: %s", image, full, rules)
}

// shortID is what engines also take for the beginning of an image's id.
var shortID = regexp.MustCompile(`^(sha256:)?[0-9a-f]+$`)

// fullReference spells an image as REGISTRY/NAME:TAG, or REGISTRY/NAME@DIGEST where there is a digest:
// engines ignore the tag then.
func fullReference(image string) (string, error) {
	if shortID.MatchString(image) {
		return "", errors.New("it may be an id, which tells no name; write NAME:TAG")
	}
	ref, err := reference.ParseDockerRef(image)
	if err != nil {
		return "", fmt.Errorf("its full name is not known, since %w", err)
	}
	registry := reference.Domain(ref)
	return strings.ToLower(registry) + ref.String()[len(registry):], nil
}
