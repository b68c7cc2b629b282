package payment_test

import (
	"context"
	"sync/atomic"
	"testing"

	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/store"
)

// head is a stripe head whose swipes the test makes, and which knows whether
// anybody reads.
type head struct {
	swipes  chan hal.Tracks
	reading atomic.Int32
}

func (h *head) Read(ctx context.Context) (hal.Tracks, error) {
	h.reading.Add(1)
	defer h.reading.Add(-1)
	select {
	case t := <-h.swipes:
		if t.Two.Empty() {
			return hal.Tracks{}, hal.ErrMute
		}
		return t, nil
	case <-ctx.Done():
		return hal.Tracks{}, ctx.Err()
	}
}

func benchWithHead(t *testing.T, options ...option) (*bench, *head) {
	h := &head{swipes: make(chan hal.Tracks)}
	b := newBench(t, append(options, func(b *bench, o *payment.Options) { o.Swipe, b.head = h, h })...)
	return b, h
}

func track2() hal.Tracks { return hal.Tracks{Two: hal.NewSecret([]byte("4242424242424242=2912"))} }

func TestSwipeIsNoPayment(t *testing.T) {
	messages := map[string]bool{}
	for _, offline := range []bool{false, true} {
		for name, tracks := range map[string]hal.Tracks{"read": track2(), "unreadable": {}} {
			b, h := benchWithHead(t)
			if offline {
				b.goOffline()
			}
			p := b.create(100, payment.PreferOnline)
			done := make(chan error, 1)
			go func() { _, err := b.process(p); done <- err }()
			h.swipes <- tracks
			e := b.fails(<-done, payment.CardSwipeNotAvailable)
			if e.Retry != payment.RetryCollectAgain || h.reading.Load() != 0 || !tracks.Two.Empty() {
				t.Errorf("%s: %+v; %d still read; track kept: %v", name, e, h.reading.Load(), !tracks.Two.Empty())
			}
			messages[e.Message] = true
			b.state(p, store.Created)
			b.insert("visa")
			_, err := b.process(p)
			b.must(err)
		}
	}
	if len(messages) != 2 {
		t.Errorf("on- and offline are told alike: %v", messages)
	}
}

func TestNobodyReadsStripesAfterCollect(t *testing.T) {
	b, h := benchWithHead(t)
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.machine.Collect(t.Context(), p.LocalID, payment.CollectParams{}, store.Request{})
	b.must(err)
	if h.reading.Load() != 0 {
		t.Error("the stripe head is still read")
	}
}

// gated is a slot that holds a card before it powers it, so that a swipe can
// come in between.
type gated struct {
	hal.ContactReader
	waiting chan bool // the card is in, and about to be powered
	gate    chan bool
	once    atomic.Bool
	// disturbed: it was told to stop waiting
	disturbed atomic.Bool
}

func (g *gated) Activate(ctx context.Context) (hal.Card, error) {
	if g.once.CompareAndSwap(false, true) {
		g.waiting <- true
		select {
		case <-g.gate:
		case <-ctx.Done():
			g.disturbed.Store(true)
			return nil, ctx.Err()
		}
	}
	return g.ContactReader.Activate(ctx)
}

// Who inserts a card may draw it past the stripe head: the chip pays.
func TestSwipeNeverDisturbsTheChip(t *testing.T) {
	slot := &gated{waiting: make(chan bool), gate: make(chan bool)}
	b, h := benchWithHead(t, func(b *bench, o *payment.Options) { slot.ContactReader = b.tray; o.Contact = slot })
	p := b.create(100, payment.PreferOnline)
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	<-slot.waiting
	b.insert("visa")
	tracks := track2()
	h.swipes <- tracks
	select {
	case h.swipes <- hal.Tracks{}: // it listens on
	case err := <-done:
		t.Fatalf("the swipe stopped the wait for the card; it ended with %v", err)
	}
	slot.gate <- true
	b.must(<-done)
	b.state(p, store.Approved)
	if slot.disturbed.Load() || !tracks.Two.Empty() || h.reading.Load() != 0 {
		t.Errorf("chip disturbed: %v; or the stripe is kept, or read on", slot.disturbed.Load())
	}
}

// late is a slot into which a card comes at the moment waiting for it ends.
type late struct {
	hal.ContactReader
	insert func()
	once   atomic.Bool
}

func (l *late) Activate(ctx context.Context) (hal.Card, error) {
	if l.once.CompareAndSwap(false, true) {
		<-ctx.Done()
		l.insert()
		return nil, ctx.Err()
	}
	return l.ContactReader.Activate(ctx)
}

func TestChipInsertedAtTheMomentOfASwipePays(t *testing.T) {
	slot := &late{}
	b, h := benchWithHead(t, func(b *bench, o *payment.Options) {
		slot.ContactReader, slot.insert = b.tray, func() { b.insert("visa") }
		o.Contact = slot
	})
	p := b.create(100, payment.PreferOnline)
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	h.swipes <- track2()
	b.must(<-done)
	b.state(p, store.Approved)
}
