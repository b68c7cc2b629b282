package emvkernel_test

import (
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
)

// BenchmarkTransaction is the kernel's own time for one chip payment, from selection to the first
// cryptogram and the deferral: the card's answers are recorded ones.
func BenchmarkTransaction(b *testing.B) {
	for _, bm := range []struct{ name, profile string }{
		{"DDA", visa}, {"CDA", mastercard}, {"SDA", visa + "oda sda\n"}, {"none", visa + "oda none\n"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			cfg := emvtest.TerminalConfig()
			card := &recorder{card: software(b, bm.profile)}
			run := func(card emvkernel.Transceiver) {
				tx, err := emvkernel.NewTransaction(&cfg, payment(), card, nil, nil)
				if err != nil {
					b.Fatal(err)
				}
				if out, err := tx.Collect(b.Context()); err != nil || out.Kind != emvkernel.OnlineRequest {
					b.Fatal(out, err)
				}
				if _, err := tx.Complete(b.Context(), emvkernel.Answer{}); err != nil {
					b.Fatal(err)
				}
			}
			run(card)
			b.ReportAllocs()
			for b.Loop() {
				run(&replay{frames: card.frames})
			}
			b.ReportMetric(float64(len(card.frames)), "commands/op")
		})
	}
}
