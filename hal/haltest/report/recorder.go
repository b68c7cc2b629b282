package report

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"smartreader/hal/haltest"
)

// recorder is the test that a suite runs in. One goroutine uses it at a time.
type recorder struct {
	ctx    context.Context
	device string
	done   func(Check)

	check Check // at work; without a name before the first
	begun time.Time
}

var _ haltest.Checker = (*recorder)(nil)

// record runs a suite and hands every check that ended to done.
func record(ctx context.Context, device string, done func(Check), suite func(haltest.T)) {
	r := &recorder{ctx: ctx, device: device, done: done, begun: time.Now()}
	ended := make(chan struct{})
	// On a goroutine of its own, because Fatalf must not return.
	go func() {
		defer close(ended)
		defer r.end()
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v, want an error or an answer\n%s", p, debug.Stack())
			}
		}()
		suite(r)
	}()
	<-ended
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Logf(string, ...any)      {}

func (r *recorder) Errorf(format string, args ...any) {
	r.check.Verdict = Fail
	detail := fmt.Sprintf(format, args...)
	if n := len(r.check.Detail); n > 0 && r.check.Detail[n-1] == detail {
		return // said already
	}
	r.check.Detail = append(r.check.Detail, detail)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.check.Detail = append(r.check.Detail, "what comes after this was not checked")
	runtime.Goexit()
}

// Check implements haltest.Checker.
func (r *recorder) Check(name, remedy string) {
	r.end()
	r.check = Check{Check: name, Remedy: remedy, Verdict: Pass}
	r.begun = time.Now()
}

func (r *recorder) end() {
	c := r.check
	switch {
	case c.Verdict == "":
		return // nothing was checked
	case c.Verdict == Pass:
		c.Remedy = ""
	case c.Check == "":
		c.Check = "suite"
	}
	c.Device, c.Seconds = r.device, time.Since(r.begun).Seconds()
	r.done(c)
}
