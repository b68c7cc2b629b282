package entry

import (
	"errors"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
)

// ErrKernel is wrapped when a kernel's outcome cannot be: none, one of a card without anything read of it, or one
// that gives away more than the card did: approved without its TC, the issuer asked about an AAC.
var ErrKernel = errors.New("entry: a kernel broke the contract")

// Process does outcome processing (Book B, 3.5): it shows what the outcome wants shown, switches the field off
// where it must be, and returns where Entry Point goes on: at B after TryAgain and after an EndApplication that
// wants it (such as "see phone"), at C after SelectNext. NoStart says that the outcome is final and the
// caller's. What was read of a card that does not count any more is wiped.
//
// How long the field stays off is waited for when it is to be on again. A final outcome leaves the field off,
// unless the card in it waits for the issuer's answer (OnlineRequest with OnlineData at Start D).
func (t *Transaction) Process(out tap.Outcome) (tap.Start, error) {
	if err := check(&out, t.answer != nil); err != nil {
		out.Reading.Wipe()
		return tap.NoStart, err
	}
	if out.UI != nil {
		t.show(*out.UI)
	}
	next := tap.NoStart
	switch {
	case out.Kind == tap.SelectNext:
		next = tap.StartC
	case out.Kind == tap.TryAgain, out.Kind == tap.EndApplication && out.Start == tap.StartB:
		next = tap.StartB
	}
	if next != tap.NoStart {
		out.Reading.Wipe()
	}
	if next == tap.StartC {
		return next, nil // the card is needed; a request to switch the field off would contradict it
	}
	t.pending = tap.Outcome{Kind: out.Kind, Start: out.Start, OnlineData: out.OnlineData}
	t.request, t.pause = out.Restart, out.FieldOff
	if next == tap.StartB {
		t.again, t.pause = true, max(t.pause, settle)
	}
	if t.resumable() && out.Start == tap.StartD {
		return next, nil
	}
	if err := t.off(); err != nil {
		out.Reading.Wipe()
		return next, err
	}
	return next, nil
}

// check holds every kernel to the card's own decision. Once the issuer answered, the payment rests on that, and
// the outcome only tells what became of the answer.
func check(out *tap.Outcome, answered bool) error {
	switch out.Kind {
	case tap.SelectNext, tap.TryAgain, tap.TryAnotherInterface, tap.EndApplication:
		return nil
	case tap.Approved, tap.Declined, tap.OnlineRequest:
	default:
		return fmt.Errorf("%w: %s", ErrKernel, out.Kind)
	}
	if out.Reading == nil {
		return fmt.Errorf("%w: %s, and nothing read of the card", ErrKernel, out.Kind)
	}
	decision := out.Reading.Decision()
	switch {
	case answered:
	case out.Kind == tap.Approved && decision != apdu.RequestTC:
		return fmt.Errorf("%w: approved, and the card did not", ErrKernel)
	case out.Kind == tap.OnlineRequest && decision != apdu.RequestARQC && decision != apdu.RequestTC && !out.Reading.MagneticStripe():
		return fmt.Errorf("%w: the issuer is to be asked, and the card declined", ErrKernel)
	}
	return nil
}

// resumable reports whether the last outcome wants the kernel started again with the issuer's answer.
func (t *Transaction) resumable() bool {
	return t.pending.Kind == tap.OnlineRequest && t.pending.OnlineData != tap.NoOnlineData &&
		(t.pending.Start == tap.StartB || t.pending.Start == tap.StartD)
}
