package store

import (
	"context"
	"crypto/ecdsa"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"smartreader/store/seal"
)

// KindDamaged is the kind of an event whose journal entry is unreadable: there
// was one, and this is all that is known.
const KindDamaged = "damaged"

// Event is a journal entry as listeners see it.
type Event struct {
	Index   uint64
	AtMs    int64
	Kind    string          // seal.KindPayment, seal.KindLoss, KindDamaged, or as given to Note
	Payment *Payment        // for seal.KindPayment: the state after the change
	Body    json.RawMessage // for the others
}

// pageEntries is how many entries are read in one go while changes wait.
const pageEntries = 256

// EventsAfter returns the events after index in order, at most limit of them
// (and at most 256). Fewer means there are no more for now: see Changed. The
// indexes have no gaps but those that a loss event explains.
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
// holding up changes.
func (s *Store) entries(ctx context.Context, visit func(seal.Entry) error) error {
	last, _ := s.Head()
	for from := uint64(1); from <= last; {
		var page []seal.Entry
		err := s.page(from, pageEntries, func(at uint64, e seal.Entry) {
			if at <= last {
				page = append(page, seal.Entry{Header: append([]byte(nil), e.Header...), Signature: append([]byte(nil), e.Signature...)})
			}
			from = at + 1
		})
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
// body is encoded as JSON. Kinds "payment" and "loss" are the store's own.
func (s *Store) Note(ctx context.Context, kind string, body any) (index uint64, err error) {
	if kind == "" || kind == seal.KindPayment || kind == seal.KindLoss || kind == KindDamaged {
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
	v, err := seal.NewVerifier(device)
	if err != nil {
		return seal.Report{}, err
	}
	err = s.entries(ctx, func(e seal.Entry) error { v.Add(e); return nil })
	return v.Report(), err
}

// ExportLine is one line of an export: an entry, or the sealed payload of a
// payment that still has one. The platform can open it, nobody else.
type ExportLine struct {
	Entry    *seal.Entry `json:"entry,omitempty"`
	LocalID  string      `json:"localId,omitempty"`
	Envelope []byte      `json:"envelope,omitempty"`
}

// Export writes the journal and the sealed payloads that are still there, one
// JSON object per line, entries first. It works on a damaged store too.
func (s *Store) Export(ctx context.Context, w io.Writer) error {
	lines := json.NewEncoder(w)
	if err := s.entries(ctx, func(e seal.Entry) error { return lines.Encode(ExportLine{Entry: &e}) }); err != nil {
		return fmt.Errorf("store: export: %w", err)
	}
	var ids []string
	err := s.read(func() error {
		return s.disk.scan(prefixSealed, prefixSealed, func(k, _ []byte) error {
			ids = append(ids, string(k[len(prefixSealed):]))
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("store: export: %w", err)
	}
	for _, id := range ids {
		var envelope []byte
		err := s.read(func() (err error) { envelope, err = s.disk.get(key(prefixSealed, id)); return err })
		if errors.Is(err, errNoKey) {
			continue // forwarded meanwhile
		}
		if err == nil {
			err = lines.Encode(ExportLine{LocalID: id, Envelope: envelope})
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("store: export: %w", err)
		}
	}
	return nil
}
