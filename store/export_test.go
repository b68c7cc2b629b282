package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"smartreader/store/seal"
)

// exported is an export file, taken apart.
type exported struct {
	head      ExportHead
	entries   []seal.Entry
	envelopes map[string][]byte
	salvage   *Salvaged
	text      []byte
}

// exportAll exports in pages of a size.
func exportAll(t *testing.T, s *Store, purpose string, pageBytes int, between func()) exported {
	t.Helper()
	cursor, head, hash, err := s.BeginExport(background, "tmr_test", purpose)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for cursor != "" {
		var lines [][]byte
		if lines, cursor, err = s.ExportPage(background, cursor, pageBytes); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, line := range lines {
			size += len(line) + 1
			text.Write(append(line, '\n'))
		}
		if len(lines) == 0 || len(lines) > 1 && size > pageBytes {
			t.Fatalf("a page of %d lines, %d bytes", len(lines), size)
		}
		if between != nil {
			between()
		}
	}
	x := readExport(t, text.Bytes())
	last := x.entries[len(x.entries)-1]
	h, err := seal.ParseEntryHeader(last.Header)
	if err != nil || h.Index != head || seal.HashEntry(last.Header) != hash || h.Kind != KindExport {
		t.Fatalf("the export ends with %+v, %v", h, err)
	}
	return x
}

