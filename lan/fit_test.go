package lan

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
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

// fill makes every text and list below v as long as none should be. Texts that
// are one of a few constants stay.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch v.Type().Field(i).Name {
			case "Type", "Retry", "Outcome", "Lease", "Totals":
			default:
				fill(v.Field(i), depth)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 20, 20))
		for i := range v.Len() {
			fill(v.Index(i), depth-1)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String {
			v.Set(reflect.ValueOf(map[string]string{"k": strings.Repeat("<", 20_000)}).Convert(v.Type()))
		}
	case reflect.String:
		v.SetString(strings.Repeat("<", 3000)) // JSON spells it with six bytes
	case reflect.Uint8, reflect.Int64, reflect.Int:
		if v.CanInt() {
			v.SetInt(1250)
		}
	case reflect.Bool:
		v.SetBool(true)
	}
}

func filled[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem(), 5)
	return v
}

// Whatever a platform or a bug put into a payment, what is sent about it fits,
// and says which payment it is and what has become of the money.
func TestWhateverIsInAPaymentItFits(t *testing.T) {
	e := filled[wire.Event]()
	e.Type, e.Seq = wire.EventPaymentIntentForwarded, 7
	if got := fitEvent(e); !fits(got) || got.Seq != 7 || got.PaymentIntent == nil || got.PaymentIntent.Amount != 1250 || got.PaymentIntent.OfflineDetails == nil || got.Error == nil {
		t.Errorf("event %+v", got)
	}
	if got := fitResult(filled[wire.PaymentIntentResult]()); !fits(got) {
		t.Error("payment")
	}
	if got := fitResult(filled[wire.CancelResult]()); !fits(got) {
		t.Error("cancel")
	}
	if got := fitResult(filled[wire.ForwardNowResult]()); !fits(got) {
		t.Error("forward")
	}
	list := wire.ListStoredPaymentsResult{PaymentIntents: wire.PaymentIntents{filled[wire.PaymentIntent](), filled[wire.PaymentIntent]()}}
	if got := fitResult(list).(wire.ListStoredPaymentsResult); !fits(got) || len(got.PaymentIntents) == 0 {
		t.Error("list")
	}
	long := strings.Repeat("<", 3000)
	refused := wire.NewError(wire.CodeDeclined, long).WithPaymentIntent(worn(1))
	outcome := wire.RescueOutcome{LocalID: long, State: wire.OfflineDeclined, ID: &long, Error: refused}
	rescued := wire.RescuePaymentsResult{Payments: slices.Repeat([]wire.RescueOutcome{outcome}, wire.MaxRescued)}
	if got := fitResult(rescued).(wire.RescuePaymentsResult); !fits(got) || got.Payments[0].ID == nil || got.Payments[0].Error == nil {
		t.Error("rescue")
	}
	explained := wire.ExplainOfflinePolicyResult{Rules: slices.Repeat([]wire.PolicyRule{filled[wire.PolicyRule]()}, 20), Error: refused}
	for i := range explained.Rules {
		explained.Rules[i].Stops = i == 19
	}
	if got := fitResult(explained).(wire.ExplainOfflinePolicyResult); !fits(got) || len(got.Rules) == 0 || !got.Rules[0].Stops || got.Error == nil {
		t.Error("explanation")
	}
	if got := fitResult(filled[wire.VerifyLedgerResult]()).(wire.VerifyLedgerResult); !fits(got) || !got.OK || len(got.Problems) == 0 {
		t.Error("verification")
	}
	if got := fitResult(filled[wire.SimulatorConfiguration]()).(wire.SimulatorConfiguration); !fits(got) || *got.SimulatedTipAmount != 1250 {
		t.Error("simulation")
	}
	// What says nothing when it is cut is refused.
	for _, result := range []any{filled[wire.ExportLedgerResult](), filled[wire.CollectInputsResult]()} {
		if e := tooLong(fitResult(result)); fits(fitResult(result)) || e.Retry == wire.RetrySame || e.Remedy == "" {
			t.Errorf("%T: %+v", result, e)
		}
	}
	failed := filled[wire.Error]()
	if got := fitError(&failed); !fits(rpcError(got)) || got.PaymentIntent == nil {
		t.Error("error")
	}
	message := wire.NewError(wire.CodeDeclined, strings.Repeat("m", maxBody-1000)) // fits once, and is sent twice
	if got := fitError(message); !fits(rpcError(got)) || got.Message == "" {
		t.Error("long message")
	}
	reader := wire.Reader{ID: "tmr_1", Label: strings.Repeat("l", 70_000), Warnings: strings.Split(strings.Repeat("w", 70_000), "")}
	if got := fitResult(reader).(wire.Reader); !fits(got) || got.ID != "tmr_1" {
		t.Error("reader")
	}
	if got := fitResult(&wire.ConnectReaderResult{Reader: reader, NewestSeq: 9}).(*wire.ConnectReaderResult); !fits(got) || got.NewestSeq != 9 || got.Reader.ID != "tmr_1" {
		t.Error("connect")
	}
}
