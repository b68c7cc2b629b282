package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// buildah works without a daemon and, with these, inside other containers.
func buildah(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "buildah", append([]string{"--storage-driver", "vfs"}, args...)...)
}

// tryImage builds the image for one platform, starts it as its user with the
// command it declares, waits until its health check passes, and stops it.
func tryImage(ctx context.Context, root, arch string, stdout io.Writer) (err error) {
	if _, err := exec.LookPath("buildah"); err != nil {
		return errors.New("buildah is not installed; on Debian: apt-get install --no-install-recommends buildah")
	}
	begin := time.Now()
	tag := "smartreader-simulator:try-" + arch
	bud := buildah(ctx, "bud", "--isolation", "chroot", "--format", "docker", "--platform", "linux/"+arch, "-t", tag, ".")
	bud.Dir = root
	if _, err := output(bud); err != nil {
		return err
	}
	name, err := output(buildah(ctx, "from", tag))
	if err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	defer func() {
		cleanup, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer stop()
		_, e := output(buildah(cleanup, "rm", name))
		err = errors.Join(err, e)
	}()
	image, err := inspect(ctx, tag)
	if err != nil {
		return err
	}
	if image.User == "" || strings.HasPrefix(image.User, "0") || image.User == "root" {
		return fmt.Errorf("the image runs as %q", image.User)
	}
	if arch != runtime.GOARCH {
		return tryForeign(ctx, name, arch, image, begin, stdout)
	}
	inside := func(argv ...string) *exec.Cmd {
		return buildah(ctx, append([]string{"run", "--isolation", "chroot", name, "--"}, argv...)...)
	}
	return tryRun(ctx, inside, arch, image, begin, stdout)
}

// tryForeign runs the very files of an image for another processor under
// qemu-user, as the image's user.
func tryForeign(ctx context.Context, name, arch string, image config, begin time.Time, stdout io.Writer) error {
	interpreter, err := exec.LookPath(map[string]string{"arm64": "qemu-aarch64-static", "amd64": "qemu-x86_64-static"}[arch])
	if err != nil {
		return errors.New("no emulator for it; on Debian: apt-get install --no-install-recommends qemu-user-static")
	}
	mounted, err := output(buildah(ctx, "mount", name))
	if err != nil {
		return err
	}
	root := strings.TrimSpace(mounted)
	data, err := os.MkdirTemp("", "container-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	uid := 0
	if _, err := fmt.Sscanf(image.User, "%d", &uid); err != nil {
		return fmt.Errorf("the image's user %q is no number, as an image without /etc/passwd needs", image.User)
	}
	if err := os.Chown(data, uid, uid); err != nil {
		return err
	}
	// What the image's command calls /data is this folder, outside of it.
	for i, arg := range image.Entrypoint {
		if arg == "/data" {
			image.Entrypoint[i] = data
		}
	}
	inside := func(argv ...string) *exec.Cmd {
		command := exec.CommandContext(ctx, interpreter, append([]string{filepath.Join(root, argv[0])}, argv[1:]...)...)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		command.Dir = "/"
		return command
	}
	if err := passable(root); err != nil {
		return err
	}
	return tryRun(ctx, inside, arch, image, begin, stdout)
}

// passable lets the image's user reach the mounted files: buildah's own folders
// above are for root alone.
func passable(root string) error {
	for dir := filepath.Dir(root); dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode()&0o011 != 0o011 {
			if err := os.Chmod(dir, info.Mode()|0o011); err != nil {
				return err
			}
		}
	}
	return nil
}

// tryRun starts the image's command, on free ports, and asks for its health the
// way the image declares it.
func tryRun(ctx context.Context, inside func(...string) *exec.Cmd, arch string, image config, begin time.Time, stdout io.Writer) error {
	const free = "127.0.0.1:0"
	reader := inside(append(image.Entrypoint, "-json", "-listen", free, "-public", free, "-device", free, "-control", free)...)
	var said bytes.Buffer
	reader.Stderr = &said
	pipe, err := reader.StdoutPipe()
	if err != nil {
		return err
	}
	if err := reader.Start(); err != nil {
		return err
	}
	first, rest := bufio.NewReader(pipe), make(chan struct{})
	line, readErr := first.ReadBytes('\n')
	var at struct{ Control, ReaderID string }
	if err := json.Unmarshal(line, &at); err != nil || at.Control == "" {
		_ = reader.Process.Kill() // it said nothing useful; what it said to stderr is the error
		_ = reader.Wait()
		return fmt.Errorf("it did not start: %w\n%s", errors.Join(readErr, err), said.String())
	}
	go func() { _, _ = io.Copy(io.Discard, first); close(rest) }()
	started := time.Since(begin)
	address := strings.TrimSuffix(strings.TrimPrefix(at.Control, "http://"), "/control/")
	healthy := healthCheck(inside, image, address)
	_ = reader.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	<-rest
	_ = reader.Wait() // buildah calls being stopped a failure
	if healthy != nil {
		return fmt.Errorf("%w\n%s", healthy, said.String())
	}
	fmt.Fprintf(stdout, "linux/%s  user %s, reader %s, healthy  %.1fs to the start, %.1fs in all\n",
		arch, image.User, at.ReaderID, started.Seconds(), time.Since(begin).Seconds())
	return nil
}

func healthCheck(inside func(...string) *exec.Cmd, image config, address string) error {
	check := image.Healthcheck.Test
	if len(check) < 2 || check[0] != "CMD" {
		return fmt.Errorf("the image has no health check that works without a shell: %q", check)
	}
	// The declared check asks the default address; this reader has another.
	argv := append([]string{check[1], "-control", address}, check[2:]...)
	if _, err := output(inside(argv...)); err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	return nil
}

// config is what an image declares.
type config struct {
	User        string
	Entrypoint  []string
	Healthcheck struct{ Test []string }
}

func inspect(ctx context.Context, tag string) (config, error) {
	said, err := output(buildah(ctx, "inspect", "--type", "image", tag))
	if err != nil {
		return config{}, err
	}
	var image struct {
		Docker struct{ Config config }
	}
	if err := json.Unmarshal([]byte(said), &image); err != nil {
		return config{}, fmt.Errorf("buildah inspect: %w", err)
	}
	return image.Docker.Config, nil
}

// output runs a command; a failure tells what it said.
func output(command *exec.Cmd) (string, error) {
	var said bytes.Buffer
	command.Stderr = &said
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, said.String())
	}
	return string(printed), nil
}
