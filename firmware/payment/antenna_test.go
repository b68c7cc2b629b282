package payment

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
)

// device is a slot or an antenna that gives what the test wants.
type device struct {
	hal.ContactlessReader
	hal.ContactReader
	try     func(ctx context.Context, n int) (hal.Card, error) // the n-th Activate, from 1
	removal func(ctx context.Context) error
	present bool
	tries   int
	off     int
}

func (d *device) Activate(ctx context.Context) (hal.Card, error) {
	d.tries++
	if d.try == nil {
		return nobody(ctx, d.tries)
	}
	return d.try(ctx, d.tries)
}

func (d *device) WaitRemoval(ctx context.Context) error {
	if d.removal == nil {
		return nil
	}
	return d.removal(ctx)
}

func (d *device) Present(context.Context) (bool, error) { return d.present, nil }
func (d *device) FieldOff() error                       { d.off++; return nil }

// piece is a card that only has to be told from others.
type piece struct{ hal.Card }

var errUnplugged = fmt.Errorf("unplugged: %w", hal.ErrNotFound)

func nobody(ctx context.Context, _ int) (hal.Card, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func unplugged(context.Context, int) (hal.Card, error) { return nil, errUnplugged }

func cardAfter(d time.Duration) func(context.Context, int) (hal.Card, error) {
	return func(ctx context.Context, _ int) (hal.Card, error) {
		if err := pause(ctx, d); err != nil {
			return nil, err
		}
		return &piece{}, nil
	}
}

// Whatever slot and antenna do, what works is waited for, nothing spins, and nobody waits any more when the
// wait is over: the test's own clock would not let a goroutine stay.
func TestSlotAndAntennaAreArmedTogether(t *testing.T) {
	type end struct {
		inserted, tapped bool
		err              error
	}
	afterOutage := func(ctx context.Context, n int) (hal.Card, error) {
		if n <= 5 {
			return nil, errUnplugged
		}
		return cardAfter(3*time.Second)(ctx, n)
	}
	mute := func(context.Context, int) (hal.Card, error) { return nil, hal.ErrMute }
	for name, c := range map[string]struct {
		slot, antenna   func(context.Context, int) (hal.Card, error)
		noSlot          bool
		want            end
		took            time.Duration
		slots, antennas int // how often they are asked; 0: not looked at
	}{
		"tap":                        {antenna: cardAfter(time.Second), want: end{tapped: true}, took: time.Second, slots: 1},
		"chip":                       {slot: cardAfter(time.Second), want: end{inserted: true}, took: time.Second, antennas: 1},
		"both at the same instant":   {slot: cardAfter(time.Second), antenna: cardAfter(time.Second), took: time.Second},
		"nobody":                     {want: end{err: context.DeadlineExceeded}, took: time.Minute, slots: 1, antennas: 1},
		"slot unplugged, tap":        {slot: unplugged, antenna: cardAfter(30500 * time.Millisecond), want: end{tapped: true}, took: 30500 * time.Millisecond, slots: 31, antennas: 1},
		"antenna unplugged, chip":    {antenna: unplugged, slot: cardAfter(30500 * time.Millisecond), want: end{inserted: true}, took: 30500 * time.Millisecond, slots: 1, antennas: 31},
		"antenna comes back":         {antenna: afterOutage, want: end{tapped: true}, took: 8 * time.Second},
		"slot comes back":            {slot: afterOutage, want: end{inserted: true}, took: 8 * time.Second},
		"both unplugged":             {slot: unplugged, antenna: unplugged, want: end{err: errSlot}},
		"no slot, antenna unplugged": {noSlot: true, antenna: unplugged, want: end{err: hal.ErrNotFound}},
		"no slot, tap":               {noSlot: true, antenna: cardAfter(time.Second), want: end{tapped: true}, took: time.Second},
		"slot unplugged, nobody":     {slot: unplugged, want: end{err: context.DeadlineExceeded}, took: time.Minute},
		"mute chip":                  {slot: mute, want: end{err: errSlot}},
		"mute in the field":          {antenna: mute, want: end{err: hal.ErrMute}},
		"slot unplugged, two cards": {slot: unplugged, antenna: func(context.Context, int) (hal.Card, error) {
			return nil, hal.ErrCollision
		}, want: end{err: hal.ErrCollision}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slot, field := &device{try: c.slot}, &device{try: c.antenna}
				m := New(Options{Contact: slot, Contactless: field})
				if c.noSlot {
					m.opt.Contact = nil
				}
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				begun := time.Now()
				p, err := m.await(ctx, false)
				if took := time.Since(begun); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if name == "both at the same instant" { // either may be faster, but only one is powered
					if p.inserted != nil && p.tapped != nil || p == (presented{}) || p.inserted != nil && field.off == 0 && m.onAntenna {
						t.Errorf("%+v, %v, field off %d times", p, err, field.off)
					}
					return
				}
				if (p.inserted != nil) != c.want.inserted || (p.tapped != nil) != c.want.tapped || !errors.Is(err, c.want.err) || (err == nil) != (c.want.err == nil) {
					t.Errorf("%+v, %v", p, err)
				}
				if c.slots != 0 && slot.tries != c.slots || c.antennas != 0 && field.tries != c.antennas {
					t.Errorf("asked the slot %d times and the antenna %d times", slot.tries, field.tries)
				}
				if name == "mute in the field" && errors.Is(err, errSlot) {
					t.Error("taken for the slot's")
				}
			})
		})
	}
}

