package payment

import (
	"context"

	"smartreader/store"
)

// What an issuer says to a tap that it would approve with a PIN (strong customer
// authentication), in the words of Stripe's decline codes.
const (
	offlinePINRequired         = "offline_pin_required"
	onlineOrOfflinePINRequired = "online_or_offline_pin_required"
)

// stepsUp reports whether a decline is the issuer's wish for a PIN, and the same
// payment can go on with one: by the chip, or with an online PIN for the same tap.
func (m *Machine) stepsUp(s *session, declineCode string) bool {
	if s.tapped() == nil || s.steppedUp {
		return false
	}
	switch declineCode {
	case offlinePINRequired:
		return m.opt.Contact != nil
	case onlineOrOfflinePINRequired:
		return m.opt.Contact != nil || m.takesPIN(s)
	}
	return false
}

// stepUp goes on with a payment whose tap the issuer declined for want of a PIN. The
// declined attempt is committed first: it has its sequence, and what follows is
// another one. The POS's command waits for that one's outcome. It happens once.
func (m *Machine) stepUp(ctx context.Context, s *session, p store.Payment, failure *Error, declineCode string) (Phase, error) {
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: failure.Message, DropSealed: true}, failure, false); err != nil {
		return m.broken(s, err)
	}
	p = s.payment
	p.State, p.DoneAtMs, p.Failure, p.Card, p.Receipt, p.ChargeID = store.Collecting, 0, nil, nil, nil, ""
	if err := m.commit(ctx, s, store.Change{Payment: p, Reason: mode(s.offline)}, nil, false); err != nil {
		return m.broken(s, err)
	}
	s.steppedUp, s.command.confirm = true, true
	if declineCode == onlineOrOfflinePINRequired && m.takesPIN(s) {
		return Collecting, nil // with what was read of the tap
	}
	m.forgetTap(s)
	s.insertOnly, s.tapRefused, s.prompt = true, failure, FaceInsertCard
	return Collecting, nil
}
