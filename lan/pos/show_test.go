package main

import (
	"bytes"
	"strings"
	"testing"

	"smartreader/lan/wire"
)

// A card that approved in its issuer's place does not look like one whose issuer is still to be asked.
func TestApprovedByTheCardIsSaid(t *testing.T) {
	for code, said := range map[string]bool{"Y1": true, "Y3": true, "00": false, "": false} {
		details := &wire.CardPresentDetails{Brand: "visa", Last4: "4242", ReceiptDetails: &wire.ReceiptDetails{AuthorizationResponseCode: code}}
		stored := wire.PaymentIntent{Amount: 1000, Currency: "usd", OfflineDetails: &wire.OfflineDetails{State: wire.OfflineStored, Sequence: 3, CardPresentDetails: details}}
		forwarded := wire.PaymentIntent{
			Amount: 1000, Currency: "usd", OfflineDetails: &wire.OfflineDetails{State: wire.OfflineForwarded},
			PaymentMethod: &wire.PaymentMethod{PaymentMethodDetails: wire.PaymentMethodDetails{CardPresent: details}},
		}
		for _, pi := range []wire.PaymentIntent{stored, forwarded} {
			if got := sentence(pi); strings.Contains(got, "visa **** 4242, approved by the card itself ("+code+")") != said {
				t.Errorf("%q: %s", code, got)
			}
		}
	}
}

// A collect that came to nothing leaves the payment as it was; that is not another payment.
func TestWatchTellsAFailedCollectFromANewPayment(t *testing.T) {
	pi := &wire.PaymentIntent{LocalID: "pl_1", Amount: 1000, Currency: "usd", Status: wire.StatusRequiresPaymentMethod}
	for reason, want := range map[string]string{
		"created": "created: 10.00 USD. pl_1",
		"CARD_READ_TIMED_OUT: no card was presented in time": "open again: 10.00 USD. pl_1 Reason: CARD_READ_TIMED_OUT: no card was presented in time.",
	} {
		if got := eventText(wire.Event{Type: wire.EventPaymentIntentChange, PaymentIntent: pi, State: "created", Reason: reason}); got != want {
			t.Errorf("%s: %q", reason, got)
		}
	}
}

// A shop that lets taps be stored without proof is told which these are.
func TestUnauthenticatedTapIsSaid(t *testing.T) {
	for _, unauthenticated := range []bool{false, true} {
		pi := wire.PaymentIntent{Amount: 1000, Currency: "usd", OfflineDetails: &wire.OfflineDetails{State: wire.OfflineStored, CardUnauthenticated: unauthenticated}}
		if got := sentence(pi); strings.Contains(got, "without proof that the card is genuine") != unauthenticated {
			t.Errorf("%v: %s", unauthenticated, got)
		}
		pi.LastPaymentError = &wire.PaymentError{DeclineCode: "stolen_card"}
		var list bytes.Buffer
		(&app{stdout: &list}).table(wire.ListStoredPaymentsResult{PaymentIntents: []wire.PaymentIntent{pi}})
		if got := list.String(); !strings.Contains(got, "stolen_card.") || strings.Contains(got, "without proof that the card is genuine. stolen_card.") != unauthenticated {
			t.Errorf("%v: in the list:\n%s", unauthenticated, got)
		}
	}
}
