package lan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"smartreader/lan/wire"
)

// worn is the largest payment there can be: every text at its limit, and tried
// for weeks.
func worn(sequence uint64) wire.PaymentIntent {
	metadata := make(map[string]string)
	for i := range 30 {
		metadata[fmt.Sprint("key", i)] = strings.Repeat("v", wire.MaxMetadataValue)
	}
	history := make([]wire.StateChange, 5000)
	for i := range history {
		history[i] = wire.StateChange{State: wire.OfflineSending, AtMs: int64(i), Reason: strings.Repeat("r", 100)}
	}
	return wire.PaymentIntent{
		LocalID: "pl_1", Metadata: metadata, Description: strings.Repeat("d", wire.MaxDescription),
		OfflineDetails: &wire.OfflineDetails{
			State: wire.OfflineStored, Sequence: sequence, History: history,
			ReceiptProof: &wire.ReceiptProof{Index: 9, Head: "00", Entry: bytes.Repeat([]byte{1}, 100_000)},
		},
	}
}

func TestWhatIsSentFits(t *testing.T) {
	pi := worn(1)
	if e := fitEvent(wire.Event{Type: wire.EventPaymentIntentForwarded, Seq: 7, PaymentIntent: &pi, Error: wire.NewError(wire.CodeDeclined, "").WithPaymentIntent(pi)}); !fits(e) || e.Seq != 7 || e.PaymentIntent.LocalID != "pl_1" {
		t.Error("event")
	}
	if r := fitResult(wire.PaymentIntentResult{PaymentIntent: pi}); !fits(r) {
		t.Error("payment")
	}
	if r := fitResult(wire.CancelResult{Outcome: wire.CancelCanceled, PaymentIntent: &pi}); !fits(r) {
		t.Error("cancel")
	}
	var list wire.ListStoredPaymentsResult
	for i := range uint64(wire.MaxListed) {
		list.PaymentIntents = append(list.PaymentIntents, worn(i+1))
	}
	r := fitResult(list).(wire.ListStoredPaymentsResult)
	if n := len(r.PaymentIntents); !fits(r) || n == 0 || r.Next != uint64(n) {
		t.Errorf("list of %d, next %d", len(r.PaymentIntents), r.Next)
	}
	if len(pi.OfflineDetails.History) != 5000 || len(pi.OfflineDetails.ReceiptProof.Entry) == 0 {
		t.Error("shortening changed the original")
	}
	if small := (wire.PaymentIntent{OfflineDetails: &wire.OfflineDetails{ReceiptProof: &wire.ReceiptProof{Entry: []byte{1}}}}); len(fitResult(wire.PaymentIntentResult{PaymentIntent: small}).(wire.PaymentIntentResult).PaymentIntent.OfflineDetails.ReceiptProof.Entry) == 0 {
		t.Error("what fits was shortened")
	}
}
