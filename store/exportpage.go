package store

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"smartreader/store/seal"
)

// exportCursor says where an export goes on. It is all the state an export has.
type exportCursor struct {
	Reader   string `json:"reader"`
	First    uint64 `json:"first"`    // the first entry, whose checkpoint, if it needs one, is in the export
	Head     uint64 `json:"head"`     // the last entry of the export
	Sequence uint64 `json:"sequence"` // the last one given when it began
	Next     uint64 `json:"next"`     // 0: the first line comes first
	Envelope bool   `json:"envelope"` // of Next only the envelope is left
	Stray    string `json:"stray"`    // envelopes up to this local id are out
}

func (c exportCursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and text
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseExportCursor(text string) (c exportCursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Next > c.Head {
		return exportCursor{}, fmt.Errorf("%w: the cursor is not one of ours; begin again", ErrExport)
	}
	return c, nil
}

// BeginExport begins an export of the whole journal, with the sealed payloads
// that are still there. It journals the entry that the export will end with, so
// that whoever has the file can tell that it is complete; head and hash are that
// entry's. On a disk too full for it the export has no such end. ExportPage goes
// on from the cursor.
func (s *Store) BeginExport(ctx context.Context, reader, purpose string) (cursor string, head uint64, hash seal.Hash, err error) {
	c := exportCursor{Reader: reader}
	body, err := json.Marshal(Export{reader, purpose})
	if err != nil {
		return "", 0, seal.Hash{}, fmt.Errorf("store: export: %w", err)
	}
	look := func() error {
		c.First, c.Head, hash, c.Sequence = s.first, s.head.index, s.head.hash, s.head.sequence
		return nil
	}
	w := &waiter{build: func(b *batch) (part, error) {
		c.First, c.Sequence = s.first, b.head.sequence
		return part{entry: &seal.EntryHeader{Kind: KindExport, Body: body}}, nil
	}}
	err = s.submit(ctx, w)
	switch refused := errors.Is(err, ErrRefused); {
	case err == nil:
		var e seal.Entry
		e, err = s.Entry(w.index)
		c.Head, hash = w.index, seal.HashEntry(e.Header)
	case refused:
		err = s.read(look)
	}
	if err != nil {
		return "", 0, seal.Hash{}, fmt.Errorf("store: export: %w", err)
	}
	return c.String(), c.Head, hash, nil
}

// ExportPage returns the next lines of an export, without their line feeds: at
// least one, and no more than maxBytes with their line feeds unless a single one
// is larger. next is the cursor to go on with, "" at the end. It works on a
// damaged store too. Changes go on between the pages; what was journaled after
// BeginExport is not in the export.
func (s *Store) ExportPage(ctx context.Context, cursor string, maxBytes int) (lines [][]byte, next string, err error) {
	c, err := parseExportCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	p := &exportPage{s: s, exportCursor: c, room: maxBytes}
	for {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		switch more, err := p.step(); {
		case errors.Is(err, errPageFull):
			return p.lines, p.exportCursor.String(), nil
		case err != nil:
			return nil, "", fmt.Errorf("store: export: %w", err)
		case !more:
			return p.lines, "", nil
		}
	}
}

// exportPage is a page being filled.
type exportPage struct {
	exportCursor
	s     *Store
	lines [][]byte
	room  int
}

var errPageFull = errors.New("store: page is full")

// add puts a line into the page. The cursor must move on after it.
func (p *exportPage) add(line ExportLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if p.room -= len(text) + 1; p.room < 0 && len(p.lines) > 0 {
		return errPageFull
	}
	p.lines = append(p.lines, text)
	return nil
}

// step exports the first line or some entries.
func (p *exportPage) step() (more bool, err error) {
	s := p.s
	if p.Next == 0 {
		head, err := s.exportHead(p.Reader)
		if err != nil {
			return false, err
		}
		if err := p.add(ExportLine{Ledger: head}); err != nil {
			return false, err
		}
		p.Next = p.First
	}
	var first uint64
	entries, err := s.some(p.Next, p.Head, exportEntries)
	if err == nil {
		err = s.read(func() error { first = s.first; return nil }) // after reading: Prune may have been at it
	}
	if err != nil {
		return false, err
	}
	if p.Next < first && p.Next <= p.Head {
		return false, fmt.Errorf("%w: its entries were pruned meanwhile; begin again", ErrExport)
	}
	for _, e := range entries {
		if e.index == p.Head {
			if err := p.strays(); err != nil {
				return false, err
			}
		}
		if p.Envelope = p.Envelope && e.index == p.Next; !p.Envelope {
			if err := p.add(ExportLine{Entry: &e.Entry}); err != nil {
				return false, err
			}
			p.Next, p.Envelope = e.index, true
		}
		if err := p.envelope(e.Entry); err != nil {
			return false, err
		}
		p.Next, p.Envelope = e.index+1, false
	}
	if len(entries) == exportEntries && p.Next <= p.Head {
		return true, nil
	}
	if len(entries) == 0 || entries[len(entries)-1].index < p.Head { // the last one is gone
		return false, p.strays()
	}
	return false, nil
}

// exportEntries are read in one go; most pages hold fewer.
const exportEntries = 16

// envelope exports the sealed payload that an entry put on record.
func (p *exportPage) envelope(e seal.Entry) error {
	h, err := seal.ReadEntryHeader(e.Header)
	if err != nil || h.PayloadHash == "" {
		return nil // damaged, maybe: then it is a stray
	}
	envelope, err := p.s.payload(h.LocalID)
	if errors.Is(err, errNoKey) || err == nil && seal.HashPayload(envelope) != h.PayloadHash {
		return nil // forwarded, or sealed again
	}
	if err != nil {
		return err
	}
	return p.add(ExportLine{LocalID: h.LocalID, Envelope: envelope})
}

// payload returns what is kept as a payment's sealed payload, whatever it is;
// errNoKey if there is nothing.
func (s *Store) payload(localID string) (envelope []byte, err error) {
	err = s.read(func() error { envelope, err = s.disk.get(key(prefixSealed, localID)); return err })
	return envelope, err
}

// strays exports the sealed payloads whose entry may be gone. They are a reader's
// only copy of somebody's money: better twice than not at all.
func (p *exportPage) strays() error {
	s := p.s
	for {
		var ids []string
		err := s.read(func() (err error) {
			if s.scarred {
				ids, err = s.sealedAfter(p.Stray, exportEntries)
			}
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := p.stray(id); err != nil {
				return err
			}
			p.Stray = id
		}
	}
}

// stray exports one of them.
func (p *exportPage) stray(id string) error {
	payment, err := p.s.Payment(id)
	switch {
	case err == nil && payment.Sequence > p.Sequence:
		return nil // taken after the export began
	case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotFound):
		return err
	}
	envelope, err := p.s.payload(id)
	if errors.Is(err, errNoKey) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.add(ExportLine{LocalID: id, Envelope: envelope})
}

// indexed is an entry with the index it is kept under.
type indexed struct {
	seal.Entry
	index uint64
}

// some copies up to limit entries from an index on, none after last.
func (s *Store) some(from, last uint64, limit int) (entries []indexed, err error) {
	if from > last {
		return nil, nil
	}
	err = s.page(from, limit, func(at uint64, e seal.Entry) {
		if at <= last {
			entries = append(entries, indexed{seal.Entry{Header: bytes.Clone(e.Header), Signature: bytes.Clone(e.Signature)}, at})
		}
	})
	return entries, err
}

// exportHead makes the first line of an export.
func (s *Store) exportHead(reader string) (*ExportHead, error) {
	spki, err := x509.MarshalPKIXPublicKey(s.public)
	if err != nil {
		return nil, err
	}
	head := &ExportHead{Version: exportVersion, Reader: reader, Key: spki}
	err = s.read(func() error {
		certificate, err := certificateFor(s.disk, func(key *ecdsa.PublicKey) bool { return key.Equal(s.public) })
		if certificate != nil {
			head.Certificate = certificate.Raw
		}
		return err
	})
	return head, err
}

// certificateFor looks among the blobs for a JSON document whose member
// "certificate" is one of the device key; nil if there is none.
func certificateFor(d disk, isDevice func(*ecdsa.PublicKey) bool) (found *x509.Certificate, err error) {
	err = d.scan(prefixBlob, prefixBlob, func(_, value []byte) error {
		var document struct {
			Certificate []byte `json:"certificate"`
		}
		if json.Unmarshal(value, &document) != nil || len(document.Certificate) == 0 {
			return nil
		}
		certificate, err := x509.ParseCertificate(document.Certificate)
		if err != nil {
			return nil
		}
		if public, ok := certificate.PublicKey.(*ecdsa.PublicKey); ok && isDevice(public) {
			found = certificate
			return errStop
		}
		return nil
	})
	return found, err
}
