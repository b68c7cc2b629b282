package seal

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"math"
)

// Report is what verifying a journal found.
type Report struct {
	Entries   int    // entries seen, usable or not
	First     uint64 // index the journal begins at: 1, or higher if older entries were pruned
	Head      uint64 // index of the last entry, 0 in an empty journal
	HeadHash  Hash   // its hash, or Genesis
	HeadAtMs  int64
	Missing   Ranges // indexes that should be there and are not
	Damaged   Ranges // indexes that are there but changed, forged or out of place
	Losses    []Loss // what the reader's operator acknowledged, in order
	Sequences Ranges // payment sequences that occur, or occurred in what was pruned

	Pruned *Checkpoint // the one the journal begins at; nil: it is whole
}

// Unexplained returns what is missing or damaged and was not acknowledged.
func (r Report) Unexplained() (missing, damaged Ranges) {
	missing, damaged = r.Missing, r.Damaged
	for _, loss := range r.Losses {
		missing, damaged = missing.Without(loss.Missing), damaged.Without(loss.Damaged)
	}
	return missing, damaged
}

// SequenceGaps returns the payment sequences from 1 to the highest one seen
// that no usable entry mentions.
func (r Report) SequenceGaps() Ranges { return r.Sequences.Gaps(0) }

// Err returns nil when every entry up to Head is there and good, or its loss
// was acknowledged; else an error that wraps ErrChain.
func (r Report) Err() error {
	missing, damaged := r.Unexplained()
	if len(missing) == 0 && len(damaged) == 0 {
		return nil
	}
	return fmt.Errorf("%w: entries missing %v, damaged %v", ErrChain, missing, damaged)
}

// Verifier checks a journal entry by entry, so that it need not fit in memory.
// It is for one goroutine.
type Verifier struct {
	// Quick checks hashes and order, and a signature only where something does
	// not fit: enough to notice accidents, not forgery.
	Quick bool

	device *ecdsa.PublicKey
	report Report
	last   Entry // the entry at Head, in memory of our own
	intact bool  // whether HeadHash can be trusted

	// Where the journal begins, if not at 1: a checkpoint must say that it may.
	begin     uint64
	beginPrev string // "": the first entry is damaged
}

// NewVerifier starts at the genesis of the given device key.
func NewVerifier(device *ecdsa.PublicKey) (*Verifier, error) {
	genesis, err := Genesis(device)
	if err != nil {
		return nil, err
	}
	return &Verifier{device: device, report: Report{HeadHash: genesis}, intact: true}, nil
}

// Add checks the next entry. It keeps no reference to its bytes.
func (v *Verifier) Add(e Entry) { v.AddAt(0, e) }

// AddAt is Add for an entry that was kept under a known index (0: unknown), so
// that damage to it is counted there.
func (v *Verifier) AddAt(index uint64, e Entry) {
	r := &v.report
	r.Entries++
	next := r.Head + 1

	h, err := v.read(e)
	if r.Entries == 1 {
		v.begins(index, h, err == nil && e.Verify(v.device) == nil)
	}
	switch {
	case err != nil || index != 0 && index != h.Index:
		if index > next {
			r.Missing.Add(next, index-1)
		}
		v.damaged(max(index, next), e)
		return
	case h.Index < next: // repeated or out of order: it has no place here
		r.Damaged.Add(h.Index, h.Index)
		return
	}
	var loss Loss
	if h.Kind == KindLoss {
		if e.Verify(v.device) != nil || json.Unmarshal(h.Body, &loss) != nil {
			v.damaged(next, e)
			return
		}
		r.Losses = append(r.Losses, loss)
	}
	var checkpoint Checkpoint
	if h.Kind == KindPruned && (e.Verify(v.device) != nil || json.Unmarshal(h.Body, &checkpoint) != nil) {
		v.damaged(next, e)
		return
	}
	if h.Index > next {
		if !v.plausible(e) {
			if r.Entries == 1 && index != 0 { // a pruned journal begins with damage
				r.Missing.Add(next, index-1)
				next = index
			}
			v.damaged(next, e)
			return
		}
		r.Missing.Add(next, h.Index-1)
	} else if v.intact && h.Prev != r.HeadHash.String() {
		// One of the two was changed. Signatures tell which; if both are
		// good, the journal was continued twice and this is the fork.
		if next > 1 && v.last.Verify(v.device) != nil {
			r.Damaged.Add(r.Head, r.Head)
		} else {
			v.damaged(next, e)
			return
		}
		if e.Verify(v.device) != nil {
			v.damaged(next, e)
			return
		}
	}
	if h.AtMs < r.HeadAtMs {
		v.damaged(next, e)
		return
	}
	if h.Sequence != 0 {
		r.Sequences.Add(h.Sequence, h.Sequence)
	}
	if h.Kind == KindPruned {
		v.pruned(checkpoint)
	}
	r.Head, r.HeadHash, r.HeadAtMs, v.intact = h.Index, HashEntry(e.Header), h.AtMs, true
	v.keep(e)
}

// begins notes where the journal begins.
func (v *Verifier) begins(index uint64, h EntryHeader, good bool) {
	v.begin = max(index, 1)
	if good && (index == 0 || index == h.Index) {
		v.begin, v.beginPrev = h.Index, h.Prev
	}
	v.report.First = 1 // until a checkpoint says otherwise
}

