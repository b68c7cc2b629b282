package payment

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"smartreader/store"
)

// Between the declined attempt and the next the POS may cancel the payment: then there is no next, and the
// reader goes on working.
func TestStepUpOfAPaymentThatIsCanceledThisMoment(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Signer: key, MinFreeBytes: 1, ReserveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	id := "pl_" + strings.Repeat("1", 32)
	m := New(Options{Store: ledger})
	s := &session{payment: store.Payment{LocalID: id, Key: id, Amount: 100, Currency: "usd", CaptureMethod: "automatic", OfflineBehavior: PreferOnline, State: store.Created}}
	s.command.request = store.Request{POS: "till", ID: "1"}
	declined := refuse(DeclinedByPlatform, RetryCollectAgain, "PIN required", "insert the card")
	declined.DeclineCode = offlinePINRequired
	for _, state := range []store.State{store.Created, store.Collecting, store.Collected, store.Authorizing, store.Declined} {
		s.payment.State = state
		change := store.Change{Payment: s.payment, Reason: "test"}
		if state == store.Authorizing {
			change.Seal = func(uint64) ([]byte, string, error) { return []byte("sealed"), "key", nil }
		}
		if err := m.commit(t.Context(), s, change, declined, state == store.Declined); err != nil {
			t.Fatalf("%s: %v", state, err)
		}
	}
	if _, err := m.Cancel(t.Context(), id, store.Request{}); err != nil {
		t.Fatal(err)
	}
	if again, err := m.stepUp(t.Context(), s, declined); again || err != nil || s.steppedUp {
		t.Errorf("goes on: %v, %v", again, err)
	}
	if p, err := ledger.Payment(id); err != nil || p.State != store.Canceled {
		t.Errorf("%s, %v", p.State, err)
	}
	if known, err := ledger.Request("till", "1"); err != nil || !known.Done {
		t.Errorf("the request is remembered as %+v, %v", known, err)
	}
}
