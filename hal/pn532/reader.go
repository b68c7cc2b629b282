package pn532

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"smartreader/hal"
)

// Opts are settings of a reader. The zero value of each field is its default.
type Opts struct {
	// Baud is the rate of HSU after set-up: 115200, 230400, 460800, 921600 or
	// 1288000. The default, 921600, moves 256 bytes in 3 ms and is within reach
	// of most adapters; a line that fails at a rate gets the next lower one.
	Baud int
	// Log gets what a technician wants to know. No card data. Default: nothing.
	Log *slog.Logger
}

const (
	// resetTime is how long the field is off so that every card resets. EMV
	// asks for 5.1 ms at least.
	resetTime = 10 * time.Millisecond
	// guardTime is how long a card is powered before it is spoken to, and how
	// long the field is quiet between words for cards of one type and of the
	// other. EMV and ISO/IEC 14443-3 ask for 5 ms.
	guardTime = 6 * time.Millisecond
	// pollTime is the pause between two looks at a card that shall leave.
	pollTime = 20 * time.Millisecond
	// offTime bounds switching the field off when the caller's time is over: all
	// of that must end within a second.
	offTime = 600 * time.Millisecond
	// patience is how many rounds a card that should activate and does not gets:
	// it may still be moving into the field.
	patience = 3
	// absences is how many rounds in a row nobody must answer for the field to
	// count as empty.
	absences = 3
)

// Reader is a contactless reader with a PN532. It implements
// hal.ContactlessReader. All methods may be called from any goroutine; they
// wait for each other.
type Reader struct {
	open func(ctx context.Context) (Link, error)
	baud int
	log  *slog.Logger

	halted context.Context // ends with Close
	halt   context.CancelFunc
	turn   chan struct{} // held by the call that uses what follows
	dev    *device       // nil: not open
	active *card         // the activated card, nil: none
	rates  []int         // device.rates, for the next opening

	closing sync.Once
}

var _ hal.ContactlessReader = (*Reader)(nil)

// New returns a reader that calls open when it first needs the chip, and again
// after the link failed (an adapter that was unplugged). The reader owns what
// open returns. Open ends with its context. Opts may be nil.
func New(open func(ctx context.Context) (Link, error), opts *Opts) *Reader {
	r := &Reader{open: open, baud: 921600, log: slog.New(slog.DiscardHandler), turn: make(chan struct{}, 1)}
	if opts != nil && opts.Baud != 0 {
		r.baud = opts.Baud
	}
	if opts != nil && opts.Log != nil {
		r.log = opts.Log
	}
	r.rates = stepsFrom(r.baud)
	r.halted, r.halt = context.WithCancel(context.Background())
	return r
}