// pruned takes a checkpoint's word, which is signed. Older checkpoints name an
// earlier beginning, and less than the newest.
func (v *Verifier) pruned(c Checkpoint) {
	r := &v.report
	for _, s := range c.Sequences {
		r.Sequences.Add(s.From, s.To)
	}
	if len(c.Lost) > 0 {
		r.Losses = append(r.Losses, Loss{Reason: "acknowledged in entries that were pruned", Sequences: c.Lost})
	}
	if c.Through+1 == v.begin && c.Through > 0 && (c.Hash == v.beginPrev || v.beginPrev == "") {
		r.First, r.Pruned = v.begin, &c
		r.Missing = r.Missing.Without(Ranges{{1, c.Through}})
	}
}

// Report returns what was found so far.
func (v *Verifier) Report() Report { return v.report }

// LastIsGood tells whether the last entry carries the device's signature. Quick
// leaves that open, because no later entry names its hash.
func (v *Verifier) LastIsGood() bool {
	return v.report.Head == 0 || v.intact && v.last.Verify(v.device) == nil
}

func (v *Verifier) read(e Entry) (EntryHeader, error) {
	if v.Quick {
		return ReadEntryHeader(e.Header)
	}
	h, err := ParseEntryHeader(e.Header)
	if err == nil {
		err = e.Verify(v.device)
	}
	return h, err
}

// plausible stops a flipped digit in an index from declaring millions of
// entries missing.
func (v *Verifier) plausible(e Entry) bool { return e.Verify(v.device) == nil }

// damaged counts the entry as standing at index, and takes its word for
// nothing.
func (v *Verifier) damaged(index uint64, e Entry) {
	v.report.Damaged.Add(index, index)
	v.report.Head, v.report.HeadHash, v.intact = index, HashEntry(e.Header), false
	v.keep(e)
}

func (v *Verifier) keep(e Entry) {
	v.last.Header = append(v.last.Header[:0], e.Header...)
	v.last.Signature = append(v.last.Signature[:0], e.Signature...)
}

// VerifyChain checks a whole journal, signatures included. The error is
// Report.Err.
func VerifyChain(entries []Entry, device *ecdsa.PublicKey) (Report, error) {
	v, err := NewVerifier(device)
	if err != nil {
		return Report{}, err
	}
	for _, e := range entries {
		v.Add(e)
	}
	return v.Report(), v.Report().Err()
}

// ReadEntryHeader reads a header whose bytes are known to be good, by their hash
// for instance: it does not look into the body, and is much faster than
// ParseEntryHeader. The body shares memory with b.
func ReadEntryHeader(b []byte) (EntryHeader, error) {
	if h, ok := scanEntryHeader(b); ok {
		return h, nil
	}
	return ParseEntryHeader(b)
}

// scanEntryHeader reads a header without decoding its body, about ten times
// faster than ParseEntryHeader. It gives up (ok false) on anything but the
// plain form this package writes: no escapes, members in order.
func scanEntryHeader(b []byte) (h EntryHeader, ok bool) {
	s := scanner{b: b, ok: true}
	s.literal(`{"version":1,"index":`)
	h.Version, h.Index = EntryVersion, s.number()
	s.literal(`,"prev":"`)
	h.Prev = s.text()
	s.literal(`,"kind":"`)
	h.Kind = s.text()
	s.literal(`,"atMs":`)
	at := s.number()
	s.literal(`,"clockSet":`)
	if h.ClockSet = s.optional("true"); !h.ClockSet {
		s.literal("false")
	}
	if s.optional(`,"localId":"`) {
		h.LocalID = s.text()
	}
	if s.optional(`,"state":"`) {
		h.State = s.text()
	}
	if s.optional(`,"sequence":`) {
		h.Sequence = s.number()
	}
	if s.optional(`,"payloadHash":"`) {
		h.PayloadHash = s.text()
	}
	if s.optional(`,"body":`) {
		if len(s.b) < 2 {
			return EntryHeader{}, false
		}
		h.Body, s.b = s.b[:len(s.b)-1], s.b[len(s.b)-1:]
	}
	s.literal("}")
	_, err := ParseHash(h.Prev)
	if !s.ok || len(s.b) != 0 || h.Index == 0 || h.Kind == "" || err != nil || at > math.MaxInt64 {
		return EntryHeader{}, false
	}
	h.AtMs = int64(at)
	return h, true
}

type scanner struct {
	b  []byte
	ok bool
}

func (s *scanner) optional(text string) bool {
	if !bytes.HasPrefix(s.b, []byte(text)) {
		return false
	}
	s.b = s.b[len(text):]
	return true
}

func (s *scanner) literal(text string) { s.ok = s.optional(text) && s.ok }

// number reads digits without a leading zero, and at least one.
func (s *scanner) number() uint64 {
	var n uint64
	i := 0
	for ; i < len(s.b) && i < 19 && '0' <= s.b[i] && s.b[i] <= '9'; i++ {
		n = n*10 + uint64(s.b[i]-'0')
	}
	if i == 0 || i > 1 && s.b[0] == '0' {
		s.ok = false
	}
	s.b = s.b[i:]
	return n
}

// text reads up to and including the closing quote.
func (s *scanner) text() string {
	for i, c := range s.b {
		switch {
		case c == '"':
			t := string(s.b[:i])
			s.b = s.b[i+1:]
			return t
		case c == '\\' || c < ' ' || c > '~':
			s.ok = false
			return ""
		}
	}
	s.ok = false
	return ""
}
