package payment

import (
	"context"
	"fmt"

	"smartreader/store"
)

// Recover settles what a power cut or crash left unfinished; call it once,
// before Run. Whatever had not been stored is interrupted: nobody was told
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
