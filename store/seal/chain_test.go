package seal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func newDevice(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// journal writes entries the way the store does.
type journal struct {
	t       testing.TB
	device  *ecdsa.PrivateKey
	index   uint64
	hash    Hash
	entries []Entry
}

func newJournal(t testing.TB) *journal {
	device := newDevice(t)
	genesis, err := Genesis(&device.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return &journal{t: t, device: device, hash: genesis}
}

func (j *journal) add(h EntryHeader) {
	j.t.Helper()
	j.index++
	h.Version, h.Index, h.Prev = EntryVersion, j.index, j.hash.String()
	if h.AtMs == 0 {
		h.AtMs = 1000 + int64(j.index)
	}
	if h.Kind == "" {
		h.Kind = KindPayment
	}
	header, err := h.Bytes()
	if err != nil {
		j.t.Fatal(err)
	}
	e, err := SignEntry(j.device, header)
	if err != nil {
		j.t.Fatal(err)
	}
	j.hash = HashEntry(header)
	j.entries = append(j.entries, e)
}

func (j *journal) payments(n int) *journal {
	for range n {
		j.add(EntryHeader{LocalID: fmt.Sprintf("pl_%d", j.index), State: "stored", Sequence: j.index + 1, Body: json.RawMessage(`{"amount":1}`)})
	}
	return j
}

func (j *journal) verify() (Report, error) { return VerifyChain(j.entries, &j.device.PublicKey) }

// quick verifies as a store does at open.
func (j *journal) quick() Report {
	v, err := NewVerifier(&j.device.PublicKey)
	if err != nil {
		j.t.Fatal(err)
	}
	v.Quick = true
	for _, e := range j.entries {
		v.Add(e)
	}
	if !v.LastIsGood() {
		r := v.Report()
		r.Damaged.Add(r.Head, r.Head)
		return r
	}
	return v.Report()
}

func TestGoodChainVerifies(t *testing.T) {
	j := newJournal(t).payments(20)
	report, err := j.verify()
	if err != nil || report.Entries != 20 || report.Head != 20 || report.HeadHash != j.hash || len(report.SequenceGaps()) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if r := j.quick(); r.Err() != nil {
		t.Error(r.Err())
	}
	empty, err := newJournal(t).verify()
	if err != nil || empty.Head != 0 {
		t.Errorf("empty: %+v, %v", empty, err)
	}
}

func TestEveryHarmToAChainIsFound(t *testing.T) {
	other := newJournal(t).payments(20)
	for name, test := range map[string]struct {
		harm             func(j *journal)
		missing, damaged Ranges
		quickMisses      bool // only signatures show it
	}{
		"dropped":         {harm: func(j *journal) { j.entries = slices.Delete(j.entries, 9, 12) }, missing: Ranges{{10, 12}}},
		"first dropped":   {harm: func(j *journal) { j.entries = j.entries[1:] }, missing: Ranges{{1, 1}}},
		"repeated":        {harm: func(j *journal) { j.entries = slices.Insert(j.entries, 10, j.entries[4]) }, damaged: Ranges{{5, 5}}},
		"body changed":    {harm: func(j *journal) { j.edit(9, `"amount":1`, `"amount":2`) }, damaged: Ranges{{10, 10}}},
		"last changed":    {harm: func(j *journal) { j.edit(19, `"amount":1`, `"amount":2`) }, damaged: Ranges{{20, 20}}},
		"cut short":       {harm: func(j *journal) { j.entries[9].Header = j.entries[9].Header[:30] }, damaged: Ranges{{10, 10}}},
		"emptied":         {harm: func(j *journal) { j.entries[9] = Entry{} }, damaged: Ranges{{10, 10}}},
		"signature":       {harm: func(j *journal) { j.entries[9].Signature = j.entries[8].Signature }, damaged: Ranges{{10, 10}}, quickMisses: true},
		"short signature": {harm: func(j *journal) { j.entries[9].Signature = nil }, damaged: Ranges{{10, 10}}, quickMisses: true},
		"index inflated":  {harm: func(j *journal) { j.edit(9, `"index":10`, `"index":1000000000`) }, damaged: Ranges{{10, 10}}},
		"from elsewhere":  {harm: func(j *journal) { j.entries[9] = other.entries[9] }, damaged: Ranges{{10, 10}}},
		"forked": {harm: func(j *journal) { // the same device continued twice from entry 10
			fork := &journal{t: t, device: j.device, index: 10, hash: HashEntry(j.entries[9].Header)}
			fork.add(EntryHeader{Kind: "note"})
			j.entries[10] = fork.entries[0]
		}, damaged: Ranges{{12, 12}}},
		"back in time": {harm: func(j *journal) {
			j.entries, j.index, j.hash = j.entries[:19], 19, HashEntry(j.entries[18].Header)
			j.add(EntryHeader{AtMs: 5})
		}, damaged: Ranges{{20, 20}}},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal(t).payments(20)
			test.harm(j)
			report, err := j.verify()
			if !errors.Is(err, ErrChain) || !slices.Equal(report.Missing, test.missing) || !slices.Equal(report.Damaged, test.damaged) {
				t.Errorf("missing %v, damaged %v, %v", report.Missing, report.Damaged, err)
			}
			quick := j.quick()
			if test.quickMisses {
				return
			}
			if !slices.Equal(quick.Missing, test.missing) || !slices.Equal(quick.Damaged, test.damaged) {
				t.Errorf("quick: missing %v, damaged %v", quick.Missing, quick.Damaged)
			}
		})
	}
}

