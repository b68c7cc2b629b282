package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// step is one thing that is checked.
type step struct {
	name, what string
	// run returns a short remark for the progress line. An error is a
	// failure; its text is all that the reader of the report gets.
	run func(context.Context, *job) (remark string, err error)
}

// job is what steps know.
type job struct {
	root    string // folder of the module
	short   bool
	fuzzing time.Duration // 0 = none
	out     io.Writer     // progress
}

// run runs steps one after the other and reports. It returns errFailed when one
// failed.
func run(ctx context.Context, steps []step, j *job) error {
	type failure struct {
		step step
		err  error
	}
	var failures []failure
	begin := time.Now()
	for _, s := range steps {
		fmt.Fprintf(j.out, "%-12s ", s.name)
		start := time.Now()
		remark, err := s.run(ctx, j)
		if ctx.Err() != nil {
			fmt.Fprintln(j.out, "interrupted")
			return ctx.Err()
		}
		verdict := "ok"
		if err != nil {
			verdict = "FAILED"
			failures = append(failures, failure{s, err})
		}
		fmt.Fprintf(j.out, "%-6s %6.1fs  %s\n", verdict, time.Since(start).Seconds(), remark)
	}
	total := time.Since(begin).Round(time.Second)
	if len(failures) == 0 {
		fmt.Fprintf(j.out, "\nall %d steps passed in %v\n", len(steps), total)
		return nil
	}
	var names []string
	for _, f := range failures {
		names = append(names, f.step.name)
		fmt.Fprintf(j.out, "\n--- %s: %s\n%s\n", f.step.name, f.step.what, strings.TrimRight(f.err.Error(), "\n"))
	}
	fmt.Fprintf(j.out, "\n%d of %d steps failed in %v\n", len(failures), len(steps), total)
	return fmt.Errorf("%w: %s", errFailed, strings.Join(names, ", "))
}

// command runs a program in the module's folder and returns what it printed.
// A program that fails is an error with the same text.
func (j *job) command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = j.root
	cmd.Env = append(os.Environ(), env...)
	// An interrupt lets go test end its children; those that do not end are killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	if err == nil {
		return both.String(), nil
	}
	return both.String(), fmt.Errorf("$ %s%s %s\n%s(%w)",
		strings.Join(append(env, ""), " "), name, strings.Join(args, " "), both.String(), err)
}

func (j *job) golang(ctx context.Context, args ...string) (string, error) {
	return j.command(ctx, nil, "go", args...)
}

func moduleRoot(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	path := strings.TrimSpace(string(file))
	if path == "" || path == os.DevNull {
		return "", errors.New("not inside a Go module: run it in the repository")
	}
	return filepath.Dir(path), nil
}
