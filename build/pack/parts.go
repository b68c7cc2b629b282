package pack

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// part is a Go module taken for the files in it.
type part struct {
	what, path, version string
	// sum is the module's hash as go.sum files have it ("h1:"): sha256 over the
	// hashes and names of all files (golang.org/x/mod/sumdb/dirhash, "Hash1").
	sum string
}

// Kernel and firmware come without tools of their own, from the same proxy as
// the rest of the source, and nothing of them is compiled.
var (
	kernelPart = part{
		what: "the kernel", path: "github.com/gokrazy/kernel.rpi", version: "v0.0.0-20251127164438-9778ec0261de",
		sum: "h1:RSLWj1Ska9s4cl+n/bC5LY4s8vLr+tZoO2vMm/wGP64=",
	}
	firmwarePart = part{
		what: "the Raspberry Pi firmware", path: "github.com/gokrazy/firmware", version: "v0.0.0-20260522070551-527ce0ed43cf",
		sum: "h1:WRmvIwhtcWJfHnrfpfXWPh3Xq6Lztn0y5l3li+NjaYw=",
	}
)

// stamp is the time on every file of an image, if nothing else is asked for:
// that of the newest part.
var stamp = time.Date(2026, 5, 22, 7, 5, 51, 0, time.UTC)

// errSum is returned for a part that is not the one pinned here.
var errSum = errors.New("pack: wrong content")

// fetch returns a part's files by path. The go command downloads it once; what
// it keeps is not trusted but hashed again.
func (p part) fetch(ctx context.Context) (map[string][]byte, error) {
	// Outside of every module, where no go.mod or go.work has a say.
	out, err := golang(ctx, os.TempDir(), nil, "mod", "download", "-json", p.path+"@"+p.version)
	var answer struct{ Zip, Error string }
	if json.Unmarshal(out, &answer) == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil && answer.Zip == "" {
		err = errors.New("the go command did not say where it is")
	}
	if err != nil {
		return nil, fmt.Errorf("pack: get %s: %w\nIt is downloaded once, as a Go module: check the network, and what \"go env GOPROXY\" says", p.what, err)
	}
	return p.open(answer.Zip)
}

// remedy is for a module that is damaged on this computer.
const remedy = "\"go clean -modcache\" deletes all modules kept here; they are downloaded again when needed"

// open reads and checks a module's zip file.
func (p part) open(file string) (map[string][]byte, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, fmt.Errorf("pack: open %s: %s: %w\n%s", p.what, file, err, remedy)
	}
	defer z.Close()
	slices.SortFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	files, all := map[string][]byte{}, sha256.New()
	for _, f := range z.File {
		data, err := unzip(f)
		if err != nil {
			return nil, fmt.Errorf("pack: open %s: %s: %w\n%s", p.what, file, err, remedy)
		}
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(data), f.Name)
		name, ok := strings.CutPrefix(f.Name, p.path+"@"+p.version+"/")
		if _, twice := files[name]; twice || !ok {
			return nil, fmt.Errorf("%w: %s has a file %q", errSum, p.what, f.Name)
		}
		files[name] = data
	}
	if sum := "h1:" + base64.StdEncoding.EncodeToString(all.Sum(nil)); sum != p.sum {
		return nil, fmt.Errorf("%w: %s in %s is %s, it must be %s: it is not used\n%s",
			errSum, p.what, file, sum, p.sum, remedy)
	}
	return files, nil
}

func unzip(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// golang runs the go command and returns what it prints. An error has what it
// complained about.
func golang(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// A user's flags would show in the result.
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "GO111MODULE=on")
	cmd.Env = append(cmd.Env, env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return out, fmt.Errorf("go %s: %w\n%s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
