// Command container makes what the Dockerfile copies: the simulator as a static
// program for each platform, and an empty folder for its data.
//
//	go run ./build/container              out/container, then: docker build -t smartreader-simulator .
//	go run ./build/container -try         build the images with buildah too, start them, and check that they are healthy
//
// Without -try it needs Go only. With it: Debian's packages buildah and, for the
// platform that is not this machine's, qemu-user-static; and root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// platforms are the images there are, as GOARCH and TARGETARCH name them.
var platforms = []string{"amd64", "arm64"}

// out is where the Dockerfile looks.
const out = "out/container"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "container: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flag.NewFlagSet("container", flag.ContinueOnError)
	set.SetOutput(stderr)
	try := set.Bool("try", false, "build the images with buildah, start each and check its health")
	set.Usage = func() {
		fmt.Fprint(set.Output(), "Usage: container [-try]\n\nBuilds what the Dockerfile copies, in "+out+". Run it in the repository.\n\n")
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see -help", set.Arg(0))
	}
	root, err := repository(ctx)
	if err != nil {
		return err
	}
	for _, arch := range platforms {
		if err := build(ctx, root, arch, stdout); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(root, out, "data"), 0o755); err != nil {
		return err
	}
	if !*try {
		fmt.Fprintln(stdout, "now: docker build -t smartreader-simulator .")
		return nil
	}
	for _, arch := range platforms {
		if err := tryImage(ctx, root, arch, stdout); err != nil {
			return fmt.Errorf("linux/%s: %w", arch, err)
		}
	}
	return nil
}

func repository(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(file)))
	if _, err := os.Stat(filepath.Join(root, "Dockerfile")); err != nil {
		return "", errors.New("there is no Dockerfile here: run it in the repository")
	}
	return root, nil
}

func build(ctx context.Context, root, arch string, stdout io.Writer) error {
	file := filepath.Join(out, arch, "simulator")
	begin := time.Now()
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "./build/simulator")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build for %s: %w\n%s", arch, err, said)
	}
	info, err := os.Stat(filepath.Join(root, file))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s  %.1f MB  %.1fs\n", file, float64(info.Size())/1e6, time.Since(begin).Seconds())
	return nil
}
