package pack

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smartreader/build/pack/cpio"
)

// compile builds a Go main for the reader: static, and the same bytes wherever
// and by whomever it is built.
func compile(ctx context.Context, pkg string) ([]byte, error) {
	if strings.HasPrefix(pkg, "-") {
		return nil, fmt.Errorf("pack: %q is no Go package", pkg)
	}
	dir, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return nil, fmt.Errorf("pack: compile %s: %w", pkg, err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "program")
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64", "GOARM64=v8.0", "GOFIPS140=off", "GOEXPERIMENT=", "GODEBUG="}
	_, err = golang(ctx, "", env, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, pkg)
	if err != nil {
		if strings.Contains(err.Error(), "is not in std") {
			err = fmt.Errorf("%w\nthere is no such package here: run this inside the repository, or name your own program's package with -main", err)
		}
		return nil, fmt.Errorf("pack: compile %s: %w", pkg, err)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("pack: compile %s: %w", pkg, err)
	}
	// A package that is no main leaves an archive.
	if !bytes.HasPrefix(program, []byte("\x7fELF")) {
		return nil, fmt.Errorf("pack: compile %s: it is not a program (package main)", pkg)
	}
	return program, nil
}

// initramfs makes the whole operating system beside the kernel: the reader's
// program, and places to mount what it mounts. The kernel opens dev/console for
// it before anything is mounted.
func initramfs(ctx context.Context, level int, t time.Time, initProgram, worker []byte) ([]byte, error) {
	const device = fs.ModeDevice | fs.ModeCharDevice
	var entries []cpio.Entry
	for _, dir := range []string{"boot", "data", "dev", "etc", "proc", "run", "sys", "tmp"} {
		entries = append(entries, cpio.Entry{Name: dir, Mode: fs.ModeDir | 0o755})
	}
	entries = append(entries,
		cpio.Entry{Name: "dev/console", Mode: device | 0o600, Major: 5, Minor: 1},
		cpio.Entry{Name: "dev/null", Mode: device | 0o666, Major: 1, Minor: 3},
		cpio.Entry{Name: "init", Mode: 0o755, Data: initProgram},
	)
	if worker != nil {
		entries = append(entries, cpio.Entry{Name: "worker", Mode: 0o755, Data: worker})
	}
	var archive bytes.Buffer
	if err := cpio.Write(&archive, t, entries); err != nil {
		return nil, err
	}
	return compress(ctx, level, archive.Bytes())
}

// compress makes a gzip file without a name or time in it.
func compress(ctx context.Context, level int, data []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, err
	}
	for piece := range slices.Chunk(data, mib) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := z.Write(piece); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
