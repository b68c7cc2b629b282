package simulation

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSimulatedCardComesAndGoes(t *testing.T) {
	s := newSimulation(t, 1)
	must(t, s, `{"simulatedCard":{"testPaymentMethod":"mastercard_debit"}}`)
	slot := s.Slot()
	if present, err := slot.Present(t.Context()); err != nil || present {
		t.Errorf("before a payment: %v, %v", present, err)
	}
	for range 2 {
		if _, err := slot.Activate(t.Context()); err != nil || slot.Inserted() != "mastercard-debit" {
			t.Fatalf("%v; %q is in", err, slot.Inserted())
		}
		if err := slot.WaitRemoval(t.Context()); err != nil || slot.Inserted() != "" {
			t.Fatalf("%v; %q is still in", err, slot.Inserted())
		}
	}
}

// A card that a person put in is that person's to take out.
func TestCardsOfOthersStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1)
		must(t, s, `{"simulatedCard":{"testPaymentMethod":"visa"}}`)
		slot := s.Slot()
		if err := slot.cards.Insert("amex", slot.Tray); err != nil {
			t.Fatal(err)
		}
		if _, err := slot.Activate(t.Context()); err != nil || slot.Inserted() != "amex" {
			t.Fatalf("%v; %q is in", err, slot.Inserted())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := slot.WaitRemoval(ctx); !errors.Is(err, context.DeadlineExceeded) || slot.Inserted() != "amex" {
			t.Errorf("got %v; %q is in", err, slot.Inserted())
		}
	})
}

func TestCardForAReaderThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1)
		slot := s.Slot()
		read := make(chan error)
		go func() {
			_, err := slot.Activate(t.Context())
			read <- err
		}()
		synctest.Wait()
		must(t, s, `{"simulatedCard":{"testCardNumber":"4242424242424242"}}`)
		if err := <-read; err != nil || slot.Inserted() != "visa" {
			t.Errorf("got %v; %q is in", err, slot.Inserted())
		}
		must(t, s, `{"simulatedCard":{}}`)
		if err := slot.WaitRemoval(t.Context()); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := slot.Activate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a simulated card: got %v", err)
		}
	})
}