func readExport(t *testing.T, text []byte) exported {
	t.Helper()
	x := exported{envelopes: map[string][]byte{}, text: text}
	err := ReadExport(bytes.NewReader(text), func(line ExportLine) error {
		switch {
		case line.Ledger != nil:
			x.head = *line.Ledger
		case line.Entry != nil:
			x.entries = append(x.entries, *line.Entry)
		case line.Salvage != nil:
			x.salvage = line.Salvage
		default:
			x.envelopes[line.LocalID] = line.Envelope
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExportHasEntriesAndPayloads(t *testing.T) {
	for _, pageBytes := range []int{1, 3000, 1 << 20} {
		s, _ := openFresh(t)
		pending := take(t, s, 1)
		walkTo(t, s, take(t, s, 2), Sending, Forwarded)
		n := 10
		x := exportAll(t, s, "copy", pageBytes, func() { take(t, s, n); n++ })
		report, err := seal.VerifyChain(x.entries, &deviceKey.PublicKey)
		if err != nil || report.Entries != 11 || report.Sequences.Last() != 2 {
			t.Errorf("exported journal %+v, %v", report, err)
		}
		if len(x.envelopes) != 1 || !bytes.Equal(x.envelopes[pending.LocalID], envelope(pending, 1)) {
			t.Errorf("exported payloads %v", x.envelopes)
		}
		if x.head.Reader != "tmr_test" || x.head.Version != 1 || len(x.head.Key) == 0 {
			t.Errorf("header %+v", x.head)
		}
	}
}

// Whoever has the export of a rescue has all it takes to submit each payment.
func TestExportForRescueIsEnough(t *testing.T) {
	s, _ := openFresh(t)
	want := map[string]Payment{}
	for n := range 40 {
		p := take(t, s, n)
		if n%4 == 0 {
			walkTo(t, s, p, Sending, Forwarded)
			continue
		}
		want[p.LocalID] = p
	}
	if _, _, err := s.Rescue(background, "test"); err != nil {
		t.Fatal(err)
	}
	x := exportAll(t, s, "rescue", 5000, nil)
	newest := map[string]Payment{}
	for _, e := range x.entries {
		if h, err := seal.ParseEntryHeader(e.Header); err != nil {
			t.Fatal(err)
		} else if h.Kind == seal.KindPayment {
			p, err := paymentFrom(h)
			if err != nil {
				t.Fatal(err)
			}
			newest[p.LocalID] = p
		}
	}
	if len(x.envelopes) != len(want) {
		t.Errorf("%d envelopes of %d payments", len(x.envelopes), len(want))
	}
	for id := range want {
		p := newest[id]
		if p.State != Rescued || seal.HashPayload(x.envelopes[id]) != p.PayloadHash {
			t.Errorf("%s: %s, envelope %q", id, p.State, x.envelopes[id])
		}
	}
}

func TestExportOfADamagedStoreHasEveryEnvelope(t *testing.T) {
	s, m := openFresh(t)
	a, b := take(t, s, 1), take(t, s, 2)
	m = m.plugIn()
	k := string(journalKey(a.Index)) // the entry that names the payload
	record := []byte(m.disk[k])
	record[len(record)/2] ^= 1
	m.disk[k] = string(record)
	s, err := openMachine(m)
	if err != nil || !s.Health().Damaged {
		t.Fatalf("%+v, %v", s.Health(), err)
	}
	x := exportAll(t, s, "rescue", 1000, nil)
	for _, p := range []Payment{a, b} {
		if !bytes.Equal(x.envelopes[p.LocalID], envelope(p, p.Sequence)) {
			t.Errorf("%s: %q", p.LocalID, x.envelopes[p.LocalID])
		}
	}
	report, err := seal.VerifyChain(x.entries, &deviceKey.PublicKey)
	if !errors.Is(err, seal.ErrChain) || !report.Damaged.Contains(a.Index) {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestExportOnAFullDiskHasNoEnd(t *testing.T) {
	m := freshMachine()
	sp := &modelSpace{freeBytes: 1 << 40, reserve_: true}
	s, err := openMachineWith(m, sp)
	if err != nil {
		t.Fatal(err)
	}
	p := take(t, s, 1)
	sp.freeBytes, sp.reserve_ = leastFree-1, false
	cursor, head, _, err := s.BeginExport(background, "tmr_test", "copy")
	if err != nil || head != p.Index {
		t.Fatalf("head %d, %v", head, err)
	}
	lines, next, err := s.ExportPage(background, cursor, 1<<20)
	if err != nil || next != "" || len(lines) != 1+4+1 {
		t.Errorf("%d lines, next %q, %v", len(lines), next, err)
	}
}

func TestExportCursorOfAnotherWorldIsRefused(t *testing.T) {
	s, _ := openFresh(t)
	for _, cursor := range []string{"", "x", "e30", exportCursor{Next: 9, Head: 3}.String() + "!", exportCursor{Next: 9, Head: 3}.String()} {
		_, _, err := s.ExportPage(background, cursor, 1000)
		if cursor == "e30" && err == nil { // {}: an export of nothing
			continue
		}
		if !errors.Is(err, ErrExport) {
			t.Errorf("%q: %v", cursor, err)
		}
	}
	cursor, _, _, err := s.BeginExport(background, "tmr_test", "copy")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(background)
	cancel()
	if _, _, err := s.ExportPage(ended, cursor, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The largest lines a POS can make: see the format.
func TestExportLinesAreBounded(t *testing.T) {
	s, _ := openFresh(t)
	p := newPayment(1)
	p.Description, p.Metadata = strings.Repeat("ä", 1000), map[string]string{}
	for n := range 19 {
		p.Metadata[strings.Repeat("k", 38)+string(rune('a'+n))+"x"] = strings.Repeat("v", 500)
	}
	p = walkTo(t, s, withCard(p), Created, Collecting, Collected)
	header, err := json.Marshal(p.Metadata)
	if err != nil || len(header) < 10<<10 || len(header)+2000 > 13<<10 {
		t.Fatalf("%d bytes of metadata, %v", len(header), err)
	}
	c := to(p, Stored)
	c.Seal = func(uint64) ([]byte, string, error) { return make([]byte, 16<<10+4<<10), "natural", nil }
	if p, err = s.Commit(background, c); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		p = walkTo(t, s, p, Sending, Stored)
	}
	longest := 0
	for line := range bytes.Lines(exportAll(t, s, "copy", 24<<10, nil).text) {
		longest = max(longest, len(line))
	}
	if longest > 40<<10 {
		t.Errorf("the longest line has %d bytes", longest)
	}
	t.Logf("the longest line has %d bytes", longest)
}

func FuzzReadExport(f *testing.F) {
	f.Add([]byte(`{"ledger":{"version":1,"reader":"tmr_1","key":"AAAA"}}` + "\n" + `{"entry":{"header":"e30=","signature":"AA=="}}` + "\n" + `{"localId":"pl_1","envelope":"AAAA"}` + "\n"))
	f.Add([]byte(`{"ledger":{"version":1,"reader":""}}` + "\n" + `{"salvage":{"entries":1,"envelopes":0,"head":3,"missing":[{"from":1,"to":2}]}}`))
	f.Add([]byte(`{"ledger":{"version":2,"reader":""}}`))
	f.Add([]byte(`{"entry":{}}`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 0
		err := ReadExport(bytes.NewReader(text), func(line ExportLine) error {
			if lines++; (lines == 1) != (line.Ledger != nil) {
				t.Errorf("line %d: %+v", lines, line)
			}
			if again, err := json.Marshal(line); err != nil {
				t.Error(err)
			} else if _, err := parseExportLine(again); err != nil {
				t.Errorf("%s: %v", again, err)
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrExport) || err == nil && lines == 0 {
			t.Errorf("%d lines, %v", lines, err)
		}
	})
}
