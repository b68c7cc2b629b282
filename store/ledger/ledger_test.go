package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smartreader/store"
	"smartreader/store/seal"
)

func TestVerifyFindsEveryHarm(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "4242", nil)
	s.step(t, s.step(t, s.take(t, 2, "0002", nil), store.Sending), store.Forwarded)
	good := s.export(t, "rescue")
	own, other := keyFile(t, &s.device.PublicKey), keyFile(t, &newShop(t).device.PublicKey)

	var r runner
	if code := r.run(t, "verify", good, "-key", own); code != exitDone || !strings.Contains(r.out.String(), "2, of which 1 wait; 1 sealed") {
		t.Fatalf("exit %d: %s%s", code, &r.out, &r.err)
	}
	if code := r.run(t, "verify", good); code != exitDone || !strings.Contains(r.out.String(), "the file itself names") {
		t.Errorf("exit %d: %s", code, &r.out)
	}
	if code := r.run(t, "verify", "-key", other, good); code != exitWrong {
		t.Errorf("another key: exit %d: %s", code, &r.out)
	}

	lines := slices.Collect(bytes.Lines(read(t, good)))
	envelopeAt := slices.IndexFunc(lines, func(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"localId"`)) })
	without := func(n int) [][]byte { return slices.Delete(slices.Clone(lines), n, n+1) }
	for name, harm := range map[string]struct {
		lines [][]byte
		says  string
	}{
		"cut short":        {lines[:len(lines)-1], "cut short"},
		"an entry gone":    {without(3), "missing"},
		"the first gone":   {without(1), "missing"},
		"envelope gone":    {without(envelopeAt), "its sealed payload is not in the file"},
		"order":            {append(slices.Clone(without(2)), lines[2]), "damaged"},
		"envelope changed": {replaced(lines, envelopeAt, changedEnvelope(t, lines[envelopeAt])), "not the one that was signed for"},
		"entry changed":    {replaced(lines, 2, changedEntry(t, lines[2])), "not signed by the reader"},
		"torn":             {append(slices.Clone(lines[:4]), []byte(`{"entry":{"hea`)), "does not read to its end"},
		"other's envelope": {append(slices.Clone(lines), bytes.Replace(lines[envelopeAt], []byte("pl_0"), []byte("pl_f"), 1)), "no entry of it"},
	} {
		file := write(t, "export", bytes.Join(harm.lines, nil))
		if code := r.run(t, "verify", file, "-key", own); code != exitWrong || !strings.Contains(r.out.String(), harm.says) {
			t.Errorf("%s: exit %d: %s%s", name, code, &r.out, &r.err)
		}
	}
}

// After pruning an export begins later; the signed checkpoint in it says that it
// may, and what waits is still in it, with a proof that a rescue can show.
func TestExportAfterPruningVerifiesAndCanBeRescued(t *testing.T) {
	s := newShop(t)
	owed := s.take(t, 0, "4242", nil)
	for n := range 40 {
		s.step(t, s.step(t, s.take(t, 1+n, "0002", nil), store.Sending), store.Forwarded)
	}
	if n, _, err := s.Rescue(t.Context(), "test"); err != nil || n != 1 {
		t.Fatalf("%d handed over, %v", n, err)
	}
	later := clockTime.AddDate(0, 0, 120)
	if err := s.RaiseFloor(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	for range 200 { // the newest entries always stay
		if _, err := s.Note(t.Context(), "note", ""); err != nil {
			t.Fatal(err)
		}
	}
	pruned, err := s.Prune(t.Context(), later.AddDate(0, 0, -90))
	if err != nil || pruned.Payments != 40 {
		t.Fatalf("%+v, %v", pruned, err)
	}
	own := keyFile(t, &s.device.PublicKey)
	var r runner
	file := s.export(t, "copy")
	if code := r.run(t, "verify", file, "-key", own); code != exitDone || !strings.Contains(r.out.String(), fmt.Sprintf("pruned     entries up to %d", pruned.Entries)) {
		t.Errorf("exit %d: %s%s", code, &r.out, &r.err)
	}
	lines := slices.Collect(bytes.Lines(read(t, file)))
	checkpoint := slices.IndexFunc(lines, func(text []byte) bool {
		var line store.ExportLine
		return json.Unmarshal(text, &line) == nil && line.Entry != nil && bytes.Contains(line.Entry.Header, []byte(`"kind":"pruned"`))
	})
	cut := write(t, "export", bytes.Join(slices.Delete(slices.Clone(lines), checkpoint, checkpoint+1), nil))
	if code := r.run(t, "verify", cut, "-key", own); code != exitWrong || !strings.Contains(r.out.String(), "missing") {
		t.Errorf("without the checkpoint: exit %d: %s", code, &r.out)
	}
	cut = write(t, "export", bytes.Join(slices.Delete(slices.Clone(lines), 1, 2), nil))
	if code := r.run(t, "verify", cut, "-key", own); code != exitWrong {
		t.Errorf("one more gone: exit %d: %s", code, &r.out)
	}

	p := newPlatform(t, s) // the proof is now the entry that carried it over
	if code := r.run(t, "rescue", file, "-platform", p.URL, "-key", "sk_test_1", "-ca", p.ca(t)); code != exitDone || !slices.Equal(p.arrived, []uint64{owed.Sequence}) {
		t.Errorf("exit %d, arrived %v: %s%s", code, p.arrived, &r.out, &r.err)
	}
}

func replaced(lines [][]byte, n int, line []byte) [][]byte {
	lines = slices.Clone(lines)
	lines[n] = line
	return lines
}

func changedEnvelope(t *testing.T, text []byte) []byte {
	t.Helper()
	var line store.ExportLine
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatal(err)
	}
	line.Envelope[len(line.Envelope)-1] ^= 1
	return marshal(t, line)
}

func changedEntry(t *testing.T, text []byte) []byte {
	t.Helper()
	var line store.ExportLine
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatal(err)
	}
	line.Entry.Header = bytes.Replace(line.Entry.Header, []byte(`"amount":1001`), []byte(`"amount":1`), 1)
	return marshal(t, line)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestCSVIsATableAndNoFormula(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "4242", func(p *store.Payment) {
		p.Description = `=HYPERLINK("http://evil")`
		p.Metadata = map[string]string{"b": "2, \"quoted\"\n", "a": "@sum"}
	})
	s.step(t, s.step(t, s.take(t, 2, "0002", func(p *store.Payment) { p.Description = "-1" }), store.Sending), store.Forwarded)
	file := s.export(t, "copy")
	var r runner
	if code := r.run(t, "csv", file); code != exitDone || r.err.Len() > 0 {
		t.Fatalf("exit %d: %s", code, &r.err)
	}
	first := r.out.String()
	rows, err := csv.NewReader(strings.NewReader(first)).ReadAll()
	if err != nil || len(rows) != 3 || !slices.Equal(rows[0], columns) {
		t.Fatalf("%v, %v", rows, err)
	}
	cell := func(row int, column string) string { return rows[row][slices.Index(columns, column)] }
	for _, want := range []struct {
		row          int
		column, want string
	}{
		{1, "sequence", "1"}, {1, "amount", "1001"}, {1, "state", "stored"}, {1, "waits", "yes"}, {1, "sealed", "yes"},
		{1, "stored_at", "2026-11-21T12:00:00Z"}, {1, "done_at", ""}, {1, "card_last4", "4242"},
		{1, "description", `'=HYPERLINK("http://evil")`}, {1, "metadata", `{"a":"@sum","b":"2, \"quoted\"\n"}`},
		{2, "description", "'-1"}, {2, "state", "forwarded"}, {2, "waits", ""}, {2, "sealed", ""},
	} {
		if got := cell(want.row, want.column); got != want.want {
			t.Errorf("row %d, %s: %q, not %q", want.row, want.column, got, want.want)
		}
	}
	if r.run(t, "csv", file); r.out.String() != first {
		t.Error("the second time it is another table")
	}
	for _, column := range columns {
		if !strings.Contains(csvHelp, column) {
			t.Errorf("column %s is not documented", column)
		}
	}
	if code := r.run(t, "list", file); code != exitDone || strings.Count(r.out.String(), "\n") != 3 || !strings.Contains(r.out.String(), "visa 4242") {
		t.Errorf("exit %d: %s", code, &r.out)
	}
}

func TestSalvagedFileVerifiesWithTheKey(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "4242", nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "salvaged")
	var r runner
	if code := r.run(t, "salvage", s.dir, "-o", file); code != exitDone {
		t.Fatalf("exit %d: %s", code, &r.err)
	}
	if code := r.run(t, "verify", file); code != exitWrong || !strings.Contains(r.out.String(), "-key") {
		t.Errorf("without a key: exit %d: %s", code, &r.out)
	}
	if code := r.run(t, "verify", file, "-key", keyFile(t, &s.device.PublicKey)); code != exitDone {
		t.Errorf("with the key: exit %d: %s", code, &r.out)
	}
	if code := r.run(t, "salvage", s.dir, "-o", file); code != exitUsage {
		t.Errorf("over an existing file: exit %d", code)
	}
	if code := r.run(t, "salvage", t.TempDir(), "-o", file+"2"); code != exitWrong {
		t.Errorf("an empty folder: exit %d", code)
	}
	if _, err := os.Stat(file + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty file was left: %v", err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "head"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code := r.run(t, "salvage", s.dir, "-o", file+"3"); code != exitWrong || !strings.Contains(r.err.String(), "head") {
		t.Errorf("without a head: exit %d: %s", code, &r.err)
	}
}