// A card that was being inserted when the tap was read: the chip is used, and the tap is over. If it is drawn out
// again at that moment, both are armed again.
func TestTapOfACardOnItsWayIntoTheSlot(t *testing.T) {
	for _, drawn := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var slot, field *device
			slot = &device{present: true, try: func(ctx context.Context, n int) (hal.Card, error) {
				if n == 1 || drawn {
					return nobody(ctx, n)
				}
				return &piece{}, nil
			}}
			field = &device{try: func(context.Context, int) (hal.Card, error) {
				if field.off > 0 {
					slot.present = false // another tap
				}
				return &piece{}, nil
			}, removal: func(ctx context.Context) error {
				if drawn {
					return nil
				}
				<-ctx.Done() // the card in the slot is near the antenna
				return ctx.Err()
			}}
			m := New(Options{Contact: slot, Contactless: field})
			p, err := m.await(t.Context(), true)
			if err != nil || (p.tapped != nil) != drawn || (p.inserted != nil) == drawn || field.off != 1 {
				t.Errorf("drawn %v: %+v, %v; field off %d times", drawn, p, err, field.off)
			}
		})
	}
}

// While two cards are to be taken away a chip may be inserted, and a card swiped; a slot that does not work is
// no reason to end anything.
func TestSlotWhileCardsAreToBeTakenAway(t *testing.T) {
	gone := func(ctx context.Context) error { return pause(ctx, 5*time.Second) }
	mute := func(context.Context, int) (hal.Card, error) { return nil, hal.ErrMute }
	for name, c := range map[string]struct {
		slot func(context.Context, int) (hal.Card, error)
		stay bool
		want error
	}{
		"taken away":     {},
		"inserted":       {slot: cardAfter(time.Second), want: errInserted},
		"slot unplugged": {slot: unplugged},
		"mute chip":      {slot: mute, want: errSlot},
		"swiped":         {slot: func(context.Context, int) (hal.Card, error) { return nil, errSwiped }, want: errSwiped},
		"they stay":      {stay: true, want: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				field := &device{removal: gone}
				if c.stay {
					field.removal = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				}
				m := New(Options{Contact: &device{try: c.slot}, Contactless: field})
				m.onAntenna = true
				wait, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				a := &antenna{m: m, s: &session{}, wait: wait}
				err := a.WaitRemoval(t.Context())
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (a.inserted != nil) != (c.want == errInserted) || m.onAntenna != (err != nil) {
					t.Errorf("%v; inserted %v, on the antenna %v", err, a.inserted, m.onAntenna)
				}
			})
		})
	}
}

// While nobody pays the antenna is watched until the last card has gone; a broken one is not watched for ever.
func TestIdleWatchesTheAntenna(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		field := &device{removal: func(ctx context.Context) error { return pause(ctx, time.Minute) }}
		m := New(Options{Contactless: field})
		for _, c := range []struct {
			after time.Duration
			on    bool
		}{{time.Second, true}, {2 * time.Minute, false}} {
			m.onAntenna = true
			stop := m.watchAntenna(t.Context())
			time.Sleep(c.after) // of the test's own clock
			stop()
			if m.onAntenna != c.on {
				t.Errorf("after %v: on the antenna %v", c.after, m.onAntenna)
			}
		}
		field.removal = func(context.Context) error { return errUnplugged }
		m.onAntenna = true
		m.watchAntenna(t.Context())()
		if !m.onAntenna {
			t.Error("a broken antenna has seen the card go")
		}
		begun := time.Now()
		field.removal = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		m.lookForCard(t.Context())
		if took := time.Since(begun); took != lookTime || !m.onAntenna {
			t.Errorf("looked for %v; a card is there: %v", took, m.onAntenna)
		}
	})
}
