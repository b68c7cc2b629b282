package payment

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/store"
)

// A loop that answers is not enough: its work must come to an end, too.
func TestPingTellsOfWorkThatIsStuck(t *testing.T) {
	for _, phase := range []Phase{Collecting, Confirming} {
		synctest.Test(t, func(t *testing.T) {
			m := New(Options{})
			m.looping.Store(true)
			m.enter(phase, &session{})
			over, ended := make(chan bool), make(chan bool)
			go func() { attend(m, func() bool { return <-over }, func(command) {}); close(ended) }()
			ping := func(after time.Duration, well bool) {
				t.Helper()
				time.Sleep(after) // of the test's own clock
				if err := m.Ping(t.Context()); (err == nil) != well {
					t.Errorf("%s: after %v more: %v", phase, after, err)
				}
			}
			ping(0, true)
			ping(30*time.Second, true)
			ping(4*time.Minute, phase == Collecting) // people may still be choosing, or entering a PIN
			ping(5*time.Minute, false)
			m.enter(Removing, &session{}) // people may take as long as they like
			ping(24*time.Hour, true)
			close(over)
			<-ended
		})
	}
}

// emptySlot is a slot into which nobody ever puts a card.
type emptySlot struct{ hal.ContactReader }

func (emptySlot) Activate(ctx context.Context) (hal.Card, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAKeyPressedForOnePaymentDoesNotCancelTheNext(t *testing.T) {
	m := New(Options{Contact: emptySlot{}})
	next := &session{payment: store.Payment{LocalID: "next"}}
	next.command.collect.CardholderMayCancel = true
	m.enter(Collecting, &session{payment: store.Payment{LocalID: "last"}}) // as it was when the key was pressed
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := m.collecting(ctx, next); ended <- err }()
	if end, err := m.CancelByCardholder(ctx); end != EndAlreadyCompleted || err != nil {
		t.Errorf("got %s, %v", end, err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("collecting the next ended with %v", err)
	}
}

// The time for a PIN begins with its first entry, and is for all tries together.
func TestTimeForPINsBeginsWithTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pad{timeout: 90 * time.Second}
		time.Sleep(80 * time.Second) // the cardholder chose an application
		for _, want := range []time.Duration{90 * time.Second, 50 * time.Second} {
			ctx, stop := p.entry(t.Context())
			until, _ := ctx.Deadline()
			stop()
			if left := time.Until(until); left != want {
				t.Errorf("%v left, want %v", left, want)
			}
			time.Sleep(40 * time.Second)
		}
	})
}
