package seal

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

// prunedJournal has ten entries with sequences, a checkpoint through 6, and three
// more; entries are those left.
func prunedJournal(t *testing.T, change func(*Checkpoint)) (*journal, []Entry) {
	t.Helper()
	j := newJournal(t)
	for n := range uint64(10) {
		j.add(EntryHeader{Kind: KindPayment, Sequence: n + 1})
	}
	c := Checkpoint{Through: 6, Hash: HashEntry(j.entries[5].Header).String(), Sequences: Ranges{{1, 6}}, Lost: Ranges{{2, 3}}}
	if change != nil {
		change(&c)
	}
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	j.add(EntryHeader{Kind: KindPruned, Body: body})
	for n := range uint64(3) {
		j.add(EntryHeader{Kind: KindPayment, Sequence: n + 11})
	}
	return j, j.entries[6:]
}

func TestPrunedJournalVerifies(t *testing.T) {
	j, left := prunedJournal(t, nil)
	report, err := VerifyChain(left, &j.device.PublicKey)
	if err != nil || report.First != 7 || report.Head != 14 || report.Pruned == nil || report.Pruned.Through != 6 || len(report.Missing) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if gaps := report.SequenceGaps(); len(gaps) > 0 {
		t.Errorf("pruned sequences count as gaps: %v", gaps)
	}
	if len(report.Losses) != 1 || !slices.Equal(report.Losses[0].Sequences, Ranges{{2, 3}}) {
		t.Errorf("losses %+v", report.Losses)
	}
	// Before the entries are dropped the checkpoint does no harm.
	if report, err := VerifyChain(j.entries, &j.device.PublicKey); err != nil || report.First != 1 || report.Pruned != nil {
		t.Errorf("whole: %+v, %v", report, err)
	}
	if report, err := VerifyChain(nil, &j.device.PublicKey); err != nil || report.First != 0 {
		t.Errorf("empty: %+v, %v", report, err)
	}
}

func TestCheckpointMustFitTheBeginning(t *testing.T) {
	for name, change := range map[string]func(*Checkpoint){
		"another index":    func(c *Checkpoint) { c.Through = 5 },
		"a later index":    func(c *Checkpoint) { c.Through = 9 },
		"another hash":     func(c *Checkpoint) { c.Hash = Hash{}.String() },
		"overflow":         func(c *Checkpoint) { c.Through = ^uint64(0) },
		"nothing":          func(c *Checkpoint) { *c = Checkpoint{} },
		"no hash":          func(c *Checkpoint) { c.Hash = "" },
		"backward numbers": func(c *Checkpoint) { c.Through, c.Sequences = 0, Ranges{{9, 3}} },
	} {
		j, left := prunedJournal(t, change)
		if report, err := VerifyChain(left, &j.device.PublicKey); !errors.Is(err, ErrChain) || report.First != 1 || !slices.Equal(report.Missing, Ranges{{1, 6}}) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	j, left := prunedJournal(t, nil)
	forged := slices.Clone(left)
	forged[4].Signature = left[3].Signature
	if report, err := VerifyChain(forged, &j.device.PublicKey); !errors.Is(err, ErrChain) || report.First != 1 {
		t.Errorf("forged: %+v, %v", report, err)
	}
	v, err := NewVerifier(&j.device.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	v.Quick = true
	for i, e := range forged {
		v.AddAt(uint64(7+i), e)
	}
	if report := v.Report(); report.Err() == nil || report.First != 1 {
		t.Errorf("forged, quick: %+v", report)
	}
	if _, err := VerifyChain(left[1:], &j.device.PublicKey); !errors.Is(err, ErrChain) {
		t.Errorf("one more is gone: %v", err)
	}
}

// A damaged first entry is one damaged entry, and not all that was pruned gone.
func TestPrunedJournalWithADamagedBeginning(t *testing.T) {
	j, left := prunedJournal(t, nil)
	v, err := NewVerifier(&j.device.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	left = slices.Clone(left)
	left[0].Header = append([]byte{'['}, left[0].Header[1:]...)
	for i, e := range left {
		v.AddAt(uint64(7+i), e)
	}
	if report := v.Report(); !errors.Is(report.Err(), ErrChain) || report.First != 7 || len(report.Missing) > 0 || !slices.Equal(report.Damaged, Ranges{{7, 7}}) {
		t.Errorf("%+v, %v", report, report.Err())
	}
}

func TestRangesWith(t *testing.T) {
	a := Ranges{{1, 3}, {8, 9}}
	if got := a.With(Ranges{{4, 5}, {9, 12}}); !slices.Equal(got, Ranges{{1, 5}, {8, 12}}) || !slices.Equal(a, Ranges{{1, 3}, {8, 9}}) {
		t.Errorf("%v of %v", got, a)
	}
}
