package store

import (
	"context"
	"crypto/ecdsa"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"smartreader/store/seal"
)

// KindDamaged is the kind of an event whose journal entry is unreadable: there
// was one, and this is all that is known.
const KindDamaged = "damaged"

// Event is a journal entry as listeners see it.
type Event struct {
	Index   uint64
	AtMs    int64
	Kind    string          // seal.KindPayment and the store's other kinds, KindDamaged, or as given to Note
	Payment *Payment        // for seal.KindPayment: the state after the change
	Body    json.RawMessage // for the others; none for seal.KindCarried, which is no news
}

// pageEntries is how many entries are read in one go while changes wait.
const pageEntries = 256

// EventsAfter returns the events after index in order, at most limit of them
// (and at most 256). Fewer means there are no more for now: see Changed. The
// indexes have no gaps but those that a loss event explains, and one at the
// beginning: whoever was away for so long that events were pruned meanwhile gets
// those from the first one kept, and finds the payments it missed with List, as
// far as they are kept. A seal.KindPruned event is no more than a note.
func (s *Store) EventsAfter(index uint64, limit int) ([]Event, error) {
	var events []Event
	err := s.page(index+1, min(limit, pageEntries), func(at uint64, e seal.Entry) {
		if s.health.DamagedEntries.Contains(at) {
			e = seal.Entry{}
		}
		events = append(events, eventOf(at, e))
	})
	return events, err
}

func eventOf(at uint64, e seal.Entry) Event {
	h, err := seal.ParseEntryHeader(e.Header)
	if err != nil || h.Index != at {
		return Event{Index: at, Kind: KindDamaged}
	}
	event := Event{Index: at, AtMs: h.AtMs, Kind: h.Kind}
	if h.Kind == seal.KindCarried {
		return event
	}
	if h.Kind != seal.KindPayment {
		event.Body = append(json.RawMessage(nil), h.Body...)
		return event
	}
	p, err := paymentFrom(h)
	if err != nil {
		return Event{Index: at, AtMs: h.AtMs, Kind: KindDamaged}
	}
	event.Payment = &p
	return event
}

// page visits up to limit entries from an index on.
func (s *Store) page(from uint64, limit int, visit func(uint64, seal.Entry)) error {
	if limit <= 0 {
		return nil
	}
	return s.read(func() error {
		err := s.disk.scan(prefixJournal, journalKey(from), func(k, record []byte) error {
			visit(indexOf(k), journalEntry(record))
			if limit--; limit == 0 {
				return errStop
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("store: reading the journal: %w", err)
		}
		return nil
	})
}

// indexOf reads the index in a journal key.
func indexOf(k []byte) uint64 { return binary.BigEndian.Uint64(k[len(prefixJournal):]) }

// entries visits the journal up to the head at the time of the call, without
// holding up changes. It returns errMoved if they are pruned meanwhile.
func (s *Store) entries(ctx context.Context, visit func(seal.Entry) error) error {
	var from, last uint64
	if err := s.read(func() error { from, last = s.first, s.head.index; return nil }); err != nil {
		return err
	}
	for from <= last {
		begin := from
		var page []seal.Entry
		err := s.page(from, pageEntries, func(at uint64, e seal.Entry) {
			if at <= last {
				page = append(page, seal.Entry{Header: append([]byte(nil), e.Header...), Signature: append([]byte(nil), e.Signature...)})
			}
			from = at + 1
		})
		if err == nil {
			err = s.read(func() error {
				if begin < s.first {
					return errMoved
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		for _, e := range page {
			if err := visit(e); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Note journals something that is no payment, such as a new configuration. The
// body is encoded as JSON. The kinds that the store writes
// itself are refused.
func (s *Store) Note(ctx context.Context, kind string, body any) (index uint64, err error) {
	if slices.Contains([]string{"", seal.KindPayment, seal.KindLoss, seal.KindPruned, seal.KindCarried, KindDamaged, KindExport}, kind) {
		return 0, fmt.Errorf("%w: kind %q is reserved", ErrTransition, kind)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("store: note %s: %w", kind, err)
	}
	w := &waiter{build: func(*batch) (part, error) {
		return part{entry: &seal.EntryHeader{Kind: kind, Body: encoded}}, nil
	}}
	err = s.submit(ctx, w)
	return w.index, err
}

// Verify checks the whole journal, signatures included, against the device's
// public key; nil means the one the store was opened with. Findings are in the
// report, see its Err; the error is about reading.
func (s *Store) Verify(ctx context.Context, device *ecdsa.PublicKey) (seal.Report, error) {
	if device == nil {
		device = s.public
	}
	for {
		v, err := seal.NewVerifier(device)
		if err != nil {
			return seal.Report{}, err
		}
		err = s.entries(ctx, func(e seal.Entry) error { v.Add(e); return nil })
		if !errors.Is(err, errMoved) { // else the beginning is another one now
			return v.Report(), err
		}
	}
}
