package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"smartreader/store/seal"
)

// Payment returns a payment by its local id, ErrNotFound if there is none,
// ErrDamaged if its newest journal entry cannot be trusted.
func (s *Store) Payment(localID string) (p Payment, err error) {
	err = s.read(func() error { p, err = s.payment(localID); return err })
	return p, err
}

// payment reads without a lock, for the leader and under mu.
func (s *Store) payment(localID string) (Payment, error) {
	b, err := s.disk.get(key(prefixPayment, localID))
	if errors.Is(err, errNoKey) {
		return Payment{}, fmt.Errorf("%w: payment %s", ErrNotFound, localID)
	}
	if err != nil {
		return Payment{}, fmt.Errorf("store: reading %s: %w", localID, err)
	}
	pointer, err := parsePointer(b)
	if err != nil {
		return Payment{}, err
	}
	p, err := s.paymentAt(pointer)
	if err == nil && p.LocalID != localID {
		err = fmt.Errorf("%w: it is another payment's", ErrDamaged)
	}
	if err != nil {
		return Payment{}, fmt.Errorf("payment %s, entry %d: %w", localID, pointer.index, err)
	}
	return p, nil
}

func (s *Store) paymentAt(at pointer) (Payment, error) {
	record, err := s.disk.get(journalKey(at.index))
	if err != nil {
		return Payment{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	entry := journalEntry(record)
	if seal.HashEntry(entry.Header) != at.hash {
		return Payment{}, fmt.Errorf("%w: it was changed", ErrDamaged)
	}
	h, err := seal.ReadEntryHeader(entry.Header)
	if err != nil || h.Index != at.index {
		return Payment{}, fmt.Errorf("%w: its header does not read", ErrDamaged)
	}
	return paymentFrom(h)
}

// paymentFrom reads the payment in an entry's body.
func paymentFrom(h seal.EntryHeader) (Payment, error) {
	var p Payment
	if err := json.Unmarshal(h.Body, &p); err != nil {
		return Payment{}, fmt.Errorf("%w: its body is not a payment", ErrDamaged)
	}
	p.Index = h.Index
	return p, nil
}

// ByIntentID returns a payment by the platform's id.
func (s *Store) ByIntentID(id string) (Payment, error) { return s.by(prefixIntent, id) }

// ByKey returns a payment by its idempotency key.
func (s *Store) ByKey(idempotencyKey string) (Payment, error) { return s.by(prefixKey, idempotencyKey) }

func (s *Store) by(index []byte, id string) (p Payment, err error) {
	err = s.read(func() error {
		localID, err := s.disk.get(key(index, id))
		if errors.Is(err, errNoKey) {
			return fmt.Errorf("%w: payment %s", ErrNotFound, id)
		}
		if err != nil {
			return fmt.Errorf("store: reading %s: %w", id, err)
		}
		p, err = s.payment(string(localID))
		return err
	})
	return p, err
}

// Filter chooses payments for List.
type Filter struct {
	States []State // none: all
	Limit  int     // 0: no limit
}

// List returns payments, newest change first. When only states that are not
// final are asked for, it costs no more than what it returns. Damaged payments
// are left out; Health names them.
func (s *Store) List(f Filter) ([]Payment, error) {
	var found []Payment
	err := s.read(func() error {
		ids, err := s.candidates(f)
		if err != nil {
			return err
		}
		for _, id := range ids {
			p, err := s.payment(id.localID)
			if errors.Is(err, ErrDamaged) {
				continue
			}
			if err != nil {
				return err
			}
			if len(f.States) > 0 && !slices.Contains(f.States, p.State) {
				continue
			}
			if found = append(found, p); len(found) == f.Limit {
				return nil
			}
		}
		return nil
	})
	return found, err
}

type candidate struct {
	localID string
	index   uint64
}

// candidates returns who may pass the filter, newest change first.
func (s *Store) candidates(f Filter) ([]candidate, error) {
	var ids []candidate
	if len(f.States) > 0 && !slices.ContainsFunc(f.States, State.Final) {
		for id, sum := range s.open {
			if slices.Contains(f.States, sum.state) {
				ids = append(ids, candidate{id, sum.index})
			}
		}
	} else {
		err := s.disk.scan(prefixPayment, prefixPayment, func(k, value []byte) error {
			if at, err := parsePointer(value); err == nil {
				ids = append(ids, candidate{string(k[len(prefixPayment):]), at.index})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("store: listing payments: %w", err)
		}
	}
	slices.SortFunc(ids, func(a, b candidate) int { return cmp.Compare(b.index, a.index) })
	return ids, nil
}

// Sealed returns a payment's sealed payload, ErrNotFound if it has none any
// more, ErrDamaged if it is not the one that was sealed.
func (s *Store) Sealed(localID string) (envelope []byte, err error) {
	err = s.read(func() error {
		p, err := s.payment(localID)
		if err != nil {
			return err
		}
		envelope, err = s.disk.get(key(prefixSealed, localID))
		switch {
		case errors.Is(err, errNoKey):
			return fmt.Errorf("%w: sealed payload of %s", ErrNotFound, localID)
		case err != nil:
			return fmt.Errorf("store: reading the payload of %s: %w", localID, err)
		case seal.HashPayload(envelope) != p.PayloadHash:
			envelope = nil
			return fmt.Errorf("%w: sealed payload of %s", ErrDamaged, localID)
		}
		return nil
	})
	return envelope, err
}
