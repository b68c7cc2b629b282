package payment

import (
	"context"
	"errors"

	"smartreader/hal"
)

// errSwiped is why waiting for a card ended.
var errSwiped = errors.New("payment: a card was swiped")

// swiped refuses a magnetic stripe, which anybody can copy.
func swiped(offline bool) *Error {
	if offline {
		return refuse(CardSwipeNotAvailable, RetryCollectAgain, "a magnetic stripe is not accepted without the internet", "insert the card")
	}
	return refuse(CardSwipeNotAvailable, RetryCollectAgain, "the card was swiped, which is no payment on this reader", "insert the card's chip")
}

// activate waits for a chip card, and for one that is swiped instead: then its
// error is errSwiped. A chip always wins, because who inserts a card may draw
// it past the stripe head. When activate returns nobody reads stripes any more.
func (m *Machine) activate(ctx context.Context) (hal.Card, error) {
	if m.opt.Contact == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if m.opt.Swipe == nil {
		return m.opt.Contact.Activate(ctx)
	}
	for {
		wait, stop := context.WithCancelCause(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			m.awaitSwipe(wait, stop)
		}()
		card, err := m.opt.Contact.Activate(wait)
		stop(nil)
		<-ended
		if err == nil || context.Cause(wait) != errSwiped || ctx.Err() != nil {
			return card, err
		}
		// The slot may have been about to power a card.
		if here, _ := m.opt.Contact.Present(ctx); !here {
			return nil, errSwiped
		}
	}
}

// awaitSwipe stops the wait when a card is swiped and none is in the slot.
func (m *Machine) awaitSwipe(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		tracks, err := m.opt.Swipe.Read(ctx)
		tracks.Wipe() // that there was one is all anybody needs to know
		switch {
		case err == nil, errors.Is(err, hal.ErrMute):
			if here, _ := m.opt.Contact.Present(ctx); !here {
				stop(errSwiped)
				return
			}
		case ctx.Err() != nil:
			return
		default: // a stripe reader that fails keeps no chip from paying
			m.opt.Log.Debug("magnetic stripe not read", "err", err)
			return
		}
	}
}
