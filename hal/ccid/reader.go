package ccid

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"smartreader/hal"
	"smartreader/hal/iso7816"
	"smartreader/hal/usbfs"
)

// Options of a Reader. The zero value is the first reader found, for EMV cards.
type Options struct {
	// Match says which reader: "" the first, vendor and product as
	// "08e6:3437", or its USB serial number.
	Match string
	// Slot is the slot of a reader that has several, from zero.
	Slot byte
	// AnyCard accepts every answer to reset that ISO/IEC 7816-3 allows. A
	// payment reader leaves it false: EMV wants other cards refused.
	AnyCard bool
	// Log gets what happens to the reader, never to the card. Nil: nothing.
	Log *slog.Logger
	// Open opens the reader that match names and claims its smart card
	// interface. Nil: by package usbfs, on Linux. Errors that match
	// hal.ErrNotFound mean that it can be tried again.
	Open func(ctx context.Context, match string) (Device, usbfs.Info, error)
}

// Reader is a slot of a USB chip card reader. Present may be called while
// another goroutine waits in Activate or WaitRemoval, Close at any time;
// otherwise one goroutine at a time uses a Reader and its cards.
type Reader struct {
	options Options
	log     *slog.Logger
	life    context.Context // ends with Close
	end     context.CancelFunc

	// turn is held while the reader is spoken to, and guards what follows.
	turn  chan struct{}
	link  *link // nil: not open
	card  *card // activated last, nil: none
	reset bool  // the reader was out of step when it was closed
}

var _ hal.ContactReader = (*Reader)(nil)

