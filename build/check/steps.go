package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// staticcheck at a version, fetched by the go command.
const staticcheck = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"

// refusal is part of the compile error that a 32-bit build must end with
// (store/bits32.go).
const refusal = "theStoreNeedsA64BitPlatform"

// tagged chooses the code behind this project's build tag.
const tagged = "-tags=killpoints"

var steps = []step{
	{"gofmt", "all Go files are formatted", gofmt},
	{"modules", "go.mod and go.sum are tidy and true, and every direct dependency has its reason", modules},
	{"vet", "go vet, with and without the build tags of this project", vet},
	{"staticcheck", "honnef.co/go/tools staticcheck, with and without the build tags of this project", static},
	{"generate", "go generate changes nothing", generate},
	{"cross", "the firmware builds as a static program for linux/amd64 and linux/arm64", cross},
	{"32bit", "the firmware refuses to be built for 32 bits", refuse32},
	{"test", "all tests, with the race detector; import rules are tests of build/archtest", test},
	{"example", "the hardware maker's repository in build/example builds, conforms and passes its tests", example},
	{"fuzz", "every fuzz target, for a share of the time", fuzz},
}

func gofmt(ctx context.Context, j *job) (string, error) {
	out, err := j.command(ctx, nil, "gofmt", "-l", ".")
	if err == nil && out != "" {
		err = fmt.Errorf("not formatted; run: gofmt -w .\n%s", out)
	}
	return "", err
}

func vet(ctx context.Context, j *job) (string, error) {
	if _, err := j.golang(ctx, "vet", "./..."); err != nil {
		return "", err
	}
	_, err := j.golang(ctx, "vet", tagged, "./...")
	return "", err
}

func static(ctx context.Context, j *job) (string, error) {
	if _, err := j.golang(ctx, "run", staticcheck, "./..."); err != nil {
		return "", err
	}
	_, err := j.golang(ctx, "run", staticcheck, tagged, "./...")
	return "", err
}

// test runs the tests behind the build tag first: they are few and quick. The
// other folders have the same tests with the tag as without.
func test(ctx context.Context, j *job) (string, error) {
	if _, err := j.golang(ctx, "test", tagged, "./store/killpoint"); err != nil {
		return "", err
	}
	if j.short {
		_, err := j.golang(ctx, "test", "-short", "./...")
		return "short, without race detector", err
	}
	_, err := j.command(ctx, []string{"CGO_ENABLED=1"}, "go", "test", "-race", "-timeout=20m", "./...")
	if err != nil && strings.Contains(err.Error(), "C compiler") {
		err = fmt.Errorf("the race detector needs a C compiler (install gcc or clang), -short does without\n%w", err)
	}
	return "", err
}

// example checks the module in build/example, which ./... does not see. It needs
// the requirements of this module, so its go.mod follows those.
func example(ctx context.Context, j *job) (string, error) {
	const folder = "build/example"
	if out, err := j.golang(ctx, "-C", folder, "mod", "tidy", "-diff"); err != nil {
		return "", fmt.Errorf("%s/go.mod or go.sum is not tidy; run: go -C %s mod tidy\n%s(%w)", folder, folder, out, err)
	}
	if _, err := j.golang(ctx, "-C", folder, "vet", "./..."); err != nil {
		return "", err
	}
	if _, err := j.golang(ctx, "-C", folder, "run", staticcheck, "./..."); err != nil {
		return "", err
	}
	if j.short {
		_, err := j.golang(ctx, "-C", folder, "test", "-short", "./...")
		return "short, without race detector", err
	}
	_, err := j.command(ctx, []string{"CGO_ENABLED=1"}, "go", "-C", folder, "test", "-race", "./...")
	return "", err
}

// generate compares the files before and after, not with what git knows: it
// must also work in the middle of a change.
func generate(ctx context.Context, j *job) (string, error) {
	before, err := hashTree(j.root)
	if err != nil {
		return "", err
	}
	if _, err := j.golang(ctx, "generate", "./..."); err != nil {
		return "", err
	}
	after, err := hashTree(j.root)
	if err != nil {
		return "", err
	}
	if changed := before.changes(after); len(changed) > 0 {
		return "", fmt.Errorf("go generate changed files; they are up to date now, look at them:\n%s", strings.Join(changed, "\n"))
	}
	return "", nil
}

func cross(ctx context.Context, j *job) (string, error) {
	if _, err := os.Stat(filepath.Join(j.root, "firmware")); err != nil {
		return "", fmt.Errorf("there is no production program to build: %w", err)
	}
	dir, err := os.MkdirTemp("", "check-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	var sizes []string
	for _, arch := range []string{"amd64", "arm64"} {
		file := filepath.Join(dir, arch)
		env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}
		if _, err := j.command(ctx, env, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./firmware"); err != nil {
			return "", err
		}
		if err := mustBeStatic(file); err != nil {
			return "", fmt.Errorf("linux/%s: %w", arch, err)
		}
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		sizes = append(sizes, fmt.Sprintf("%s %.1f MB", arch, float64(info.Size())/1e6))
	}
	return strings.Join(sizes, ", "), nil
}

// mustBeStatic checks that a program needs no dynamic linker and no libraries.
func mustBeStatic(file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("the program is not static: it names a dynamic linker")
		}
	}
	libraries, err := f.ImportedLibraries()
	if err == nil && len(libraries) > 0 {
		err = fmt.Errorf("the program is not static: it needs %s", strings.Join(libraries, ", "))
	}
	return err
}

func refuse32(ctx context.Context, j *job) (string, error) {
	for _, arch := range []string{"arm", "386"} {
		env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}
		out, err := j.command(ctx, env, "go", "build", "-o", os.DevNull, "./firmware")
		if err == nil {
			return "", fmt.Errorf("the firmware builds for %s, where the store would destroy data", arch)
		}
		if !strings.Contains(out, refusal) {
			return "", fmt.Errorf("the build for %s failed, but not with %q:\n%w", arch, refusal, err)
		}
	}
	return "", nil
}
