package payment

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/hal"
)

// presented is the card that came first.
type presented struct{ inserted, tapped hal.Card }

// errInserted and errSlot are why Entry Point's wait for a tap ended: a chip card
// was inserted, or the slot could not read one, or no device works.
var (
	errInserted = errors.New("payment: a card was inserted")
	errSlot     = errors.New("payment: the chip card reader")
)

// await waits for a card that is inserted or tapped, whichever comes first; when
// both do the chip wins. When it returns nobody waits for cards any more, and
// nothing but the card it returns is powered. Again says that a card may stay in
// the field. The error is errSwiped, that of a card in the field, or wraps errSlot.
func (m *Machine) await(ctx context.Context, again bool) (presented, error) {
	var tapped hal.Card
	inserted, slotErr, tapErr := m.besideSlot(ctx, func(ctx context.Context) (err error) {
		tapped, err = m.awaitTap(ctx, again)
		return err
	})
	if inserted == nil && tapped != nil && m.inSlot(ctx) {
		// Who inserts a card may pass the antenna with it: the slot may have been about to power it.
		m.fieldOff()
		return m.await(ctx, false)
	}
	switch {
	case inserted != nil:
		if tapped != nil {
			m.fieldOff()
		}
		return presented{inserted: inserted}, nil
	case tapped != nil:
		return presented{tapped: tapped}, nil
	case ctx.Err() != nil:
		return presented{}, ctx.Err()
	case ofCard(slotErr):
		return presented{}, slotError(slotErr)
	case ofCard(tapErr), m.opt.Contact == nil:
		return presented{}, tapErr
	}
	return presented{}, slotError(slotErr)
}

// besideSlot waits for a card in the slot, or one that is swiped, while work waits for
// something at the antenna. Whichever has an end, ends the other. A device that does
// not work is no end while the other does: it is tried again now and then, as it may
// have been unplugged for a moment. When besideSlot returns neither is under way.
func (m *Machine) besideSlot(ctx context.Context, work func(context.Context) error) (card hal.Card, slotErr, workErr error) {
	both, stop := context.WithCancel(ctx)
	defer stop()
	var down atomic.Int32 // devices that do not work now
	if m.opt.Contact == nil {
		down.Add(1)
	}
	persist := func(device string, try func() error) error {
		defer stop()
		for told := false; ; told = true {
			err := try()
			if err == nil || ofCard(err) || both.Err() != nil {
				return err
			}
			if !told {
				m.opt.Log.Warn("a device for cards does not work", "device", device, "err", err)
			}
			if down.Add(1) == 2 || pause(both, deviceRetry) != nil {
				return err
			}
			down.Add(-1)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- persist("antenna", func() error { return work(both) }) }()
	slotErr = persist("slot", func() (err error) {
		card, err = m.activate(both)
		return err
	})
	return card, slotErr, <-ended
}

// deviceRetry is how long a device that does not work is left alone.
const deviceRetry = time.Second

// ofCard reports whether a device works, and a card is why it has none to give.
func ofCard(err error) bool {
	return errors.Is(err, errSwiped) || errors.Is(err, hal.ErrMute) || errors.Is(err, hal.ErrCollision)
}

// slotError marks an error that came from the slot, which Entry Point must not take for
// one of the field.
func slotError(err error) error {
	if errors.Is(err, errSwiped) {
		return err
	}
	return fmt.Errorf("%w: %w", errSlot, err)
}

// awaitTap waits for a card in the field. One that was read before must have been
// taken away first, unless it is to be read again.
func (m *Machine) awaitTap(ctx context.Context, again bool) (hal.Card, error) {
	if m.onAntenna && !again {
		if err := m.opt.Contactless.WaitRemoval(ctx); err != nil {
			return nil, err
		}
		m.onAntenna = false
	}
	card, err := m.opt.Contactless.Activate(ctx)
	if err != nil {
		return nil, err
	}
	m.onAntenna = true
	return card, nil
}

// lookForCard notes, at the start, whether a card lies on the antenna: it is the
// last customer's. Nobody waits long for that.
func (m *Machine) lookForCard(ctx context.Context) {
	if m.opt.Contactless == nil {
		return
	}
	look, stop := context.WithTimeout(ctx, lookTime)
	defer stop()
	// An antenna that does not work has no card on it; only one that is not empty in time may.
	m.onAntenna = m.opt.Contactless.WaitRemoval(look) != nil && look.Err() != nil
}

// lookTime is more than the slowest antenna needs to be found and seen empty.
const lookTime = 5 * time.Second

// watchAntenna waits, while nobody pays, for the card that was tapped last to be
// taken away, so that the next one is read at once. Stop ends that.
func (m *Machine) watchAntenna(ctx context.Context) (stop func()) {
	if !m.onAntenna || m.opt.Contactless == nil {
		return func() {}
	}
	watch, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- m.opt.Contactless.WaitRemoval(watch) }()
	return func() {
		cancel()
		if <-ended == nil {
			m.onAntenna = false
		}
	}
}

