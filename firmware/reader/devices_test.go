package reader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
)

// plug is a chip card slot on a cable.
type plug struct {
	hal.ContactReader
	out atomic.Bool
}

func (p *plug) Present(context.Context) (bool, error) {
	if p.out.Load() {
		return false, fmt.Errorf("no cable: %w", hal.ErrNotFound)
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
		sees := func(out bool, want display.Kind) {
			t.Helper()
			slot.out.Store(out)
			time.Sleep(2 * healthPeriod) // of the test's own clock
			synctest.Wait()
			if v := r.screen.view(0, false); v.Kind != want || (v.Message != "") != out {
				t.Errorf("unplugged %v: the screen shows %v %q", out, v.Kind, v.Message)
			}
			r.mu.Lock()
			fault := r.slotFault
			r.mu.Unlock()
			if warned := fault != nil && strings.Contains(fault.Error(), "no cable"); warned != out {
				t.Errorf("unplugged %v: fault is %v", out, fault)
			}
		}
		sees(false, display.Idle)
		sees(true, display.NotReady)
		sees(false, display.Idle)
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
