package emvkernel

import (
	"context"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// ManageRisk checks the floor limit, selects payments at random when the application configures it,
// and checks how often the card paid offline (EMV Book 3, 10.6).
//
// EMV requires it of a card that asks for it in its AIP; here it is done with every card. The AIP is
// signed only where the card's '9F4A' says so, and a bit anybody in between can clear must not switch
// off the terminal's floor limit. It can only make the terminal stricter; whether EMV means it is
// [unverified].
//
// The floor limit is compared with this payment and the last one the caller remembers of the same account
// together (Params.SaleLog); random selection looks at this payment alone (Book 3, 10.6.1 and 10.6.2).
func (t *Transaction) ManageRisk(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "manage risk", toManage, toAnalyze, func(ctx context.Context) error {
		if t.params.ExceptionFile != nil && t.params.ExceptionFile(t.pan, t.sequence()) {
			t.tvr.Set(InExceptionFile)
		}
		if t.params.ForceOnline {
			t.tvr.Set(ForcedOnline)
		}
		switch {
		case t.saleAmount() >= t.app.floorLimit(t.params.Currency):
			t.tvr.Set(FloorLimitExceeded)
		case t.app.RandomMaximum > 0 && int64(t.params.RandomSelection) <= t.app.randomTarget(t.params.Amount):
			t.tvr.Set(SelectedAtRandom)
		}
		if err := t.checkVelocity(ctx); err != nil {
			return err
		}
		t.tsi.Set(RiskPerformed)
		return nil
	})
}

// saleAmount is the amount together with that of the last payment with the same account, if one is
// remembered. A negative one counts as none.
func (t *Transaction) saleAmount() int64 {
	if t.params.SaleLog == nil {
		return t.params.Amount
	}
	return t.params.Amount + min(max(0, t.params.SaleLog(t.pan, t.sequence())), maxAmount)
}

// sequence is the account's sequence number, two digits, empty if the card has none.
func (t *Transaction) sequence() string {
	if s := t.card[0x5F34]; len(s) == 1 {
		return fmt.Sprintf("%02X", s[0])
	}
	return ""
}

// randomTarget is the chance, in per cent, that a payment below the floor limit goes online: the target
// below the threshold, from there rising to the maximum at the floor limit (EMV Book 3, 10.6.2). The
// payment is in the floor limit's currency, or its floor limit would be zero.
func (a *Application) randomTarget(amount int64) int64 {
	target, maximum := int64(a.RandomTarget), int64(a.RandomMaximum)
	if amount < a.RandomThreshold {
		return target
	}
	return target + (maximum-target)*(amount-a.RandomThreshold)/(a.FloorLimit-a.RandomThreshold)
}

// checkVelocity compares the transactions since the last one online with the card's limits (EMV Book 3,
// 10.6.3). A card that has only one limit does not want the check; one that hides its counters exceeds
// both.
func (t *Transaction) checkVelocity(ctx context.Context) error {
	lower, haveLower := t.card[0x9F14]
	upper, haveUpper := t.card[0x9F23]
	if haveLower && len(lower) != 1 || haveUpper && len(upper) != 1 {
		return terminate("malformed consecutive offline limit")
	}
	if !haveLower || !haveUpper {
		return nil
	}
	atc, haveATC, err := t.getNumber(ctx, 0x9F36, 2)
	if err != nil {
		return err
	}
	last, haveLast, err := t.getNumber(ctx, 0x9F13, 2)
	if err != nil {
		return err
	}
	if haveLast && last == 0 {
		t.tvr.Set(NewCard)
	}
	if !haveATC || !haveLast || atc <= last {
		t.tvr.Set(LowerLimitExceeded)
		t.tvr.Set(UpperLimitExceeded)
		return nil
	}
	if offline := atc - last; offline > int(lower[0]) {
		t.tvr.Set(LowerLimitExceeded)
		// Only looked at when the lower limit is exceeded.
		if offline > int(upper[0]) {
			t.tvr.Set(UpperLimitExceeded)
		}
	}
	return nil
}

// getNumber asks the card for a counter of size bytes, at most four. A card that does not give it is no
// fault.
func (t *Transaction) getNumber(ctx context.Context, tag tlv.Tag, size int) (n int, ok bool, err error) {
	resp, err := t.exchange(ctx, "GET DATA", apdu.GetData(uint16(tag)))
	if err != nil {
		return 0, false, err
	}
	if resp.SW != apdu.OK {
		return 0, false, nil
	}
	e, rest, err := tlv.ParseOne(resp.Data)
	if err != nil || len(rest) != 0 || e.Tag != tag || len(e.Value) != size {
		return 0, false, terminate("GET DATA: malformed answer")
	}
	for _, b := range e.Value {
		n = n<<8 | int(b)
	}
	return n, true, nil
}
