package store

import (
	"context"
	"encoding/json"
	"fmt"

	"smartreader/store/seal"
)

// Health says whether the store can be relied on, and what is gone if not.
type Health struct {
	// Damaged: entries are missing or unusable and nobody acknowledged it.
	Damaged          bool
	Reason           string
	Missing          seal.Ranges // journal indexes that are, or may be, gone
	DamagedEntries   seal.Ranges // journal indexes that are there but unusable; acknowledged ones too
	MissingSequences seal.Ranges // payment sequences that are, or may be, gone

	FreeBytes      int64  // on the disk, as of the last change
	RefusePayments string // why no new payment may be taken: RefusedDamage, RefusedDisk or ""
	Failed         error  // ErrFailed: reopen
}

// Health returns the state of the store. It is cheap.
func (s *Store) Health() Health {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h := s.health
	h.Failed = s.failed
	return h
}

// noteRoom keeps what was measured for Health.
func (s *Store) noteRoom(room roomState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.health.RefusePayments
	s.health.FreeBytes = room.free
	switch {
	case s.health.Damaged:
		s.health.RefusePayments = RefusedDamage
	case !room.taking:
		s.health.RefusePayments = RefusedDisk
	default:
		s.health.RefusePayments = ""
	}
	if now := s.health.RefusePayments; now != before {
		s.log.Warn("taking new payments changed", "refused", now, "free", room.free)
	}
}

// AcknowledgeLoss is the operator's word that what Health calls missing or
// damaged is known to be so. It goes into the journal, signed; new payments may
// be taken again. What is gone stays gone, and the platform can see it. In an
// undamaged store it does nothing.
func (s *Store) AcknowledgeLoss(ctx context.Context, reason string) error {
	return s.submit(ctx, &waiter{build: func(*batch) (part, error) {
		if !s.health.Damaged {
			return part{}, nil
		}
		body, err := json.Marshal(seal.Loss{
			Reason:    reason,
			Missing:   s.health.Missing,
			Damaged:   s.health.DamagedEntries,
			Sequences: s.health.MissingSequences,
		})
		if err != nil {
			return part{}, fmt.Errorf("store: acknowledging: %w", err)
		}
		return part{
			entry: &seal.EntryHeader{Kind: seal.KindLoss, Body: body},
			after: (*Store).forgive,
		}, nil
	}})
}

func (s *Store) forgive() {
	s.log.Warn("loss acknowledged", "missing", s.health.Missing, "damaged", s.health.DamagedEntries, "sequences", s.health.MissingSequences)
	s.health.Damaged, s.health.Reason = false, ""
	s.health.Missing, s.health.MissingSequences = nil, nil
	if s.health.RefusePayments == RefusedDamage {
		s.health.RefusePayments = ""
	}
}