// New makes a Reader. It opens nothing; that happens when it is first used.
func New(o Options) *Reader {
	if o.Open == nil {
		o.Open = open
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	life, end := context.WithCancel(context.Background())
	return &Reader{options: o, log: o.Log, life: life, end: end, turn: make(chan struct{}, 1)}
}

// Close takes the power from the card and gives the reader back. Calls in
// flight and later ones return hal.ErrHalted. It waits for calls in flight, at
// most a second or so, and may be called twice.
func (r *Reader) Close() error {
	r.end()
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.link == nil {
		return nil
	}
	r.power()
	if r.link == nil {
		return nil // it did not answer any more
	}
	err := r.link.device.Close()
	r.link = nil
	if err != nil && !errors.Is(err, hal.ErrNotFound) {
		return fmt.Errorf("ccid: close: %w", err)
	}
	return nil
}

// Activate implements hal.ContactReader.
func (r *Reader) Activate(ctx context.Context) (hal.Card, error) {
	var c *card
	err := r.wait(ctx, func(ctx context.Context, l *link, state icc) (bool, error) {
		if state == absent {
			return false, nil
		}
		r.retire()
		s, err := l.activate(ctx, !r.options.AnyCard)
		if err = r.verdict(ctx, l, err); errors.Is(err, hal.ErrCardRemoved) {
			return false, nil // taken out while powering up: wait for the next one
		}
		if err != nil {
			return false, err
		}
		r.log.Debug("card activated", "reader", l.name, "protocol", s.protocol)
		c = &card{reader: r, session: s}
		r.card = c
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("ccid: activate: %w", err)
	}
	return c, nil
}

// WaitRemoval implements hal.ContactReader.
func (r *Reader) WaitRemoval(ctx context.Context) error {
	err := r.wait(ctx, func(_ context.Context, _ *link, state icc) (bool, error) { return state == absent, nil })
	if err != nil {
		return fmt.Errorf("ccid: wait for removal: %w", err)
	}
	return nil
}

// Present implements hal.ContactReader.
func (r *Reader) Present(ctx context.Context) (bool, error) {
	present := false
	err := r.wait(ctx, func(_ context.Context, _ *link, state icc) (bool, error) {
		present = state != absent
		return true, nil
	})
	if err != nil {
		return false, fmt.Errorf("ccid: present: %w", err)
	}
	return present, nil
}

// lostAnswers is how many answers about the slot's state may be lost in a row:
// readers lose one when the card leaves at that moment. Nothing is lost with it,
// unlike with an answer of the card.
const lostAnswers = 3

// wait calls f with the state of the slot until f is done, whenever something
// may have changed.
func (r *Reader) wait(ctx context.Context, f func(ctx context.Context, l *link, state icc) (done bool, err error)) error {
	for lost := 0; ; {
		var l *link
		done, known := false, false
		err := r.do(ctx, func(ctx context.Context, open *link) error {
			l = open
			state, err := r.look(ctx, l)
			if err != nil {
				return err
			}
			known = true
			done, err = f(ctx, l, state)
			return err
		})
		if !known && errors.Is(err, hal.ErrMute) && lost < lostAnswers {
			lost++ // the reader is opened anew, if it had to be closed
			continue
		}
		if l != nil && !known && errors.Is(err, hal.ErrMute) { // the reader, not a card
			err = fmt.Errorf("%w: %w", hal.Advise(hal.ErrMute, "%s does not answer: unplug it and plug it in again", l.name), err)
		}
		if done || err != nil {
			return err
		}
		lost = 0
		// The reader is free meanwhile, so that Present can be asked.
		if err := r.idle(ctx, l); err != nil {
			return err
		}
	}
}

// look asks what is in the slot. A card that was taken out stays dead when it is
// put in again, even in a reader that gives power to every card by itself. The
// caller holds the turn.
func (r *Reader) look(ctx context.Context, l *link) (icc, error) {
	state, err := l.status(ctx)
	if err == nil && state == absent && r.card != nil {
		r.card.over(hal.ErrCardRemoved)
	}
	return state, err
}

func (r *Reader) idle(ctx context.Context, l *link) error {
	ctx, cancel := r.within(ctx)
	defer cancel()
	return r.why(ctx, l.change(ctx))
}

// within makes a context that also ends with the Reader.
func (r *Reader) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(r.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// why replaces the error of a context that ended by the reason.
func (r *Reader) why(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case r.life.Err() != nil:
		return hal.ErrHalted
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// do calls f with the opened reader, which nobody else uses meanwhile.
func (r *Reader) do(ctx context.Context, f func(context.Context, *link) error) error {
	ctx, cancel := r.within(ctx)
	defer cancel()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return r.why(ctx, ctx.Err())
	}
	if r.life.Err() != nil {
		return hal.ErrHalted // what the context will know in a moment only
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return r.why(ctx, err)
	}
	err := f(ctx, r.link)
	r.settle()
	if errors.Is(err, errMessage) {
		err = fmt.Errorf("%w: %w", hal.ErrMute, err)
	}
	return r.why(ctx, err)
}

// open opens the reader unless it is open. The caller holds the turn.
func (r *Reader) open(ctx context.Context) error {
	if r.link != nil {
		return nil
	}
	d, i, err := r.options.Open(ctx, r.options.Match)
	if err != nil {
		return err
	}
	if r.reset {
		r.reset = false
		if err := d.Reset(); err != nil {
			// It was unplugged, or comes back under another number.
			r.log.Warn("reset of the chip card reader failed", "error", err)
			return errors.Join(hal.Advise(hal.ErrNotFound, "%s is being reset: if it does not come back, unplug it and plug it in again", name(i)), err, d.Close())
		}
	}
	l, err := newLink(d, i, r.options.Slot)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	r.log.Info("chip card reader opened", "reader", l.name)
	r.link = l
	return nil
}

// settle closes the reader when it turned out to be gone or out of step. The
// caller holds the turn.
func (r *Reader) settle() {
	if r.link == nil || !r.link.gone && !r.link.broken {
		return
	}
	gone := r.link.gone
	r.log.Warn("chip card reader closed", "reader", r.link.name, "unplugged", gone)
	if r.card != nil {
		if gone {
			r.card.over(unplugged(r.link.name, hal.ErrNotFound))
		} else {
			r.card.over(hal.ErrHalted)
		}
	}
	r.card = nil
	r.reset = !gone
	// It is of no use any more, whatever closing it says.
	_ = r.link.device.Close()
	r.link = nil
}

// retire makes the card activated last unusable. The caller holds the turn.
func (r *Reader) retire() {
	if r.card != nil {
		r.card.over(hal.ErrHalted)
	}
	r.card = nil
}

// power takes the power from the card activated last, which is over then. The
// caller holds the turn.
func (r *Reader) power() {
	const enough = 500 * time.Millisecond
	if r.card != nil && !errors.Is(r.card.dead, hal.ErrCardRemoved) {
		ctx, cancel := context.WithTimeout(context.Background(), enough)
		defer cancel()
		// A card that keeps its power is reset by the next activation.
		_ = r.link.powerOff(ctx)
	}
	r.retire()
	r.settle()
}

// verdict gives an error of an exchange with the card its meaning by the
// contract. The caller holds the turn.
func (r *Reader) verdict(ctx context.Context, l *link, err error) error {
	var failed slotError
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, hal.ErrNotFound), errors.Is(err, hal.ErrUnsupported), errors.Is(err, iso7816.ErrCommand):
		return err
	case errors.As(err, &failed) && failed.icc == absent:
		return fmt.Errorf("%w: %w", hal.ErrCardRemoved, err)
	}
	// A reader that lost the card in the middle may know so only when asked, and
	// one that is out of step only after a reset.
	if l.broken {
		r.settle()
		if r.open(ctx) == nil {
			l = r.link
		}
	}
	if !l.broken {
		state, asked := l.status(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(asked, hal.ErrNotFound):
			return asked
		case asked == nil && state == absent:
			return fmt.Errorf("%w: %w", hal.ErrCardRemoved, err)
		}
	}
	if errors.Is(err, hal.ErrMute) {
		return err
	}
	return fmt.Errorf("%w: %w", hal.ErrMute, err)
}
