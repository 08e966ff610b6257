package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// image is the flow's; missingImage does not exist. Names without a slash are never pulled.
const (
	image        = "docker-prefect-chaos"
	missingImage = "docker-prefect-chaos-missing"
)

// buildImage makes an image of one static program, e2e/chaos/flow, under the name that agents start.
func buildImage(ctx context.Context, dir string, on *engineClient) error {
	path := filepath.Join(dir, "prefect")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./e2e/chaos/flow")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build e2e/chaos/flow: %w", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	err = w.WriteHeader(&tar.Header{Name: "bin/prefect", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return on.importImage(ctx, image, &layer)
}