// A newcomer names the folder they know.
func TestSalvageFindsTheStore(t *testing.T) {
	s := newShop(t)
	s.take(t, 1, "4242", nil)
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "reader"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.dir, filepath.Join(data, "reader", "ledger")); err != nil {
		t.Fatal(err)
	}
	var r runner
	file := filepath.Join(t.TempDir(), "salvaged")
	if code := r.run(t, "salvage", data, "-o", file); code != exitWrong || !strings.Contains(r.err.String(), "pos export") {
		t.Errorf("of a reader that runs: exit %d: %s", code, &r.err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for n, dir := range []string{data, filepath.Join(data, "reader"), filepath.Join(data, "reader", "ledger")} {
		if code := r.run(t, "salvage", dir, "-o", fmt.Sprint(file, n)); code != exitDone {
			t.Errorf("%s: exit %d: %s", dir, code, &r.err)
		}
	}
}

func TestUsage(t *testing.T) {
	file := write(t, "export", []byte("nonsense\n"))
	var r runner
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "ledger verify FILE"},
		{[]string{"help"}, exitDone, ""},
		{[]string{"csv", "-help"}, exitDone, ""},
		{[]string{"fly"}, exitUsage, "no command"},
		{[]string{"verify"}, exitUsage, "name one export file"},
		{[]string{"verify", "a", "b"}, exitUsage, "name one export file"},
		{[]string{"verify", "-x", "a"}, exitUsage, "-x"},
		{[]string{"verify", "/does/not/exist"}, exitUsage, "no such file"},
		{[]string{"verify", file}, exitWrong, "line 1"},
		{[]string{"verify", file, "-key", "no-key"}, exitUsage, "neither a file nor"},
		{[]string{"salvage", "x"}, exitUsage, "-o"},
		{[]string{"rescue", file, "-key", "sk_1"}, exitUsage, "https"},
		{[]string{"rescue", file, "-key", "sk_1", "-platform", "http://x"}, exitUsage, "https"},
		{[]string{"rescue", file, "-platform", "https://x"}, exitUsage, "secret key"},
		{[]string{"rescue", file, "-platform", "https://x", "-key", "sk_1", "-ca", file}, exitUsage, "no certificate"},
	} {
		if code := r.run(t, test.args...); code != test.code || !strings.Contains(r.err.String(), test.says) {
			t.Errorf("%v: exit %d, %q", test.args, code, &r.err)
		}
	}
	for _, c := range commands {
		if r.run(t, c.name, "--help"); !strings.HasPrefix(r.out.String(), "ledger "+c.name) || !strings.Contains(help, "ledger "+c.name) {
			t.Errorf("help of %s: %s", c.name, &r.out)
		}
	}
}