// edit replaces text in an entry's header and leaves its signature.
func (j *journal) edit(i int, old, new string) {
	changed := bytes.Replace(j.entries[i].Header, []byte(old), []byte(new), 1)
	if bytes.Equal(changed, j.entries[i].Header) {
		j.t.Fatalf("entry %d has no %s", i+1, old)
	}
	j.entries[i].Header = changed
}

func TestAcknowledgedLossIsExplained(t *testing.T) {
	j := newJournal(t).payments(10)
	j.entries = j.entries[:7] // 8 to 10 are gone, the head slot knows their hash
	j.edit(3, `"amount":1`, `"amount":9`)
	body, err := json.Marshal(Loss{Reason: "soup", Missing: Ranges{{8, 10}}, Damaged: Ranges{{4, 4}}, Sequences: Ranges{{8, 10}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.verify(); !errors.Is(err, ErrChain) {
		t.Errorf("before: %v", err)
	}
	j.add(EntryHeader{Kind: KindLoss, Body: body})
	j.payments(1)
	report, err := j.verify()
	if err != nil || len(report.Losses) != 1 || !slices.Equal(report.Missing, Ranges{{8, 10}}) {
		t.Errorf("%+v, %v", report, err)
	}
	if gaps := report.SequenceGaps(); !slices.Equal(gaps, Ranges{{4, 4}, {8, 11}}) {
		t.Errorf("sequence gaps %v", gaps)
	}
	// A loss that somebody else wrote explains nothing.
	forged := newJournal(t)
	forged.device, forged.index, forged.hash = newDevice(t), 10, HashEntry(j.entries[6].Header)
	forged.add(EntryHeader{Kind: KindLoss, Body: body})
	j.entries = append(j.entries[:7:7], forged.entries...)
	if report, err := j.verify(); !errors.Is(err, ErrChain) || len(report.Losses) != 0 {
		t.Errorf("forged loss: %+v, %v", report, err)
	}
}

func TestWrongDeviceVerifiesNothing(t *testing.T) {
	j := newJournal(t).payments(3)
	report, err := VerifyChain(j.entries, &newDevice(t).PublicKey)
	if !errors.Is(err, ErrChain) || report.Damaged.Last() != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestGoldenJournalVerifies(t *testing.T) {
	if *writeGolden {
		j := newJournal(t)
		j.add(EntryHeader{ClockSet: true, LocalID: "pl_1", State: "created", Body: json.RawMessage(`{"amount":1250,"description":"a \u003c b"}`)})
		j.add(EntryHeader{ClockSet: true, LocalID: "pl_1", State: "stored", Sequence: 1, PayloadHash: HashPayload([]byte("x")), Body: json.RawMessage(`{"amount":1250}`)})
		j.add(EntryHeader{Kind: "configuration", Body: json.RawMessage(`{"version":3}`)})
		device, err := j.device.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		content, err := json.MarshalIndent(goldenJournal{device, j.entries}, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "v1-journal.json"), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var g goldenJournal
	if err := json.Unmarshal(golden(t, "v1-journal.json"), &g); err != nil {
		t.Fatal(err)
	}
	device, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), g.Device)
	if err != nil {
		t.Fatal(err)
	}
	report, err := VerifyChain(g.Entries, device)
	if err != nil || report.Head != 3 || report.Sequences.Last() != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	for i, e := range g.Entries {
		h, err := ParseEntryHeader(e.Header)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := h.Bytes(); err != nil || !bytes.Equal(again, e.Header) {
			t.Errorf("entry %d is encoded otherwise now: %s", i+1, again)
		}
	}
}

type goldenJournal struct {
	Device  []byte  `json:"device"` // uncompressed point
	Entries []Entry `json:"entries"`
}

func TestRanges(t *testing.T) {
	var r Ranges
	for _, n := range []uint64{5, 1, 2, 9, 4, 3, 7} {
		r.Add(n, n)
	}
	if want := (Ranges{{1, 5}, {7, 7}, {9, 9}}); !slices.Equal(r, want) {
		t.Errorf("added up to %v", r)
	}
	if !r.Contains(5) || r.Contains(6) || r.Contains(10) || r.Contains(0) {
		t.Error("Contains is wrong")
	}
	if gaps := r.Gaps(0); !slices.Equal(gaps, Ranges{{6, 6}, {8, 8}}) {
		t.Errorf("gaps %v", gaps)
	}
	if gaps := r.Gaps(12); !slices.Equal(gaps, Ranges{{6, 6}, {8, 8}, {10, 12}}) {
		t.Errorf("gaps to 12: %v", gaps)
	}
	if gaps := Ranges(nil).Gaps(3); !slices.Equal(gaps, Ranges{{1, 3}}) {
		t.Errorf("gaps in nothing: %v", gaps)
	}
	if left := (Ranges{{1, 20}}).Without(Ranges{{1, 2}, {5, 6}, {19, 30}}); !slices.Equal(left, Ranges{{3, 4}, {7, 18}}) {
		t.Errorf("without: %v", left)
	}
	r.Add(6, 8)
	if !slices.Equal(r, Ranges{{1, 9}}) || r.Last() != 9 {
		t.Errorf("joined to %v", r)
	}
}

// Ranges against a plain set, in every small case.
func FuzzRanges(f *testing.F) {
	f.Add([]byte{5, 7, 1, 2, 3, 3}, []byte{2, 6})
	f.Fuzz(func(t *testing.T, add, take []byte) {
		build := func(b []byte) (r Ranges, set [260]bool) {
			for i := 0; i+1 < len(b); i += 2 {
				r.Add(uint64(b[i]), uint64(b[i+1]))
				for n := int(b[i]); n <= int(b[i+1]); n++ {
					set[n] = true
				}
			}
			return r, set
		}
		a, inA := build(add)
		b, inB := build(take)
		left, gaps := a.Without(b), a.Gaps(255)
		for n := range inA {
			if a.Contains(uint64(n)) != inA[n] || left.Contains(uint64(n)) != (inA[n] && !inB[n]) {
				t.Fatalf("%d: %v without %v is %v", n, a, b, left)
			}
			if n >= 1 && n <= 255 && gaps.Contains(uint64(n)) == inA[n] {
				t.Fatalf("%d: gaps of %v are %v", n, a, gaps)
			}
		}
		for i := 1; i < len(a); i++ {
			if a[i].From <= a[i-1].To+1 {
				t.Fatalf("%v overlaps or touches", a)
			}
		}
	})
}

func FuzzParseEntryHeader(f *testing.F) {
	j := newJournal(f).payments(1)
	j.add(EntryHeader{Kind: "note", Body: json.RawMessage(`[1,"}"]`), ClockSet: true, PayloadHash: "aa"})
	for _, e := range j.entries {
		f.Add(e.Header)
	}
	f.Add([]byte(`{"version":1,"index":01,"prev":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		quick, ok := scanEntryHeader(b)
		h, err := ParseEntryHeader(b)
		if err != nil {
			return // the scanner does not look into the body
		}
		if again, err := h.Bytes(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s is written as %s, %v", b, again, err)
		}
		if ok && !reflect.DeepEqual(quick, h) {
			t.Errorf("%s is read as %+v and as %+v", b, h, quick)
		}
	})
}
