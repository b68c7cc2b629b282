package reader_test

import (
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/lan/wire"
)

// tap holds a card to the reader; take it away with untap.
func (s *shop) tap(card string) {
	s.Helper()
	s.must(s.board.Field.Tap(card, s.chip(card).Contactless()))
}

// payByTap is create and process with a card that is tapped.
func (s *shop) payByTap(amount int64, behavior, card string) wire.PaymentIntent {
	s.Helper()
	pi := s.create(amount, behavior)
	s.tap(card)
	paid, err := s.process(pi)
	s.must(err)
	s.untap()
	return paid
}

func (s *shop) untap() { s.Helper(); s.must(s.board.Field.Take()) }

// chip is a card with the memory it had when it was used last.
func (s *shop) chip(card string) *emvtest.Card {
	s.Helper()
	profile, err := emvtest.Load(card)
	s.must(err)
	s.mu.Lock()
	state := s.cards[card]
	s.mu.Unlock()
	if state == nil {
		state = &emvtest.State{}
	}
	chip := emvtest.NewCard(profile, state)
	chip.Keep(func(now emvtest.State) error { s.mu.Lock(); s.cards[card] = &now; s.mu.Unlock(); return nil })
	return chip
}

// An outage with taps: accepted, never approved, and charged once each when the internet is back.
func TestTapsThroughAnOutage(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	for i, card := range []string{"visa", "mastercard", "visa", "mastercard"} {
		if i == 2 {
			s.must(s.platform.SetUnreachable(true))
			s.await(networkIs(wire.NetworkOffline))
		}
		paid := s.payByTap(int64(1000+100*i), wire.PreferOnline, card)
		details := paid.OfflineDetails
		switch {
		case i < 2 && (paid.Status != wire.StatusSucceeded || details != nil || paid.PaymentMethod.CardPresent.ReadMethod != wire.ReadContactlessEMV):
			t.Fatalf("online: %+v", paid)
		case i >= 2 && (details == nil || !details.RequiresUpload || details.CardPresentDetails.ReadMethod != wire.ReadContactlessEMV || details.CardUnauthenticated):
			t.Fatalf("offline: %+v", paid)
		}
	}
	s.must(s.platform.SetUnreachable(false))
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool {
		return d.OfflinePaymentsCount == 0 && d.NetworkStatus == wire.NetworkOnline
	})
	if totals := s.platform.Totals(); totals.Approved.Count != 4 || totals.Approved.ByCurrency["usd"] != 4600 || totals.Duplicates != 0 || totals.Reversed.Count != 0 {
		t.Errorf("%+v", totals)
	}
}

// Strong customer authentication: the issuer wants the card inserted, the POS is told, and its command ends
// with the outcome of the chip.
func TestIssuerWantsTheCardInserted(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	pi := s.create(4000, wire.PreferOnline)
	s.tap("offline-pin-sca-retry")
	type end struct {
		paid wire.PaymentIntent
		err  error
	}
	done := make(chan end, 1)
	go func() { paid, err := s.process(pi); done <- end{paid, err} }()
	s.await(func(e wire.Event) bool {
		return e.Type == wire.EventDisplayMessage && e.DisplayMessage == wire.DisplayInsertCard
	})
	s.untap()
	s.insert("offline-pin-sca-retry")
	e := <-done
	s.must(e.err)
	if e.paid.Status != wire.StatusSucceeded || e.paid.PaymentMethod.CardPresent.ReadMethod != wire.ReadContactEMV {
		t.Errorf("%+v", e.paid)
	}
	s.await(func(e wire.Event) bool { return e.ReaderEvent == wire.ReaderCardTapped })
	if totals := s.platform.Totals(); totals.Approved.Count != 1 {
		t.Errorf("%+v", totals)
	}
}
