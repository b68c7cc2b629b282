package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Filter chooses payments for List.
type Filter struct {
	States        []State // none: all
	StoredOnly    bool    // only payments that were stored offline at some time
	AfterSequence uint64  // only payments with a higher sequence
	BySequence    bool    // only payments that have a sequence, ascending by it
	Limit         int     // 0: no limit
}

func (f Filter) passes(p *Payment) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, p.State)) &&
		(!f.StoredOnly || p.StoredAtMs != 0) &&
		(p.Sequence > f.AfterSequence || f.AfterSequence == 0 && !f.BySequence)
}

// open tells whether the filter passes only what is not in a final state.
func (f Filter) open() bool { return len(f.States) > 0 && !slices.ContainsFunc(f.States, State.Final) }

// listPage is how many payments are read in one go while changes wait.
const listPage = 64

// List returns payments, newest change first, or by sequence. When only states
// that are not final are asked for, or by sequence with a limit, it costs little
// more than what it returns; else it looks at every payment. Changes go on
// between the pages it reads: each payment is as it was at some moment of the
// call. Damaged payments are left out; Health names them.
func (s *Store) List(f Filter) ([]Payment, error) {
	next := s.nextCandidates(f)
	var found []Payment
	for {
		var page []candidate
		err := s.read(func() (err error) {
			if page, err = next(); err != nil {
				return fmt.Errorf("store: listing payments: %w", err)
			}
			for _, c := range page {
				p, err := s.payment(c.localID)
				if errors.Is(err, ErrDamaged) {
					continue
				}
				if err != nil {
					return err
				}
				if f.BySequence && p.Sequence != c.sequence || !f.passes(&p) {
					continue // collected again under another sequence, or not wanted
				}
				if found = append(found, p); len(found) == f.Limit {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(page) == 0 || f.Limit > 0 && len(found) >= f.Limit {
			return found, nil
		}
	}
}

// candidate may pass a filter.
type candidate struct {
	localID  string
	index    uint64
	sequence uint64 // 0: not known
}

// nextCandidates returns a function that returns the next page of candidates in
// the order of the filter; an empty page is the end. It is called under mu.
func (s *Store) nextCandidates(f Filter) func() ([]candidate, error) {
	if f.BySequence && !f.open() {
		after := f.AfterSequence
		return func() ([]candidate, error) {
			page, err := s.sequencesAfter(after)
			if len(page) > 0 {
				after = page[len(page)-1].sequence
			}
			return page, err
		}
	}
	var all []candidate
	collected := false
	return func() (page []candidate, err error) {
		if !collected {
			collected = true
			if all, err = s.candidates(f); err != nil {
				return nil, err
			}
		}
		n := min(listPage, len(all))
		page, all = all[:n], all[n:]
		return page, nil
	}
}

// sequencesAfter returns a page of payments by sequence.
func (s *Store) sequencesAfter(sequence uint64) (page []candidate, err error) {
	if sequence == ^uint64(0) {
		return nil, nil
	}
	err = s.disk.scan(prefixNumber, sequenceKey(sequence+1), func(k, value []byte) error {
		if number := k[len(prefixNumber):]; len(number) == 8 {
			page = append(page, candidate{localID: string(value), sequence: binary.BigEndian.Uint64(number)})
		}
		if len(page) == listPage {
			return errStop
		}
		return nil
	})
	return page, err
}

// candidates returns who may pass the filter, in its order.
func (s *Store) candidates(f Filter) ([]candidate, error) {
	var all []candidate
	if f.open() {
		for id, sum := range s.open {
			if slices.Contains(f.States, sum.state) {
				all = append(all, candidate{id, sum.index, sum.sequence})
			}
		}
	} else {
		err := s.disk.scan(prefixPayment, prefixPayment, func(k, value []byte) error {
			if at, err := parsePointer(value); err == nil {
				all = append(all, candidate{localID: string(k[len(prefixPayment):]), index: at.index})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if f.BySequence {
			return cmp.Compare(a.sequence, b.sequence)
		}
		return cmp.Compare(b.index, a.index)
	})
	return all, nil
}