// Activate implements hal.ContactlessReader.
func (r *Reader) Activate(ctx context.Context) (hal.Card, error) {
	var found *card
	begun := false
	err := r.do(ctx, "activate", func(ctx context.Context) error {
		begun = true
		r.end(hal.ErrHalted)
		err := r.steadily(ctx, func() (err error) {
			found, err = r.poll(ctx)
			return err
		})
		if err != nil {
			return errors.Join(err, r.off(ctx))
		}
		r.active = found
		return nil
	})
	if err != nil && !begun && r.halted.Err() == nil {
		err = errors.Join(err, r.FieldOff()) // of the activation before
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// WaitRemoval implements hal.ContactlessReader. While a card is activated, it
// stays so until it leaves the field: when ctx ends first, the card can be used
// on.
func (r *Reader) WaitRemoval(ctx context.Context) error {
	return r.do(ctx, "wait for removal", func(ctx context.Context) error {
		for r.active != nil {
			there, err := r.dev.present(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if r.lost(err) != nil || !there {
				break
			}
			if err := pause(ctx, pollTime); err != nil {
				return err
			}
		}
		err := r.steadily(ctx, func() error { return r.untilEmpty(ctx) })
		if err == nil {
			r.end(hal.ErrCardRemoved)
		} else {
			r.end(hal.ErrHalted)
		}
		return errors.Join(err, r.off(ctx))
	})
}

// FieldOff implements hal.ContactlessReader.
func (r *Reader) FieldOff() error {
	ctx, cancel := context.WithTimeout(context.Background(), offTime)
	defer cancel()
	return r.do(ctx, "field off", func(ctx context.Context) error {
		r.end(hal.ErrHalted)
		return r.off(ctx)
	})
}

// Close switches the field off and closes the link. Calls in flight and later
// calls return hal.ErrHalted. It is safe to call twice.
func (r *Reader) Close() error {
	var err error
	r.closing.Do(func() {
		r.halt()
		r.turn <- struct{}{} // for ever: nothing uses the chip from now on
		r.end(hal.ErrHalted)
		if r.dev == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), offTime)
		defer cancel()
		if off := r.dev.field(ctx, false); off != nil {
			r.log.Warn("the field may still be on", "error", off)
		}
		err = r.dev.link.Close()
		r.dev = nil
	})
	return err
}

// do runs a call of the contract: one at a time, and ended by Close.
func (r *Reader) do(ctx context.Context, what string, call func(context.Context) error) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.halted, cancel)()
	err := work.Err()
	if err == nil {
		select {
		case r.turn <- struct{}{}:
			defer func() { <-r.turn }()
			if err = work.Err(); err == nil {
				err = call(work)
			}
		case <-work.Done():
			err = work.Err()
		}
	}
	switch {
	case err == nil:
		return nil
	case r.halted.Err() != nil:
		return fmt.Errorf("pn532: %s: %w", what, hal.ErrHalted)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		// Work was cancelled because ctx ended, perhaps by its deadline.
		return fmt.Errorf("pn532: %s: %w", what, ctx.Err())
	}
	return fmt.Errorf("pn532: %s: %w", what, err)
}

// steadily runs work that may be repeated from its start. A chip that was open
// already may have failed since it was last used: then it is opened anew, once.
func (r *Reader) steadily(ctx context.Context, work func() error) error {
	for {
		fresh := r.dev == nil
		if err := r.ready(ctx); err != nil {
			return err
		}
		err := r.lost(work())
		if err == nil || r.dev != nil || fresh || ctx.Err() != nil {
			return err
		}
		r.log.Warn("contactless reader lost, opening it again", "error", err)
	}
}

// ready opens the link and sets the chip up, unless that is done.
func (r *Reader) ready(ctx context.Context) error {
	if r.dev != nil {
		return nil
	}
	link, err := r.open(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, hal.ErrNotFound):
		return err
	default:
		return fmt.Errorf("%w: %w", hal.ErrNotFound, err)
	}
	if _, ok := baudCodes[r.baud]; !ok {
		return errors.Join(fmt.Errorf("%w: %d baud: %w", hal.ErrNotFound, r.baud, hal.ErrUnsupported), link.Close())
	}
	r.dev = &device{link: link, log: r.log, steps: stepsFrom(max(r.baud, 921600)), rates: r.rates}
	err = r.dev.setUp(ctx)
	r.rates = r.dev.rates
	if err != nil {
		return r.drop(err)
	}
	return nil
}

// lost closes the link if an error is of the chip or of the link, not of a
// card, and makes such an error hal.ErrNotFound.
func (r *Reader) lost(err error) error {
	if r.dev == nil || !silent(err) && !errors.Is(err, hal.ErrNotFound) {
		return err
	}
	return r.drop(err)
}

// drop closes the link.
func (r *Reader) drop(err error) error {
	if silent(err) {
		err = gone(r.dev.link, err)
	}
	if failed := r.dev.link.Close(); failed != nil {
		r.log.Debug("closing a lost link", "error", failed)
	}
	r.dev = nil
	r.end(hal.ErrHalted)
	return err
}

// off switches the field off, even after the context's end. Without a chip
// there is no field.
func (r *Reader) off(ctx context.Context) error {
	if r.dev == nil || !r.dev.lit {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), offTime)
	defer cancel()
	err := r.dev.field(ctx, false)
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("%w: the field may be on", errNoAnswer)
	}
	return r.lost(err)
}