func FuzzExportFile(f *testing.F) {
	f.Add([]byte(`{"ledger":{"version":1,"reader":"tmr_1","key":"AAAA"}}` + "\n" + `{"entry":{"header":"e30=","signature":"AA=="}}` + "\n" + `{"localId":"pl_1","envelope":"AAAA"}` + "\n"))
	f.Add([]byte(`{"ledger":{"version":1,"reader":""}}` + "\n" + `{"salvage":{"entries":1,"envelopes":0,"head":3}}`))
	header, err := seal.EntryHeader{Version: 1, Index: 1, Prev: strings.Repeat("0", 64), Kind: seal.KindPayment, LocalID: "pl_1", Body: []byte(`{"localId":"pl_1","state":"stored","currency":"=usd"}`)}.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	line, err := json.Marshal(store.ExportLine{Entry: &seal.Entry{Header: header, Signature: make([]byte, 64)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte(`{"ledger":{"version":1,"reader":"tmr_1"}}`+"\n"), line...))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		file := filepath.Join(dir, "export")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var r runner
		if code := r.run(t, "verify", file); code != exitWrong {
			t.Errorf("a file nobody signed: exit %d: %s", code, &r.out)
		}
		r.run(t, "list", file)
		if r.run(t, "csv", file) == exitDone {
			rows, err := csv.NewReader(&r.out).ReadAll()
			if err != nil {
				t.Errorf("%v", err)
			}
			for _, row := range rows[1:] {
				for _, cell := range row {
					if cell != harmless(cell) {
						t.Errorf("%q is a formula", cell)
					}
				}
			}
		}
	})
}
