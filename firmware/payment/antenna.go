package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/hal"
)

// presented is the card that came first.
type presented struct{ inserted, tapped hal.Card }

// errInserted and errSlot are why Entry Point's wait for a tap ended: a chip card
// was inserted, or the slot could not read one.
var (
	errInserted = errors.New("payment: a card was inserted")
	errSlot     = errors.New("payment: the chip card reader")
)

// await waits for a card that is inserted or tapped, whichever comes first; when
// both do the chip wins. When it returns nobody waits for cards any more, and
// nothing but the card it returns is powered. Again says that a card may stay in
// the field. The error is that of the antenna, or wraps errSlot.
func (m *Machine) await(ctx context.Context, again bool) (presented, error) {
	wait, stop := context.WithCancel(ctx)
	defer stop()
	var tapped hal.Card
	var tapErr error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tapped, tapErr = m.awaitTap(wait, again)
		if tapErr == nil || errors.Is(tapErr, hal.ErrCollision) || errors.Is(tapErr, hal.ErrMute) {
			stop()
		}
	}()
	card, err := m.activate(wait)
	stop()
	<-ended
	if card == nil && tapped != nil {
		// Who inserts a card may pass the antenna with it: the slot may have been about to power it.
		if here := m.inSlot(ctx); here {
			m.fieldOff()
			tapped = nil
			card, err = m.activate(ctx)
		}
	}
	switch {
	case card != nil:
		if tapped != nil {
			m.fieldOff()
		}
		return presented{inserted: card}, nil
	case tapped != nil:
		return presented{tapped: tapped}, nil
	case ctx.Err() != nil:
		return presented{}, ctx.Err()
	case err == errSwiped:
		return presented{}, err
	case errors.Is(tapErr, hal.ErrCollision), errors.Is(tapErr, hal.ErrMute):
		return presented{}, tapErr
	}
	return presented{}, fmt.Errorf("%w: %w", errSlot, err)
}

// awaitTap waits for a card in the field. One that was read before must have been
// taken away first, unless it is to be read again.
func (m *Machine) awaitTap(ctx context.Context, again bool) (hal.Card, error) {
	if m.onAntenna && !again {
		if err := m.opt.Contactless.WaitRemoval(ctx); err != nil {
			return nil, m.noAntenna(ctx, err)
		}
		m.onAntenna = false
	}
	card, err := m.opt.Contactless.Activate(ctx)
	if err != nil {
		return nil, m.noAntenna(ctx, err)
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
	m.onAntenna = m.opt.Contactless.WaitRemoval(look) != nil
}

// lookTime is more than an antenna needs to see that it is empty.
const lookTime = time.Second

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

// noAntenna notes an antenna that does not work; chips can still be inserted.
func (m *Machine) noAntenna(ctx context.Context, err error) error {
	if ctx.Err() == nil && !errors.Is(err, hal.ErrCollision) && !errors.Is(err, hal.ErrMute) {
		m.opt.Log.Warn("no cards can be tapped", "err", err)
	}
	return err
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
	wait, stop := context.WithCancel(a.wait)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := a.m.opt.Contactless.WaitRemoval(wait)
		stop()
		ended <- err
	}()
	card, _ := a.m.activate(wait)
	stop()
	err := <-ended
	if err == nil {
		a.m.onAntenna = false
	}
	if card != nil {
		a.inserted = card
		return errInserted
	}
	if a.wait.Err() != nil {
		return a.wait.Err()
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
