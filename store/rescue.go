package store

import (
	"context"
	"errors"
	"fmt"
)

// Rescue hands all stored payments over to whoever has the export that follows:
// each payment that is stored, unknown or failed, and still has its sealed
// payload, becomes Rescued, and the forwarder leaves it alone from then on. Many
// share a sync. It returns how many were handed over by this call, and how many
// could not be: they are being sent at this moment, or their record is damaged.
// After a power cut some are handed over and the rest still wait: call it again.
func (s *Store) Rescue(ctx context.Context, reason string) (rescued, notYet int, err error) {
	for pass := 1; ; pass++ {
		ids, err := s.sealedIDs()
		if err != nil {
			return rescued, 0, err
		}
		done, left, again := 0, 0, 0
		for len(ids) > 0 {
			n := min(maxBatch, len(ids))
			d, l, a, err := s.rescueSome(ctx, ids[:n], reason)
			done, left, again = done+d, left+l, again+a
			if err != nil {
				return rescued + done, left, err
			}
			ids = ids[n:]
		}
		rescued += done
		if again == 0 || pass == rescuePasses {
			return rescued, left + again, nil
		}
	}
}

// A payment that changes while it is handed over is looked at again, but not for
// ever.
const rescuePasses = 5

// sealedIDs returns the local ids of all payments that have a sealed payload.
func (s *Store) sealedIDs() (ids []string, err error) {
	for after := ""; ; after = ids[len(ids)-1] {
		var some []string
		err := s.read(func() (err error) { some, err = s.sealedAfter(after, listPage); return err })
		if err != nil || len(some) == 0 {
			return ids, err
		}
		ids = append(ids, some...)
	}
}

// sealedAfter returns the next of them. It is called under mu.
func (s *Store) sealedAfter(localID string, limit int) (ids []string, err error) {
	err = s.disk.scan(prefixSealed, key(prefixSealed, localID+"\x00"), func(k, _ []byte) error {
		if ids = append(ids, string(k[len(prefixSealed):])); len(ids) == limit {
			return errStop
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("store: listing sealed payloads: %w", err)
	}
	return ids, err
}

// rescueSome hands over a batch. again counts those that changed meanwhile.
func (s *Store) rescueSome(ctx context.Context, ids []string, reason string) (done, notYet, again int, err error) {
	var waiters []*waiter
	for _, id := range ids {
		p, err := s.Payment(id)
		switch {
		case errors.Is(err, ErrDamaged):
			notYet++
		case errors.Is(err, ErrNotFound): // its index is gone, and the payload still there
			notYet++
		case err != nil:
			return 0, notYet, 0, err
		case p.State == Sending:
			notYet++
		case p.State.rescuable() && p.StoredAtMs != 0:
			c := Change{Payment: p, Reason: reason}
			c.Payment.State, c.Payment.NextAttemptAtMs = Rescued, 0
			waiters = append(waiters, &waiter{change: &c})
		}
	}
	s.submitAll(ctx, waiters)
	for _, w := range waiters {
		switch {
		case w.err == nil:
			done++
		case errors.Is(w.err, ErrConflict):
			again++
		default:
			err = errors.Join(err, w.err)
		}
	}
	if err != nil {
		return done, notYet, again, fmt.Errorf("store: rescuing: %w", err)
	}
	return done, notYet, again, nil
}

// rescuable tells whether a payment in this state can be handed over: money that
// was accepted, did not arrive, and is not under way at this moment.
func (s State) rescuable() bool { return s == Stored || s == Unknown || s == Failed }

// owed tells whether money was accepted that neither waits nor has reached an end:
// such a payment is never pruned.
func (p *Payment) owed() bool { return p.State == Failed && p.StoredAtMs != 0 }