func (m *Machine) fieldOff() {
	if err := m.opt.Contactless.FieldOff(); err != nil {
		m.opt.Log.Debug("the field may be on", "err", err)
	}
}

// inSlot reports whether a card is in the slot.
func (m *Machine) inSlot(ctx context.Context) bool {
	if m.opt.Contact == nil {
		return false
	}
	here, err := m.opt.Contact.Present(ctx)
	return err == nil && here
}

// antenna is what Entry Point sees of the reader: the field, with slot and stripe
// reader armed beside it. It implements entry.Field.
type antenna struct {
	m        *Machine
	s        *session
	wait     context.Context // ends when no card came in time
	inserted hal.Card        // with errInserted
	again    bool            // Entry Point wants the same card once more
}

// Activate implements entry.Field.
func (a *antenna) Activate(context.Context) (emvkernel.Transceiver, error) {
	p, err := a.m.await(a.wait, a.again)
	a.again = true
	switch {
	case err == nil && p.inserted != nil:
		a.inserted = p.inserted
		return nil, errInserted
	case err == nil:
		a.s.onTap = true
		a.m.opt.Step(Step{Kind: StepCardTapped, LocalID: a.s.payment.LocalID})
		if timed, ok := p.tapped.(hal.TimedCard); ok {
			return clockedTap{clocked{p.tapped, &a.s.clock}, timed}, nil
		}
		return clocked{p.tapped, &a.s.clock}, nil
	case errors.Is(err, hal.ErrCollision):
		return nil, fmt.Errorf("%w: %w", entry.ErrCollision, err)
	case errors.Is(err, hal.ErrMute) && !errors.Is(err, errSlot):
		return nil, fmt.Errorf("%w: %w", entry.ErrUnreadable, err)
	}
	return nil, err
}

// WaitRemoval implements entry.Field. A chip card may be inserted instead.
func (a *antenna) WaitRemoval(context.Context) error {
	card, slotErr, err := a.m.besideSlot(a.wait, a.m.opt.Contactless.WaitRemoval)
	if err == nil {
		a.m.onAntenna = false
	}
	switch {
	case card != nil:
		a.inserted = card
		return errInserted
	case a.wait.Err() != nil:
		return a.wait.Err()
	case ofCard(slotErr):
		return slotError(slotErr)
	}
	return err
}

// Off implements entry.Field.
func (a *antenna) Off() error { return a.m.opt.Contactless.FieldOff() }

// clockedTap is a clocked card whose hardware measures times on the air.
type clockedTap struct {
	clocked
	timed hal.TimedCard
}

// TransceiveTimed implements tap.Timed.
func (c clockedTap) TransceiveTimed(ctx context.Context, command []byte) ([]byte, time.Duration, bool, error) {
	c.clock.commands++
	defer c.clock.add(&c.clock.card, time.Now())
	return c.timed.TransceiveTimed(ctx, command)
}

var (
	_ entry.Field = (*antenna)(nil)
	_ tap.Timed   = clockedTap{}
)
