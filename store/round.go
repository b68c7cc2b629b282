package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"smartreader/store/seal"
)

// round is what one transaction drops.
type round struct {
	s       *Store
	first   uint64 // of the journal
	through uint64
	hash    string // that the entry after it names
	atMs    int64  // of the newest entry dropped
	entries int
	bytes   int

	deletes   []deletion
	ended     map[string]pointer // local id -> newest entry, of payments dropped
	carry     map[string]pointer // likewise, of those carried over
	sequences seal.Ranges
	lost      seal.Ranges
}

// deletion is a key that goes when the entry at index does.
type deletion struct {
	index uint64
	key   []byte
}

var errRoundFull = errors.New("store: round is full")

// plan reads entries from the first on, none behind last, and decides what becomes
// of each.
func (r *round) plan(ctx context.Context, last uint64) error {
	from := r.first
	for from <= last {
		entries, err := r.s.some(from, last+1, pageEntries)
		if err != nil {
			return err
		}
		for _, e := range entries {
			h, err := seal.ReadEntryHeader(e.Header)
			if err == nil { // of a damaged one, nobody knows what it names
				r.through, r.hash = e.index-1, h.Prev
			}
			if e.index > last {
				return nil
			}
			if err == nil {
				r.atMs = h.AtMs
			}
			switch err := r.drop(e.index, h, err == nil); {
			case errors.Is(err, errRoundFull):
				return nil
			case err != nil:
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil
		}
		from = entries[len(entries)-1].index + 1
	}
	return nil
}

// settle forgets what was planned for entries that stay.
func (r *round) settle() {
	r.entries = 0
	kept := r.deletes[:0]
	for _, d := range r.deletes {
		if d.index <= r.through {
			kept = append(kept, d)
			if bytes.HasPrefix(d.key, prefixJournal) {
				r.entries++
			}
		}
	}
	r.deletes = kept
	stays := func(_ string, at pointer) bool { return at.index > r.through }
	maps.DeleteFunc(r.ended, stays)
	maps.DeleteFunc(r.carry, stays)
}

// drop plans for one entry.
func (r *round) drop(index uint64, h seal.EntryHeader, good bool) error {
	if r.entries == roundEntries || r.bytes > roundBytes {
		return errRoundFull
	}
	r.entries++
	r.delete(index, journalKey(index))
	switch {
	case !good:
		return r.dropDamaged(index)
	case h.Kind == seal.KindLoss:
		var loss seal.Loss
		if json.Unmarshal(h.Body, &loss) == nil {
			r.lost = r.lost.With(loss.Sequences)
		}
	case h.Kind == seal.KindPayment, h.Kind == seal.KindCarried:
		if h.Sequence != 0 {
			r.sequences.Add(h.Sequence, h.Sequence)
		}
		if p, err := paymentFrom(h); err == nil {
			return r.dropPayment(&p)
		}
		return r.dropDamaged(index)
	}
	return nil
}

func (r *round) delete(index uint64, k []byte) {
	r.deletes, r.bytes = append(r.deletes, deletion{index, k}), r.bytes+len(k)+32
}

// deleteIf deletes an index entry that leads to the payment.
func (r *round) deleteIf(p *Payment, k []byte) error {
	localID, err := r.s.get(k, "index of", p.LocalID)
	if err == nil && string(localID) == p.LocalID {
		r.delete(p.Index, k)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// dropPayment plans for one entry of a payment. If it is the newest, the payment
// goes with it or is carried over.
func (r *round) dropPayment(p *Payment) error {
	newest, at, err := r.newest(p.LocalID)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrDamaged):
		if at.index == p.Index {
			return r.dropDamaged(p.Index)
		}
		return nil
	case err != nil:
		return err
	case at.index != p.Index: // of what it replaced, only what the payment has no more is left
		err := error(nil)
		if p.ClientSecret != "" && p.ClientSecret != newest.ClientSecret {
			err = r.deleteIf(p, key(prefixSecret, p.ClientSecret))
		}
		if p.Sequence != 0 && p.Sequence != newest.Sequence {
			err = errors.Join(err, r.deleteIf(p, sequenceKey(p.Sequence)))
		}
		return err
	}
	_, err = r.s.payload(p.LocalID)
	if err != nil && !errors.Is(err, errNoKey) {
		return err
	}
	if p.open() || p.owed() || err == nil {
		r.carry[p.LocalID] = at
		return nil
	}
	r.ended[p.LocalID] = at
	r.delete(p.Index, key(prefixPayment, p.LocalID))
	keys := [][]byte{key(prefixKey, p.Key)}
	if p.IntentID != "" {
		keys = append(keys, key(prefixIntent, p.IntentID))
	}
	if p.ClientSecret != "" {
		keys = append(keys, key(prefixSecret, p.ClientSecret))
	}
	if p.Sequence != 0 {
		keys = append(keys, sequenceKey(p.Sequence))
	}
	for _, k := range keys {
		if err := r.deleteIf(p, k); err != nil {
			return err
		}
	}
	return nil
}

// newest returns a payment and where it stands.
func (r *round) newest(localID string) (p Payment, at pointer, err error) {
	err = r.s.read(func() error {
		if at, err = r.s.pointer(localID); err != nil {
			return err
		}
		p, err = r.s.paymentAt(at)
		return err
	})
	return p, at, err
}

// dropDamaged plans for an entry that does not read. If it is the newest of a
// payment that may be owed, pruning stops before it.
func (r *round) dropDamaged(index uint64) error {
	var found []string
	err := r.s.read(func() error {
		return r.s.disk.scan(prefixPayment, prefixPayment, func(k, value []byte) error {
			if at, err := parsePointer(value); err == nil && at.index == index {
				found = append(found, string(k[len(prefixPayment):]))
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, id := range found {
		for _, k := range [][]byte{key(prefixOpen, id), key(prefixSealed, id)} {
			switch _, err := r.s.get(k, "record", id); {
			case err == nil:
				return errRoundFull
			case !errors.Is(err, ErrNotFound):
				return err
			}
		}
		r.delete(index, key(prefixPayment, id))
	}
	return nil
}

// carryOver journals the newest state of those that stay once more.
func (r *round) carryOver(ctx context.Context) error {
	var waiters []*waiter
	for id, at := range r.carry {
		waiters = append(waiters, &waiter{build: func(b *batch) (part, error) { return r.s.carried(b, id, at) }})
	}
	for chunk := range slices.Chunk(waiters, maxBatch) {
		r.s.submitAll(ctx, chunk)
		for _, w := range chunk {
			if w.err != nil {
				return w.err
			}
		}
	}
	return nil
}

// carried makes the entry that carries a payment over. It is called by the
// leader.
func (s *Store) carried(b *batch, localID string, at pointer) (part, error) {
	if err := s.unmoved(b, localID, at); err != nil {
		return part{}, err
	}
	p, err := s.paymentAt(at)
	if err != nil {
		return part{}, err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return part{}, err
	}
	next := p
	next.Index = b.head.index + 1
	made := part{
		entry: &seal.EntryHeader{Kind: seal.KindCarried, LocalID: localID, State: string(p.State), Sequence: p.Sequence, Body: body},
		after: func(s *Store) { s.follow(&p, &next) },
	}
	switch _, err := s.disk.get(key(prefixSealed, localID)); {
	case err == nil:
		made.entry.PayloadHash = p.PayloadHash
	case !errors.Is(err, errNoKey):
		return part{}, err
	}
	if p.open() {
		made.writes = []write{{key(prefixOpen, localID), summarize(&next).bytes()}}
	}
	return made, nil
}

// unmoved returns errMoved if a payment is no longer where it was when the round
// was planned. It is called by the leader.
func (s *Store) unmoved(b *batch, localID string, at pointer) error {
	now, err := s.pointer(localID)
	if err != nil {
		return err
	}
	if now != at || b.changed[localID] {
		return errMoved
	}
	return nil
}

// checkpoint makes the transaction that drops the round. It is called by the
// leader.
func (r *round) checkpoint(b *batch) (part, error) {
	s := r.s
	if s.first != r.first || s.health.Damaged {
		return part{}, errMoved
	}
	for id, at := range r.ended {
		if err := s.unmoved(b, id, at); err != nil {
			return part{}, err
		}
	}
	c := seal.Checkpoint{
		Through: r.through, Hash: r.hash, Payments: len(r.ended), AtMs: r.atMs,
		Sequences: r.sequences, Lost: r.lost,
	}
	body, err := json.Marshal(c)
	if err != nil {
		return part{}, err
	}
	made := part{
		entry: &seal.EntryHeader{Kind: seal.KindPruned, Body: body},
		after: func(s *Store) { s.first, s.pruned = c.Through+1, c },
	}
	for _, d := range r.deletes {
		made.writes = append(made.writes, write{d.key, nil})
	}
	return made, nil
}
