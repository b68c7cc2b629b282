package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/store"
)

// recover is Recover, again and again while the disk is too full to write down
// what became of the payments. Nothing is taken meanwhile.
func (m *Machine) recover(ctx context.Context) error {
	for {
		err := m.Recover(ctx)
		if !errors.Is(err, store.ErrRefused) {
			return err
		}
		m.opt.Log.Error("interrupted payments cannot be settled", "err", err)
		retry := time.NewTimer(recoverRetry)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-retry.C:
				waiting = false
			case c := <-m.commands:
				c.fail(storeFailure(err))
			}
		}
	}
}

const recoverRetry = 5 * time.Second

// Recover settles what a power cut or crash left unfinished; Run begins with
// it. Whatever had not been stored is interrupted: nobody was told
// that it was accepted. An authorization that may have reached the platform is
// reversed, because cardholder and POS were told nothing.
//
// Where journal entries were lost that does not hold: somebody may have been
// told. While the loss is not acknowledged nothing is touched. Afterwards a
// sealed payment is not undone but forwarded, which begins with asking the
// platform what became of it.
func (m *Machine) Recover(ctx context.Context) error {
	if m.opt.Store.Health().Damaged {
		m.opt.Log.Warn("the ledger is damaged: open payments are left as they are")
		return nil
	}
	open, err := m.opt.Store.List(store.Filter{States: []store.State{store.Collecting, store.Collected, store.Authorizing}})
	if err != nil {
		return fmt.Errorf("payment: recover: %w", err)
	}
	for _, p := range open {
		reason := "interrupted before the payment was sealed; nothing was charged"
		switch {
		case p.State == store.Authorizing && m.opt.AfterLoss:
			p.State, p.Attempted, p.StoredAtMs = store.Stored, true, m.now()
			reason = "the entries after this one were lost; the platform is asked what became of it"
		case p.State == store.Authorizing:
			p.State, p.After = store.Reversing, store.Interrupted
			reason = "interrupted while the issuer was asked; reversed to be sure"
		case m.opt.AfterLoss:
			p = withTip(p, 0)
			p.State = store.Interrupted
			reason = "the entries after this one were lost: it is not known whether the payment was accepted"
		default: // a tip goes with the card it was given with
			p = withTip(p, 0)
			p.State = store.Interrupted
		}
		m.opt.Log.Warn("payment interrupted", "payment", p.LocalID, "reason", reason)
		if _, err := m.opt.Store.Commit(ctx, store.Change{Payment: p, Reason: reason, DropSealed: p.State == store.Reversing}); err != nil {
			return fmt.Errorf("payment: recover %s: %w", p.LocalID, err)
		}
	}
	return nil
}