// reset takes the power away from all cards and gives it back. A field that is
// off need not be switched off, and if it is for long enough, not be waited for.
func (r *Reader) reset(ctx context.Context) error {
	if r.dev.lit {
		if err := r.dev.field(ctx, false); err != nil {
			return err
		}
	}
	if err := pause(ctx, resetTime-time.Since(r.dev.dark)); err != nil {
		return err
	}
	if err := r.dev.field(ctx, true); err != nil {
		return err
	}
	return pause(ctx, guardTime)
}

// poll waits for one card and activates it. Each round starts with a reset:
// a card that was left selected, by an answer that got lost or by a moment at
// the edge of the field, would be deaf to polling for ever. The reset is the
// pause between two rounds, too.
func (r *Reader) poll(ctx context.Context) (*card, error) {
	for mute := 0; ; {
		if err := r.reset(ctx); err != nil {
			return nil, err
		}
		found, err := r.look(ctx)
		if errors.Is(err, hal.ErrMute) && mute < patience {
			mute++
			continue
		}
		if found != nil || err != nil {
			return found, err
		}
		mute = 0 // that card has gone
	}
}

// look makes one round: type B, then type A. It returns nil when nobody is
// there. Looking for cards ends the activations before, so what is found last
// can be used at once. Most payment cards are of type A: they are looked for
// last, and need no second reset.
func (r *Reader) look(ctx context.Context) (*card, error) {
	b, err := r.list(ctx, typeB)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, guardTime); err != nil {
		return nil, err
	}
	a, err := r.list(ctx, typeA)
	if err != nil {
		return nil, err
	}
	switch {
	case len(a)+len(b) > 1:
		return nil, hal.ErrCollision
	case len(a) == 1:
		return r.accept(a[0])
	case len(b) == 0:
		return nil, nil
	}
	if err := r.reset(ctx); err != nil {
		return nil, err
	}
	if b, err = r.list(ctx, typeB); err != nil {
		return nil, err
	}
	switch len(b) {
	case 0:
		return nil, nil // taken away meanwhile
	case 1:
		return r.accept(b[0])
	}
	return nil, hal.ErrCollision
}

// list looks for cards of one kind, and once more when that got lost. The cards
// it may have found are deaf until a reset: without one, a third card would look
// like the only one.
func (r *Reader) list(ctx context.Context, m modulation) ([]target, error) {
	found, err := r.dev.list(ctx, m)
	if !silent(err) {
		return found, err
	}
	r.log.Warn("looking for cards again", "error", err)
	if err := r.reset(ctx); err != nil {
		return nil, err
	}
	return r.dev.list(ctx, m)
}

func (r *Reader) accept(t target) (*card, error) {
	switch {
	case !t.smart:
		return nil, fmt.Errorf("%w: it does not speak ISO/IEC 14443-4 and is no payment card", hal.ErrMute)
	case !t.activated():
		return nil, fmt.Errorf("%w: it gave no ATS", hal.ErrMute)
	}
	return &card{reader: r, number: t.number, answer: t.answer}, nil
}

// untilEmpty waits until nobody answers any more, not even a card that hangs:
// each round starts with a reset (EMV Contactless Interface Specification,
// removal procedure).
func (r *Reader) untilEmpty(ctx context.Context) error {
	for empty := 0; empty < absences; {
		there, err := r.anybody(ctx)
		if err != nil {
			return err
		}
		if !there {
			empty++
			continue
		}
		empty = 0
		if err := pause(ctx, pollTime); err != nil {
			return err
		}
	}
	return nil
}

// anybody resets all cards and says whether one answers.
func (r *Reader) anybody(ctx context.Context) (bool, error) {
	if err := r.reset(ctx); err != nil {
		return false, err
	}
	found, err := r.list(ctx, typeA)
	if err != nil || len(found) > 0 {
		return err == nil, err
	}
	if err := pause(ctx, guardTime); err != nil {
		return false, err
	}
	found, err = r.list(ctx, typeB)
	return len(found) > 0, err
}

// end makes the activated card unusable, for a reason.
func (r *Reader) end(reason error) {
	if r.active != nil {
		r.active.ended = reason
		r.active = nil
	}
}
