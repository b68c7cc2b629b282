package store

import (
	"fmt"

	"smartreader/store/seal"
)

// Entry returns one journal entry: the signed proof that the ledger holds it.
// ErrNotFound when there is none with this index.
func (s *Store) Entry(index uint64) (seal.Entry, error) {
	var found *seal.Entry
	err := s.page(index, 1, func(at uint64, e seal.Entry) {
		if at == index {
			found = &seal.Entry{Header: append([]byte(nil), e.Header...), Signature: append([]byte(nil), e.Signature...)}
		}
	})
	if err != nil {
		return seal.Entry{}, err
	}
	if found == nil {
		return seal.Entry{}, fmt.Errorf("%w: journal entry %d", ErrNotFound, index)
	}
	return *found, nil
}
