package haltest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// recorder is a test that only notes that it failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Error(...any)          { r.failed = true }
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; panic(r) }

// fails runs a check and says whether it found something.
func fails(t *testing.T, check func(testing.TB)) (failed bool) {
	r := &recorder{TB: t}
	defer func() {
		if got := recover(); got != nil && got != r {
			panic(got)
		}
		failed = r.failed
	}()
	check(r)
	return r.failed
}

// deaf is a slot that ends its waits without looking at the context.
type deaf struct{ hal.ContactReader }

func (deaf) Present(context.Context) (bool, error)      { return false, nil }
func (deaf) WaitRemoval(context.Context) error          { return nil }
func (deaf) Activate(context.Context) (hal.Card, error) { return nil, errors.New("busy") }

type nobody struct{}

func (nobody) Insert() {}
func (nobody) Remove() {}

func TestSuiteNoticesABadReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if !fails(t, func(t testing.TB) { haltest.ContactReader(t, deaf{}, nobody{}) }) {
			t.Error("a reader that ignores the context passed")
		}
	})
}
