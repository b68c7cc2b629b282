package payment_test

import (
	"errors"
	"testing"

	"smartreader/firmware/payment"
	"smartreader/store"
)

// stand brings a stored payment into a state.
func (b *bench) stand(state store.State) store.Payment {
	b.Helper()
	p := b.storeOne("visa", 100)
	switch state {
	case store.Stored:
		return p
	case store.Rescued:
		return b.move(p, store.Rescued)
	case store.Sending:
		return b.move(p, store.Sending)
	}
	return b.move(p, store.Sending, state)
}

func TestVoid(t *testing.T) {
	for _, state := range []store.State{store.Stored, store.Unknown, store.Failed} {
		t.Run(string(state), func(t *testing.T) {
			b := newBench(t)
			p := b.stand(state)
			request := store.Request{POS: "pos", ID: "v", Method: "voidStoredPayment", BodyHash: []byte{1}}
			voided, err := b.machine.Void(t.Context(), p.LocalID, request)
			b.must(err)
			got := b.state(p, store.Reversing)
			if voided.After != store.Voided || got.After != store.Voided || got.Sequence != p.Sequence || got.NextAttemptAtMs != 0 || got.Failure != nil {
				t.Errorf("got %+v", got)
			}
			if _, err := b.store.Sealed(p.LocalID); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("card data is kept: %v", err)
			}
			if last := got.History[len(got.History)-1]; last.Reason != "voided by pos" {
				t.Errorf("the history says %q, not who", last.Reason)
			}
			if r, err := b.store.Request("pos", "v"); err != nil || !r.Done || r.LocalID != p.LocalID {
				t.Errorf("request %+v, %v", r, err)
			}
			if n := b.store.Pending().Count; n != 0 {
				t.Errorf("%d payments wait", n)
			}
			again, err := b.machine.Void(t.Context(), p.LocalID, store.Request{})
			b.must(err)
			if again.Index != voided.Index {
				t.Error("voided twice")
			}
			b.insert("visa")
			_, err = b.process(p)
			if e := b.fails(err, payment.UnexpectedOperation); e.Retry != payment.RetryNever {
				t.Errorf("the POS is told to retry: %s", e.Retry)
			}
			canceled, err := b.machine.Cancel(t.Context(), p.LocalID, store.Request{})
			b.must(err)
			if canceled.Index != voided.Index {
				t.Error("canceling changed a voided payment")
			}
			b.must(b.machine.Recover(t.Context())) // leaves it to the forwarder
			b.state(p, store.Reversing)
			b.move(p, store.Voided)
			again, err = b.machine.Void(t.Context(), p.LocalID, store.Request{})
			b.must(err)
			if again.State != store.Voided {
				t.Errorf("got %s", again.State)
			}
		})
	}
}

func TestVoidComesTooLateOrTooEarly(t *testing.T) {
	for state, retry := range map[store.State]payment.Retry{
		store.Sending: payment.RetrySame, store.Forwarded: payment.RetryNever, store.Declined: payment.RetryNever,
		store.Expired: payment.RetryNever, store.Rescued: payment.RetryNever,
	} {
		t.Run(string(state), func(t *testing.T) {
			b := newBench(t)
			p := b.stand(state)
			_, err := b.machine.Void(t.Context(), p.LocalID, store.Request{})
			e := b.fails(err, payment.UnexpectedOperation)
			if e.Retry != retry || e.Payment == nil || e.Payment.LocalID != p.LocalID {
				t.Errorf("got %+v", e)
			}
			b.state(p, state)
		})
	}
	b := newBench(t)
	p := b.create(100, payment.PreferOnline)
	_, err := b.machine.Void(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.UnexpectedOperation)
	b.insert("refuses-approval")
	_, err = b.process(p)
	b.fails(err, payment.DeclinedByReader)
	_, err = b.machine.Void(t.Context(), p.LocalID, store.Request{}) // reversing, but it can be collected again
	b.fails(err, payment.UnexpectedOperation)
	if got := b.state(p, store.Reversing); got.After != store.Created {
		t.Errorf("it ends in %s", got.After)
	}
	_, err = b.machine.Void(t.Context(), "pl_unknown", store.Request{})
	b.fails(err, payment.IntentNotFound)
}

func TestResend(t *testing.T) {
	for state, want := range map[store.State]store.State{
		store.Failed: store.Stored, store.Rescued: store.Unknown, store.Stored: store.Stored, store.Sending: store.Sending, store.Unknown: store.Unknown,
	} {
		t.Run(string(state), func(t *testing.T) {
			b := newBench(t)
			p := b.stand(state)
			sent, err := b.machine.Resend(t.Context(), p.LocalID, store.Request{POS: "pos", ID: "r", Method: "forwardNow", BodyHash: []byte{1}})
			b.must(err)
			got := b.state(p, want)
			if sent.State != want || got.NaturalKey != p.NaturalKey || state == store.Failed && !got.Attempted {
				t.Errorf("got %+v", got)
			}
			if _, err := b.store.Sealed(p.LocalID); err != nil {
				t.Errorf("there is nothing to send: %v", err)
			}
		})
	}
}

func TestResendOfWhatIsOver(t *testing.T) {
	b := newBench(t)
	forwarded := b.stand(store.Forwarded)
	_, err := b.machine.Resend(t.Context(), forwarded.LocalID, store.Request{})
	b.fails(err, payment.UnexpectedOperation)
	b.state(forwarded, store.Forwarded)
	created := b.create(100, payment.PreferOnline)
	_, err = b.machine.Resend(t.Context(), created.LocalID, store.Request{})
	b.fails(err, payment.UnexpectedOperation)
	settled := b.stand(store.Rescued)
	settled.ChargeID = "ch_1"
	_, err = b.store.Commit(t.Context(), store.Change{Payment: settled, DropSealed: true})
	b.must(err)
	_, err = b.machine.Resend(t.Context(), settled.LocalID, store.Request{})
	b.fails(err, payment.UnexpectedOperation)
	b.state(settled, store.Rescued)
}

func TestResendWithoutCardData(t *testing.T) {
	b := newBench(t)
	p := b.storeOne("visa", 100)
	p = b.move(p, store.Sending)
	p.State = store.Failed
	_, err := b.store.Commit(t.Context(), store.Change{Payment: p, DropSealed: true})
	b.must(err)
	_, err = b.machine.Resend(t.Context(), p.LocalID, store.Request{})
	b.fails(err, payment.UnexpectedOperation)
	b.state(p, store.Failed)
}
