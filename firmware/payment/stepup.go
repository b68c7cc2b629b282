package payment

import (
	"context"
	"errors"

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
func (m *Machine) stepsUp(s *session, a Answer) bool {
	if a.Verdict != Declined || s.tapped() == nil || s.steppedUp {
		return false
	}
	// A POS that has looked at the card decided on that one: it is to collect again.
	insert := m.opt.Contact != nil && !s.command.collect.Inspect
	switch a.DeclineCode {
	case offlinePINRequired:
		return insert
	case onlineOrOfflinePINRequired:
		return insert || m.pinHelps(s)
	}
	return false
}

// pinHelps reports whether the issuer can be given a PIN for the same tap that it has
// not had.
func (m *Machine) pinHelps(s *session) bool { return m.takesPIN(s) && !s.read.OnlinePINRequired() }

// stepUp goes on with a payment whose tap the issuer declined for want of a PIN. That
// attempt is committed, with its outcome: it has its sequence, and what follows is
// another one, whose outcome the POS's command waits for. It happens once. False says
// that there is no other attempt.
func (m *Machine) stepUp(ctx context.Context, s *session, failure *Error) (bool, error) {
	p := s.payment
	p.State, p.Failure = store.Collecting, nil
	err := m.commit(ctx, s, store.Change{Payment: p, Reason: mode(s.offline)}, nil, false)
	switch {
	case errors.Is(err, store.ErrRefused), errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrConflict): // no room, or canceled this moment
		m.opt.Log.Warn("the payment stays declined", "payment", p.LocalID, "err", err)
		return false, nil
	case err != nil:
		return false, err
	}
	s.steppedUp, s.command.confirm = true, true
	if failure.DeclineCode == onlineOrOfflinePINRequired && m.pinHelps(s) {
		return true, nil // with what was read of the tap
	}
	m.forgetTap(s)
	s.insertOnly, s.tapRefused, s.prompt = true, failure, FaceInsertCard
	return true, nil
}

// tapWithPIN reports whether a PIN goes with a tap that was none of the card's wishes:
// what the card signed does not tell of it.
func (s *session) tapWithPIN() bool { return s.steppedUp && s.tapped() != nil }
