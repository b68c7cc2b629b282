package store

import (
	"encoding/json"
	"errors"
	"fmt"

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
	at, err := s.pointer(localID)
	if err != nil {
		return Payment{}, err
	}
	p, err := s.paymentAt(at)
	if err == nil && p.LocalID != localID {
		err = fmt.Errorf("%w: it is another payment's", ErrDamaged)
	}
	if err != nil {
		return Payment{}, fmt.Errorf("payment %s, entry %d: %w", localID, at.index, err)
	}
	return p, nil
}

// pointer tells where a payment's newest entry is.
func (s *Store) pointer(localID string) (pointer, error) {
	b, err := s.disk.get(key(prefixPayment, localID))
	if errors.Is(err, errNoKey) {
		return pointer{}, fmt.Errorf("%w: payment %s", ErrNotFound, localID)
	}
	if err != nil {
		return pointer{}, fmt.Errorf("store: reading %s: %w", localID, err)
	}
	return parsePointer(b)
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

// ByClientSecret returns a payment by the platform's client secret.
func (s *Store) ByClientSecret(secret string) (Payment, error) {
	p, err := s.by(prefixSecret, secret)
	if errors.Is(err, ErrNotFound) || err == nil && p.ClientSecret != secret { // it has another one now
		return Payment{}, fmt.Errorf("%w: payment by client secret", ErrNotFound)
	}
	return p, err
}

// ByKey returns a payment by its idempotency key.
func (s *Store) ByKey(idempotencyKey string) (Payment, error) { return s.by(prefixKey, idempotencyKey) }

func (s *Store) by(index []byte, id string) (p Payment, err error) {
	err = s.read(func() error {
		localID, err := s.disk.get(key(index, id))
		if errors.Is(err, errNoKey) {
			return fmt.Errorf("%w: payment %s", ErrNotFound, id)
		}
		if err != nil {
			return fmt.Errorf("store: looking up a payment: %w", err)
		}
		p, err = s.payment(string(localID))
		return err
	})
	return p, err
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
