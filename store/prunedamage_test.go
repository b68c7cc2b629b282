package store

import (
	"errors"
	"slices"
	"testing"

	"smartreader/store/seal"
)

func TestPrunedJournalWithoutItsCheckpointIsMissing(t *testing.T) {
	m, _ := quarter(t)
	s := reopenLate(t, m)
	done, err := s.Prune(background, ninetyDaysBefore)
	if err != nil {
		t.Fatal(err)
	}
	var entries []seal.Entry
	if err := s.entries(background, func(e seal.Entry) error { entries = append(entries, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if report, err := seal.VerifyChain(entries[1:], &deviceKey.PublicKey); !errors.Is(err, seal.ErrChain) || report.First != 1 ||
		!slices.Equal(report.Missing, seal.Ranges{{From: 1, To: uint64(done.Entries) + 1}}) {
		t.Errorf("one entry more is gone: %+v, %v", report, err)
	}
	var before []seal.Entry
	for _, e := range entries {
		if h, err := seal.ParseEntryHeader(e.Header); err != nil {
			t.Fatal(err)
		} else if h.Kind == seal.KindPruned {
			break
		}
		before = append(before, e)
	}
	if report, err := seal.VerifyChain(before, &deviceKey.PublicKey); !errors.Is(err, seal.ErrChain) || report.First != 1 {
		t.Errorf("the checkpoint is gone: %+v, %v", report, err)
	}

	// The same on disk: an entry behind the checkpoint's end goes.
	m = m.plugIn()
	delete(m.disk, string(journalKey(uint64(done.Entries)+1)))
	if s, err := openMachine(m); err != nil || !s.Health().Damaged || s.Health().Missing.Last() != uint64(done.Entries)+1 {
		t.Errorf("%+v, %v", s.Health(), err)
	}
}

func TestDamageAtTheBeginningOfAPrunedJournalIsIsolated(t *testing.T) {
	m, _ := quarter(t)
	done, err := reopenLate(t, m).Prune(background, ninetyDaysBefore)
	if err != nil {
		t.Fatal(err)
	}
	first := uint64(done.Entries) + 1
	k := string(journalKey(first))
	for at := 0; at < len(m.disk[k]); at += 5 {
		broken := m.plugIn()
		record := []byte(broken.disk[k])
		record[at] ^= 1
		broken.disk[k] = string(record)
		s, err := openMachine(broken)
		if err != nil {
			t.Fatal(err)
		}
		if h := s.Health(); at >= signatureBytes && (!h.Damaged || len(h.Missing) > 0 || len(h.MissingSequences) > 0 || !slices.Equal(h.DamagedEntries, seal.Ranges{{From: first, To: first}})) {
			t.Errorf("byte %d: %+v", at, h)
		}
		report, err := s.Verify(background, nil)
		if err != nil || report.Err() == nil {
			t.Errorf("byte %d: %+v, %v", at, report, err)
		}
	}
}

func TestAcknowledgedLossStaysAcknowledgedWhenPruned(t *testing.T) {
	m := cutTail(t, 7)
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AcknowledgeLoss(background, "test"); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		walkTo(t, s, take(t, s, 100+n), Sending, Forwarded)
	}
	late(t, s)
	for range keepEntries {
		if _, err := s.Note(background, "note", ""); err != nil {
			t.Fatal(err)
		}
	}
	done, err := s.Prune(background, ninetyDaysBefore)
	if err != nil || done.Payments != 40 {
		t.Fatalf("%+v, %v", done, err)
	}
	s = reopenLate(t, m.plugIn())
	if h := s.Health(); h.Damaged {
		t.Errorf("%+v", h)
	}
	report := mustVerify(t, s)
	if gaps := report.SequenceGaps(); !slices.Equal(gaps, seal.Ranges{{From: 5, To: 6}}) || !slices.Equal(report.Pruned.Lost, gaps) {
		t.Errorf("what was lost must stay visible: %v, %+v", gaps, report.Pruned)
	}
}

// A damaged entry without an owner goes; one of a payment that may be owed does
// not, nor anything after it.
func TestPruneStopsBeforeADamagedPaymentThatIsOwed(t *testing.T) {
	m, kept := quarter(t)
	m = m.plugIn()
	owed := kept[Stored]
	k := string(journalKey(owed.Index))
	record := []byte(m.disk[k])
	record[len(record)/2] ^= 1
	m.disk[k] = string(record)
	s := reopenLate(t, m)
	if done, err := s.Prune(background, ninetyDaysBefore); err != nil || done != (Pruned{}) {
		t.Fatalf("before the loss is acknowledged: %+v, %v", done, err)
	}
	if err := s.AcknowledgeLoss(background, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(background, ninetyDaysBefore); err != nil {
		t.Fatal(err)
	}
	if _, err := s.disk.get(journalKey(owed.Index)); err != nil {
		t.Errorf("%v", err)
	}
	if _, err := s.disk.get(key(prefixSealed, owed.LocalID)); err != nil {
		t.Errorf("%v", err)
	}
}
