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
func (m *Machine) Recover(ctx context.Context) error {
	open, err := m.opt.Store.List(store.Filter{States: []store.State{store.Collecting, store.Collected, store.Authorizing}})
	if err != nil {
		return fmt.Errorf("payment: recover: %w", err)
	}
	for _, p := range open {
		reason := "interrupted before the payment was sealed; nothing was charged"
		if p.State == store.Authorizing {
			p.State, p.After = store.Reversing, store.Interrupted
			reason = "interrupted while the issuer was asked; reversed to be sure"
		} else {
			p.State = store.Interrupted
		}
		m.opt.Log.Warn("payment interrupted", "payment", p.LocalID, "reason", reason)
		if _, err := m.opt.Store.Commit(ctx, store.Change{Payment: p, Reason: reason, DropSealed: p.State == store.Reversing}); err != nil {
			return fmt.Errorf("payment: recover %s: %w", p.LocalID, err)
		}
	}
	return nil
}
