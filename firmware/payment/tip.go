package payment

import (
	"context"

	"smartreader/store"
)

// base is what the payment is without a tip.
func base(p store.Payment) int64 { return p.Amount - p.Tip }

// withTip sets the tip; the amount includes it.
func withTip(p store.Payment, tip int64) store.Payment {
	p.Amount, p.Tip = base(p)+tip, tip
	return p
}

// askTip asks the cardholder for a tip on what of the base amount the POS calls
// eligible. Commands are
// answered meanwhile. False means that the payment goes no further and the
// command was answered, or ctx is done.
func (m *Machine) askTip(ctx context.Context, c command, p store.Payment) (tip int64, ok bool) {
	p = withTip(p, 0)
	ask, stop := context.WithCancel(ctx)
	defer stop()
	canceled := []command(nil)
	eligible := p
	if part := c.collect.TipEligible; part != nil {
		eligible.Amount = min(*part, p.Amount)
	}
	tip = attend(m, func() int64 { return m.opt.Tip(ask, eligible) }, func(other command) {
		switch {
		case other.kind != commandCancel:
			m.busy(other, "")
		case other.by == byCardholder: // whoever asks for the tip has a key of its own for that
			other.reply <- reply{end: EndAlreadyCompleted}
		default:
			canceled = append(canceled, other)
			stop()
		}
	})
	switch {
	case ctx.Err() != nil:
		return 0, false
	case len(canceled) > 0:
		c.fail(refuse(Canceled, RetryCollectAgain, "collecting was canceled", "collect again when ready").with(p))
		for _, other := range canceled {
			other.reply <- reply{payment: p, end: EndCanceled}
		}
		return 0, false
	case tip < 0 || tip > maxAmount-p.Amount:
		m.opt.Log.Error("a tip that cannot be is left out", "payment", p.LocalID, "tip", tip)
		return 0, true
	}
	return tip, true
}
