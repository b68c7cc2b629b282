package pn532_test

import (
	"strings"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/hal/haltest"
	"smartreader/hal/pn532/pn532test"
)

// TestPaymentCards reads the payment kernels' test cards, those that hurt included:
// what comes through the chip is what the card says without one.
func TestPaymentCards(t *testing.T) {
	cards := 0
	for _, name := range emvtest.Profiles() {
		if !strings.HasPrefix(name, "tap-") {
			continue
		}
		profile, err := emvtest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		direct, err := haltest.ReadCard(t.Context(), atHand{emvtest.NewCard(profile, nil).Contactless()})
		if err != nil {
			continue // it leaves: TestTornAtEveryCommand
		}
		cards++
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, b *bench) {
				b.tap(t, pn532test.TypeA(emvtest.NewCard(profile, nil).Contactless()))
				tap, err := haltest.ReadCard(t.Context(), b.activate(t))
				if err != nil || tap.String() != direct.String() {
					t.Errorf("%v, %v; want %v", tap, err, direct)
				}
			})
		})
	}
	if cards < 20 {
		t.Errorf("only %d cards were read", cards)
	}
}

// atHand is a card without a reader.
type atHand struct{ *emvtest.TapCard }

func (atHand) Close() error { return nil }
