package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/store/seal"
)

// Pruned is what one Prune dropped.
type Pruned struct {
	Entries  int // journal entries
	Payments int // payments that had ended
}

// What pruning leaves alone, whatever it is asked for.
const (
	// keepEvents is how long events and request outcomes are kept, by the
	// TimeFloor.
	keepEvents = 30 * 24 * time.Hour

	// keepEntries is how many of the newest entries stay: the head slot is
	// compared with them after a power cut.
	keepEntries = 2 * maxBatch

	// A checkpoint is not worth fewer entries.
	leastPruned = 64
)

// A round is one transaction, with its checkpoint: power goes before or after
// it, never in the middle.
const (
	roundEntries = 1024
	roundBytes   = maxBatchBytes / 2
)

// errMoved means that a payment changed while a round was being planned.
var errMoved = errors.New("store: a payment changed while it was to be pruned")

// Prune drops the journal's oldest entries, those from before the given time,
// with the payments that ended in them and all that leads to those. Nothing of
// the last 30 days is dropped, by the TimeFloor and not by the clock; request
// outcomes that are older are.
//
// A payment that still waits, was refused but can be sent again, or was rescued
// without known end is carried over: its newest state is journaled again,
// unchanged, as an entry of kind seal.KindCarried, which is an event without a
// payment. Its index is then a new one. A signed seal.Checkpoint says what was
// dropped, so that verification goes on to hold. Once dropped, a payment's
// idempotency key is free again.
//
// Changes go on between the rounds, each of which is one transaction. Prune costs
// little when there is nothing to do. In a damaged store it does nothing, and it
// stops before a damaged payment that may be owed. Space comes back with Flatten.
func (s *Store) Prune(ctx context.Context, before time.Time) (total Pruned, err error) {
	cutoff := min(before.UnixMilli(), s.TimeFloor().Add(-keepEvents).UnixMilli())
	if err := s.pruneRequests(ctx); err != nil {
		return total, fmt.Errorf("store: pruning: %w", err)
	}
	last, err := s.lastBefore(ctx, cutoff)
	if err != nil {
		return total, fmt.Errorf("store: pruning: %w", err)
	}
	for {
		done, err := s.pruneRound(ctx, last)
		if errors.Is(err, errMoved) {
			continue // rare: it was in use again after all that time
		}
		total.Entries, total.Payments = total.Entries+done.Entries, total.Payments+done.Payments
		if err != nil {
			return total, fmt.Errorf("store: pruning: %w", err)
		}
		if done.Entries == 0 {
			return total, nil
		}
	}
}

// lastBefore returns the index up to which the journal is certainly older than a
// time, 0 if none of it is. An entry of a time when the clock was not set tells
// nothing: its time is a lower bound, and it may be of today; the next one with a
// set clock tells. Nor does one whose time is still to come: the clock was ahead
// once, and every entry since has that time. Then a payment tells, which notes its
// steps by the clock as it is.
func (s *Store) lastBefore(ctx context.Context, cutoffMs int64) (last uint64, err error) {
	nowMs := s.Now().UnixMilli()
	var from, head uint64
	if err := s.read(func() error { from, head = s.first, s.head.index; return nil }); err != nil {
		return 0, err
	}
	for from <= head {
		entries, err := s.some(from, head, pageEntries)
		if err != nil || len(entries) == 0 {
			return last, err
		}
		for _, e := range entries {
			from = e.index + 1
			h, err := seal.ReadEntryHeader(e.Header)
			if err != nil || !h.ClockSet {
				continue
			}
			atMs := h.AtMs
			if atMs > nowMs && h.Kind == seal.KindPayment {
				if p, err := paymentFrom(h); err == nil && len(p.History) > 0 {
					atMs = p.History[len(p.History)-1].AtMs
				}
			}
			switch {
			case atMs < cutoffMs:
				last = e.index
			case atMs <= nowMs:
				return last, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// pruneRound drops at most roundEntries, none behind last. None are left to drop
// when it dropped none.
func (s *Store) pruneRound(ctx context.Context, last uint64) (Pruned, error) {
	r := &round{s: s, ended: map[string]pointer{}, carry: map[string]pointer{}}
	var head uint64
	var damaged bool
	err := s.read(func() error {
		r.first, head, damaged = s.first, s.head.index, s.health.Damaged
		r.sequences, r.lost = r.sequences.With(s.pruned.Sequences), r.lost.With(s.pruned.Lost)
		return nil
	})
	if err != nil || damaged || head < r.first+keepEntries {
		return Pruned{}, err
	}
	if err := r.plan(ctx, min(last, head-keepEntries)); err != nil {
		return Pruned{}, err
	}
	if r.settle(); r.entries < leastPruned {
		return Pruned{}, nil
	}
	if err := r.carryOver(ctx); err != nil {
		return Pruned{}, err
	}
	if err := s.submit(ctx, &waiter{build: r.checkpoint}); err != nil {
		return Pruned{}, err
	}
	return Pruned{r.entries, len(r.ended)}, nil
}
