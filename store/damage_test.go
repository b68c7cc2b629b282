package store

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"smartreader/store/seal"
)

// hour returns a machine with six payments: three stored, two forwarded, one
// declined; 28 entries, 6 sequences.
func hour(t *testing.T) *machine {
	t.Helper()
	s, m := openFresh(t)
	for n := range 6 {
		p := take(t, s, n)
		switch n {
		case 1, 3:
			walkTo(t, s, p, Sending, Forwarded)
		case 4:
			walkTo(t, s, p, Sending, Declined)
		}
	}
	return m.plugIn()
}

// cutTail takes the last entries away, as Badger does with a damaged log: with
// everything that was committed together with them.
func cutTail(t *testing.T, entries int) *machine {
	t.Helper()
	s, m := openFresh(t)
	var snapshots []map[string]string
	for n := range 6 {
		p := newPayment(n)
		for _, next := range []State{Created, Collecting, Collected, Stored} {
			snapshots = append(snapshots, maps.Clone(m.disk))
			p = walkTo(t, s, p, next)
		}
	}
	after := m.plugIn()
	after.disk = snapshots[len(snapshots)-entries]
	return after
}

func refusesNew(s *Store) error {
	_, err := s.Commit(background, Change{Payment: newPayment(77)})
	var refusal *Refusal
	if errors.Is(err, ErrRefused) && errors.As(err, &refusal) && refusal.Reason == RefusedDamage {
		return nil
	}
	return errors.Join(errors.New("a new payment was not refused"), err)
}

func TestCutTailIsNoticedForwardingGoesOnAndLossIsAcknowledged(t *testing.T) {
	m := cutTail(t, 7) // payment 5 whole; 4 back at created
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	h := s.Health()
	if !h.Damaged || h.RefusePayments != RefusedDamage || !slices.Equal(h.Missing, seal.Ranges{{From: 18, To: 24}}) || !slices.Equal(h.MissingSequences, seal.Ranges{{From: 5, To: 6}}) {
		t.Fatalf("health %+v", h)
	}
	if err := refusesNew(s); err != nil {
		t.Error(err)
	}
	first, _, err := s.NextWork(testClock)
	if err != nil {
		t.Fatal(err)
	}
	if got := walkTo(t, s, first, Sending, Forwarded); got.Index != 26 {
		t.Errorf("forwarding went on at entry %d", got.Index)
	}

	// Not even a restart with a good head slot makes it forget.
	if s, err = openMachine(m.plugIn()); err != nil {
		t.Fatal(err)
	}
	if again := s.Health(); !again.Damaged || !slices.Equal(again.Missing, h.Missing) || !slices.Equal(again.MissingSequences, h.MissingSequences) {
		t.Fatalf("after a restart: %+v", again)
	}
	if err := s.AcknowledgeLoss(background, "card reader fell into the soup"); err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); h.Damaged || h.RefusePayments != "" {
		t.Errorf("after acknowledging: %+v", h)
	}
	if p := take(t, s, 60); p.Sequence != 7 {
		t.Errorf("the next sequence is %d", p.Sequence)
	}
	report := mustVerify(t, s)
	if len(report.Losses) != 1 || report.Losses[0].Reason != "card reader fell into the soup" || !slices.Equal(report.Missing, h.Missing) {
		t.Errorf("on record: %+v", report)
	}
	if s, err = openMachine(s.slots.(*modelSlots).plugIn()); err != nil || s.Health().Damaged {
		t.Errorf("acknowledged damage is back: %+v, %v", s.Health(), err)
	}
	if err := s.AcknowledgeLoss(background, "again"); err != nil {
		t.Error(err)
	}
	if again := mustVerify(t, s); again.Head != report.Head {
		t.Error("acknowledging nothing was journaled")
	}
}

func TestEveryLengthOfCutTailIsNoticed(t *testing.T) {
	for entries := 1; entries <= 24; entries++ {
		s, err := openMachine(cutTail(t, entries))
		if err != nil {
			t.Fatal(err)
		}
		if h := s.Health(); !h.Damaged || h.Missing.Last() != 24 {
			t.Errorf("%d entries cut: %+v", entries, h)
		}
		if err := refusesNew(s); err != nil {
			t.Errorf("%d entries cut: %v", entries, err)
		}
	}
}

func TestEmptyDatabaseUnderAHeadIsNoEmptyStart(t *testing.T) {
	m := hour(t)
	clear(m.disk)
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); !h.Damaged || !slices.Equal(h.Missing, seal.Ranges{{From: 1, To: 30}}) || !slices.Equal(h.MissingSequences, seal.Ranges{{From: 1, To: 6}}) {
		t.Errorf("health %+v", h)
	}
	if err := refusesNew(s); err != nil {
		t.Error(err)
	}
}

