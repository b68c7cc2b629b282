package haltest

import (
	"context"

	"smartreader/hal"
)

// Tamper checks a tamper switch, of a case that is closed. Open opens the case;
// when it is nil that is not checked, because a reader remembers it and is out
// of service from then on.
func Tamper(t T, w hal.Tamper, open func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check(t, "a closed case is quiet", "close the case; a normally closed switch that is not connected looks like an open one")
	endsWithContext(t, "Watch of a closed case", func(ctx context.Context) error {
		_, err := w.Watch(ctx)
		return err
	})
	if open == nil {
		return
	}
	check(t, "an opened case is noticed", "check the switch and its wiring; the reason is for a log, in words")
	p := start(func() (string, error) { return w.Watch(ctx) })
	if p.after(short) {
		t.Fatalf("Watch of a closed case: got %q, %v; want it to wait", p.v, p.err)
	}
	open()
	<-p.done
	if p.err != nil || p.v == "" {
		t.Errorf("Watch, the case being opened: got %q, %v; want a reason", p.v, p.err)
	}
	check(t, "tampering is remembered", "latch what was noticed: closing the case does not undo it")
	reason, err := "", error(nil)
	if err := bounded(t, "Watch of a case that was opened", func() error { reason, err = w.Watch(ctx); return err }); err != nil || reason == "" {
		t.Errorf("Watch of a case that was opened: got %q, %v; want the reason at once", reason, err)
	}
}
