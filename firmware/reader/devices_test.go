package reader

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// plug is a chip card slot on a cable.
type plug struct {
	hal.ContactReader
	fault atomic.Pointer[error]
}

func (p *plug) Present(context.Context) (bool, error) {
	if fault := p.fault.Load(); fault != nil {
		return false, *fault
	}
	return false, nil
}

func TestUnpluggedSlotIsNoticedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := &plug{}
		r := &Reader{board: hal.Board{Contact: slot}, log: slog.New(slog.DiscardHandler)}
		r.screen = newScreen(r.board, r.log)
		r.screen.face(payment.Face{Kind: payment.FaceIdle})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.watchSlot(ctx) }()
		sees := func(answer error, want display.Kind, words string) {
			t.Helper()
			slot.fault.Store(&answer)
			time.Sleep(2 * healthPeriod) // of the test's own clock
			synctest.Wait()
			if v := r.screen.view(0, false); v.Kind != want || !strings.Contains(v.Message, words) {
				t.Errorf("%v: the screen shows %v %q", answer, v.Kind, v.Message)
			}
			r.mu.Lock()
			fault := r.slotFault
			r.mu.Unlock()
			if (fault != nil) != (want == display.NotReady) {
				t.Errorf("%v: fault is %v", answer, fault)
			}
		}
		unplugged := fmt.Errorf("no cable: %w", hal.ErrNotFound)
		sees(nil, display.Idle, "")
		sees(unplugged, display.NotReady, "not found")
		// Not asked in time it has not come back.
		sees(context.DeadlineExceeded, display.NotReady, "not found")
		sees(context.Canceled, display.NotReady, "not found")
		sees(hal.ErrMute, display.NotReady, "does not work") // plugged in, and broken
		sees(unplugged, display.NotReady, "not found")
		sees(nil, display.Idle, "")
		sees(fmt.Errorf("characters only: %w", hal.ErrUnsupported), display.NotReady, "does not work")
		sees(nil, display.Idle, "")
		sees(context.DeadlineExceeded, display.Idle, "")
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

// kicks counts.
type kicks struct{ n atomic.Int64 }

func (k *kicks) Kick() error { k.n.Add(1); return nil }

func TestWatchdogIsKickedOnlyWhilePaymentsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dog := &kicks{}
		r := &Reader{board: hal.Board{Watchdog: dog}, log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		stuck := errors.New("stuck")
		answer := atomic.Pointer[error]{}
		go func() {
			_ = r.kickWhile(ctx, func(context.Context) error {
				if e := answer.Load(); e != nil {
					return *e
				}
				return nil
			})
		}()
		time.Sleep(10*healthPeriod + healthPeriod/2)
		synctest.Wait()
		if n := dog.n.Load(); n < 10 {
			t.Errorf("%d kicks in ten periods", n)
		}
		answer.Store(&stuck)
		time.Sleep(2 * healthPeriod)
		synctest.Wait()
		before := dog.n.Load()
		time.Sleep(20 * healthPeriod)
		synctest.Wait()
		if n := dog.n.Load(); n != before {
			t.Errorf("%d kicks while payments were stuck", n-before)
		}
	})
}

// broken is a screen on a loose cable.
type broken struct{ hal.Screen }

func (broken) Bounds() image.Rectangle { return image.Rect(0, 0, 128, 64) }
func (broken) Show(context.Context, image.Image) error {
	return fmt.Errorf("fb: show: %w", hal.Advise(hal.ErrNotFound, "connect a display"))
}

func TestAScreenThatFailsDoesNotFloodTheLog(t *testing.T) {
	var log strings.Builder
	s := newScreen(hal.Board{Screen: broken{}}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 5 {
		s.show(t.Context(), display.View{Kind: display.Processing})
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want one", n)
	}
}

// An outcome is not hidden by what happens to the reader afterwards.
func TestOutOfOrderIsShownInPlaceOfNothing(t *testing.T) {
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	s := newScreen(*board.HAL, slog.New(slog.DiscardHandler))
	s.outOfOrder(t.Context(), "Out of order")
	if n := board.Screen.Revision(); n != 1 {
		t.Errorf("%d pictures of a reader that did not start, want one", n)
	}
	s.face(payment.Face{Kind: payment.FaceApproved})
	s.outOfOrder(t.Context(), "Out of order")
	if n := board.Screen.Revision(); n != 1 {
		t.Error("the outcome is gone")
	}
}

// strict is a key store that does nothing once the reader is switched off.
type strict struct {
	hal.KeyStore
	erased bool
}

func (k *strict) Erase(ctx context.Context) error {
	k.erased = ctx.Err() == nil
	return ctx.Err()
}

func TestSwitchingOffDoesNotSaveTheKeys(t *testing.T) {
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	keys := &strict{}
	r := &Reader{board: hal.Board{Tamper: board.Tamper, Keys: keys}, log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(t.Context())
	board.Tamper.Trigger("case opened")
	stop()
	if err := r.watchTamper(ctx); err == nil || !strings.Contains(err.Error(), "case opened") || !keys.erased {
		t.Errorf("erased %v: %v", keys.erased, err)
	}
}