func TestUnreadableSlotsAreDamageUntilAcknowledged(t *testing.T) {
	m := hour(t)
	clear(m.slots)
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); !h.Damaged || !strings.Contains(h.Reason, "slots") || h.Missing.Last() != 30+unknownMargin {
		t.Fatalf("health %+v", h)
	}
	p, _, err := s.NextWork(testClock)
	if err != nil {
		t.Fatal(err)
	}
	if p = walkTo(t, s, p, Sending); p.Index != 30+unknownMargin+1 {
		t.Errorf("forwarding went on at %d: numbers may be given twice", p.Index)
	}
	if s, err = openMachine(m.plugIn()); err != nil || !s.Health().Damaged {
		t.Fatalf("a restart made it forget: %+v, %v", s.Health(), err)
	}
	if err := s.AcknowledgeLoss(background, "slots"); err != nil {
		t.Fatal(err)
	}
	if p := take(t, s, 60); p.Sequence != 6+unknownMargin+1 {
		t.Errorf("the next sequence is %d: it may be given twice", p.Sequence)
	}
	mustVerify(t, s)
	if s, err = openMachine(s.slots.(*modelSlots).plugIn()); err != nil || s.Health().Damaged {
		t.Errorf("afterwards: %+v, %v", s.Health(), err)
	}
}

func TestOneUnreadableSlotIsSurvived(t *testing.T) {
	for slot := range 2 {
		m := hour(t)
		clear(m.slots[slot*slotStride : slot*slotStride+slotBytes])
		s, err := openMachine(m)
		if err != nil || s.Health().Damaged {
			t.Errorf("slot %d: %+v, %v", slot, s.Health(), err)
		}
	}
}

func TestSlotFarBehindOrOfAnotherHistoryIsDamage(t *testing.T) {
	t.Run("behind", func(t *testing.T) {
		s, m := openFresh(t)
		old := slices.Clone(m.slots)
		for range 2*maxBatch + 1 {
			if _, err := s.Note(background, "note", nil); err != nil {
				t.Fatal(err)
			}
		}
		after := m.plugIn()
		after.slots = old
		s, err := openMachine(after)
		if err != nil || !s.Health().Damaged || !strings.Contains(s.Health().Reason, "behind") {
			t.Errorf("got %+v, %v", s.Health(), err)
		}
	})
	t.Run("other history", func(t *testing.T) {
		m, other := hour(t), hour(t) // signatures and times agree, contents differ by nothing but...
		s, err := openMachine(other)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Note(background, "note", "other"); err != nil {
			t.Fatal(err)
		}
		mine, err := openMachine(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mine.Note(background, "note", "mine"); err != nil {
			t.Fatal(err)
		}
		mixed := m.plugIn()
		mixed.slots = slices.Clone(other.slots)
		s, err = openMachine(mixed)
		if err != nil || !s.Health().Damaged || !strings.Contains(s.Health().Reason, "another history") {
			t.Errorf("got %+v, %v", s.Health(), err)
		}
	})
}

// Every byte of every journal header, one at a time: noticed, pinned to the
// right entry, and all other payments stay usable. Of a signature in the middle
// only Verify takes notice, see TestFlippedSignatureIsFoundByVerify.
func TestEveryFlippedByteIsNoticedAndIsolated(t *testing.T) {
	m := hour(t)
	for index := uint64(1); index <= 30; index++ {
		k := string(journalKey(index))
		record := m.disk[k]
		// One byte in seven keeps the test short and meets every part of a record.
		for at := signatureBytes + int(index)%7; at < len(record); at += 7 {
			broken := m.plugIn()
			b := []byte(record)
			b[at] ^= 0x20
			broken.disk[k] = string(b)
			s, err := openMachine(broken)
			if err != nil {
				t.Fatalf("entry %d byte %d: %v", index, at, err)
			}
			h := s.Health()
			if !h.Damaged || !slices.Equal(h.DamagedEntries, seal.Ranges{{From: index, To: index}}) {
				t.Fatalf("entry %d byte %d: %+v", index, at, h)
			}
			if err := refusesNew(s); err != nil {
				t.Fatalf("entry %d byte %d: %v", index, at, err)
			}
		}
	}
}

func TestDamagedRecordIsIsolated(t *testing.T) {
	m := hour(t)
	k := string(journalKey(4)) // the stored state of payment 0
	b := []byte(m.disk[k])
	b[len(b)/2] ^= 1
	m.disk[k] = string(b)
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	broken := newPayment(0).LocalID
	if _, err := s.Payment(broken); !errors.Is(err, ErrDamaged) {
		t.Errorf("the damaged payment reads: %v", err)
	}
	for p, _, err := s.NextWork(testClock); ; p, _, err = s.NextWork(testClock) {
		if err != nil {
			t.Fatal(err)
		}
		if p.LocalID == "" {
			break
		}
		if p.LocalID == broken {
			t.Fatal("the forwarder is given a damaged payment")
		}
		walkTo(t, s, p, Sending, Forwarded)
	}
	if got := s.Pending(); got.Count != 1 {
		t.Errorf("pending %+v: the damaged one must not vanish from the totals", got)
	}
	events, err := s.EventsAfter(3, 1)
	if err != nil || len(events) != 1 || events[0].Kind != KindDamaged || events[0].Index != 4 {
		t.Errorf("as an event: %+v, %v", events, err)
	}
	if err := s.AcknowledgeLoss(background, "flipped bit"); err != nil {
		t.Fatal(err)
	}
	if s, err = openMachine(m.plugIn()); err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); h.Damaged || len(h.DamagedEntries) != 1 {
		t.Errorf("after acknowledging: %+v", h)
	}
	take(t, s, 60)
	if p, _, err := s.NextWork(testClock); err != nil || p.LocalID == broken {
		t.Errorf("next work %s, %v", p.LocalID, err)
	}
}

