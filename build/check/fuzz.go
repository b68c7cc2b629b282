package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"
)

// target is one fuzz test.
type target struct{ pkg, name string }

// fuzz runs every target for its share of the time, several at once.
func fuzz(ctx context.Context, j *job) (string, error) {
	if j.fuzzing == 0 {
		return "not asked for", nil
	}
	out, err := j.golang(ctx, "test", "-list=^Fuzz", "./...")
	if err != nil {
		return "", err
	}
	targets := parseTargets(out)
	if len(targets) == 0 {
		return "", errors.New("no fuzz targets found")
	}
	workers := max(1, runtime.NumCPU()/2)
	each := share(j.fuzzing, len(targets), workers)

	// One failure must not hide others: all targets run, failures are joined.
	var (
		next  = make(chan target)
		mu    sync.Mutex
		fails []error
		wg    sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for t := range next {
				if err := j.fuzzOne(ctx, t, each); err != nil {
					mu.Lock()
					fails = append(fails, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, t := range targets {
		next <- t
	}
	close(next)
	wg.Wait()
	return fmt.Sprintf("%d targets, %v each, %d at once", len(targets), each, workers), errors.Join(fails...)
}

// fuzzOne fuzzes one target with two workers of its own, since the go command
// spends a core on coordination anyway.
func (j *job) fuzzOne(ctx context.Context, t target, d time.Duration) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	args := []string{"test", "-run=^$", "-fuzz=^" + t.name + "$", "-fuzztime=" + d.String(), "-fuzzminimizetime=1s", "-parallel=2", t.pkg}
	out, err := j.golang(ctx, args...)
	if err != nil && onlyLate(out) {
		_, err = j.golang(ctx, args...)
	}
	return err
}

// onlyLate recognises a run that the go command reports as failed only because
// its workers had not stopped when the time was over, as happens on a busy
// machine. A finding always names a file.
func onlyLate(out string) bool {
	return strings.Contains(out, "context deadline exceeded") && !strings.Contains(out, "Failing input written")
}

// share is the time of each target so that all together take the given time;
// a second at least, less finds nothing.
func share(total time.Duration, targets, workers int) time.Duration {
	rounds := (targets + workers - 1) / workers
	return max(time.Second, (total / time.Duration(rounds)).Round(time.Second/10))
}

// parseTargets reads what go test -list prints: names, then a line with the
// package they are in.
func parseTargets(out string) []target {
	var targets []target
	var names []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 2 && fields[0] == "ok":
			for _, name := range names {
				targets = append(targets, target{pkg: fields[1], name: name})
			}
			names = nil
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		}
	}
	return targets
}