func TestForgedEntryFailsVerify(t *testing.T) {
	m := hour(t)
	// Somebody with the disk but not the key rewrites an amount and mends the
	// rest of the chain, pointers and head slot: all hashes fit.
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	prev := ""
	var last seal.Hash
	for index := uint64(1); index <= 30; index++ {
		e := journalEntry([]byte(m.disk[string(journalKey(index))]))
		h, err := seal.ParseEntryHeader(e.Header)
		if err != nil {
			t.Fatal(err)
		}
		if index == 5 {
			h.Body = json.RawMessage(strings.Replace(string(h.Body), "1001", "1000", 1))
		}
		if prev != "" {
			h.Prev = prev
		}
		header, err := h.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		last = seal.HashEntry(header)
		prev = last.String()
		m.disk[string(journalKey(index))] = string(journalRecord(seal.Entry{Header: header, Signature: e.Signature}))
	}
	slot := s.head
	slot.hash = last
	forged := m.plugIn()
	copy(forged.slots, emptySlots(slot))
	if s, err = openMachine(forged); err != nil {
		t.Fatal(err)
	}
	report, err := s.Verify(background, nil)
	if err != nil || !errors.Is(report.Err(), seal.ErrChain) || report.Damaged[0].From != 5 {
		t.Errorf("the forgery passed: %+v, %v", report, err)
	}
	if !s.Health().Damaged {
		t.Error("the newest entry's signature was not looked at")
	}
}

func TestChangedPayloadIsNoticed(t *testing.T) {
	m := hour(t)
	id := newPayment(0).LocalID
	m.disk[string(key(prefixSealed, id))] += "x"
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sealed(id); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestBadSummaryIsMadeGoodFromTheJournal(t *testing.T) {
	m := hour(t)
	id := newPayment(0).LocalID
	m.disk[string(key(prefixOpen, id))] = "?"
	s, err := openMachine(m)
	if err != nil || s.Health().Damaged {
		t.Fatalf("%+v, %v", s.Health(), err)
	}
	if p, _, err := s.NextWork(testClock); err != nil || p.LocalID != id {
		t.Errorf("next work %s, %v", p.LocalID, err)
	}
	if got := s.Pending().Count; got != 3 {
		t.Errorf("%d pending", got)
	}
}

// The hash chain does not cover signatures, and Open does not check them all: a
// journal of years would take minutes. Nothing the reader goes by is damaged.
func TestFlippedSignatureIsFoundByVerify(t *testing.T) {
	m := hour(t)
	k := string(journalKey(5))
	b := []byte(m.disk[k])
	b[3] ^= 1
	m.disk[k] = string(b)
	s, err := openMachine(m)
	if err != nil || s.Health().Damaged {
		t.Fatalf("%+v, %v", s.Health(), err)
	}
	report, err := s.Verify(background, nil)
	if err != nil || !slices.Equal(report.Damaged, seal.Ranges{{From: 5, To: 5}}) {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAcknowledgedPendingPaymentStaysAcknowledged(t *testing.T) {
	m := hour(t)
	id := newPayment(0).LocalID
	k := string(journalKey(4)) // its stored state
	b := []byte(m.disk[k])
	b[len(b)/2] ^= 1
	m.disk[k] = string(b)
	m.disk[string(key(prefixOpen, id))] = "?"
	s, err := openMachine(m)
	if err != nil || !s.Health().Damaged {
		t.Fatalf("%+v, %v", s.Health(), err)
	}
	if err := s.AcknowledgeLoss(background, "test"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s, err = openMachine(m.plugIn()); err != nil || s.Health().Damaged {
			t.Fatalf("acknowledged damage is back: %+v, %v", s.Health(), err)
		}
	}
	if _, err := s.Payment(id); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// Local ids are random, so work is loaded in any order.
func TestWorkIsInOrderAfterLoading(t *testing.T) {
	s, m := openFresh(t)
	for _, n := range []int{5, 3, 9, 1, 7} {
		take(t, s, n)
	}
	s, err := openMachine(m.plugIn())
	if err != nil {
		t.Fatal(err)
	}
	for sequence := range uint64(5) {
		p, _, err := s.NextWork(testClock)
		if err != nil || p.Sequence != sequence+1 {
			t.Fatalf("sequence %d, want %d, %v", p.Sequence, sequence+1, err)
		}
		walkTo(t, s, p, Sending, Forwarded)
	}
}
