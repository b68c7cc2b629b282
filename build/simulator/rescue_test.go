package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/build/story"
	"smartreader/lan/wire"
)

// programs are the real ones, built.
type programs struct {
	t   *testing.T
	dir string
}

func buildPrograms(t *testing.T) programs {
	t.Helper()
	p := programs{t, t.TempDir()}
	build := exec.Command("go", "build", "-o", p.dir+string(filepath.Separator), "smartreader/lan/pos", "smartreader/store/ledger")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return p
}

// run runs a program that must end with the exit code, and returns what it
// printed.
func (p programs) run(code int, name string, args ...string) string {
	p.t.Helper()
	got, said := p.try(name, args...)
	if got != code {
		p.t.Fatalf("%s %s: exit %d, want %d\n%s", name, strings.Join(args, " "), got, code, said)
	}
	return said
}

// try runs a program, and returns how it ended and what it printed.
func (p programs) try(name string, args ...string) (code int, said string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(p.dir, name), args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// A reader whose internet does not come back hands its payments over. What it
// writes is read by the ledger's own tool, which submits it as the shop's
// operator, and by a second reader through the POS's own reading of the format.
// They agree on every payment, nothing is charged twice, and the reader that
// took them learns the end when its internet does come back.
func TestExportIsRescuedByReaderAndOperator(t *testing.T) {
	tools := buildPrograms(t)
	one := newDesk(t)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	pem, err := story.Get(t.Context(), one.at.Public+"/ca.pem")
	one.must(err)
	one.must(os.WriteFile(ca, pem, 0o600))
	two := startDesk(t, "-platform", one.at.Device, "-platform-ca", ca, "-serial", "SIM-0002")
	with := func(reader *desk, args ...string) []string {
		state := filepath.Join(dir, "till-"+reader.at.ReaderID)
		return append(args, "-reader", reader.at.POS, "-backend", one.at.Public, "-state", state)
	}
	till := func(code int, reader *desk, args ...string) string {
		t.Helper()
		return tools.run(code, "pos", with(reader, args...)...)
	}
	handOver := func(file string) {
		t.Helper()
		for {
			code, said := tools.try("pos", with(one, "export", "-rescue", "-o", file)...)
			switch {
			case code == 0:
				return
			case code != 3 || !strings.Contains(said, "Not handed over"): // an attempt runs at this moment
				t.Fatalf("export: exit %d: %s", code, said)
			}
			one.must(os.Remove(file))
		}
	}
	till(0, one, "connect")
	till(0, two, "connect")

	// Offline the first reader stores two payments, and hands them over.
	one.command("simulate", "-offline-mode", wire.SimulatedOfflineImmediate)
	one.store(t, []string{"4242424242424242", "4000000000009995"}, 2000)
	first := filepath.Join(dir, "first")
	handOver(first)
	// Two more, and another export: it holds all four.
	one.store(t, []string{"5555555555554444", "4242424242424242"}, 3000)
	second := filepath.Join(dir, "second")
	handOver(second)

	// The second reader sends the first file, before the operator sends both's.
	if said := till(1, two, "rescue", first); !strings.Contains(said, "Forwarded 1, declined by the bank 1, failed 0, not known yet 0.") {
		t.Errorf("the second reader: %s", said)
	}
	for _, file := range []string{first, second} {
		tools.run(0, "ledger", "verify", file)
	}
	rows, err := csv.NewReader(strings.NewReader(tools.run(0, "ledger", "csv", second))).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("the table has %d rows, %v: %v", len(rows), err, rows)
	}
	if said := tools.run(1, "ledger", "rescue", second, "-platform", one.at.Device, "-key", one.at.APIKey, "-ca", ca); !strings.Contains(said, "3 approved, 1 declined or failed, 0 refused, 0 not known, 0 without their sealed payload") {
		t.Errorf("the operator: %s", said)
	}
	if said := till(1, two, "rescue", second); !strings.Contains(said, "Forwarded 3, declined by the bank 1,") {
		t.Errorf("the second reader, once more: %s", said)
	}

	// Both tell of the same payments the same.
	byReader, byOperator := map[string]string{}, map[string]string{}
	lines(t, second+".outcomes", func(o wire.RescueOutcome) { byReader[o.LocalID] = o.State + " " + *o.ID })
	lines(t, second+".rescued", func(o struct{ LocalID, Status, PaymentIntent string }) {
		byOperator[o.LocalID] = strings.Replace(o.Status, "approved", wire.OfflineForwarded, 1) + " " + o.PaymentIntent
	})
	if len(byReader) != 4 || len(byOperator) != 4 {
		t.Fatalf("by reader %v, by operator %v", byReader, byOperator)
	}
	for id, end := range byReader {
		if byOperator[id] != end {
			t.Errorf("%s: %s by the reader, %s by the operator", id, end, byOperator[id])
		}
	}
	status := one.platformStatus()
	if got := status.Totals; got.Approved.Count != 3 || got.Approved.ByCurrency["usd"] != 2000+3000+3100 || got.Declined.Count != 1 || got.Rescued != 4 || got.Duplicates != 0 {
		t.Errorf("%+v", got)
	}

	// The first reader is back: it sends nothing, and learns what became of them.
	one.command("simulate", "-offline-mode", wire.SimulatedOnline)
	_, err = one.pos.Connect(t.Context(), one.at)
	one.must(err)
	one.await("the ends", func(b *story.Books) bool { return len(b.Told) == 4 })
	one.pos.Look(func(b *story.Books) {
		for id, end := range byReader {
			p := b.Payments[id]
			if p.ID == nil || !strings.HasSuffix(end, " "+*p.ID) {
				t.Errorf("%s ended as %s, and its reader says %+v", id, end, p)
			}
		}
	})
	if again := one.platformStatus(); again.Totals.Approved.Count != 3 || again.Totals.Duplicates != 0 || len(again.Gaps) != 0 {
		t.Errorf("%+v, gaps %v", again.Totals, again.Gaps)
	}
}

// store takes payments of amount, amount+100, ... by credential, as one does
// without internet.
func (d *desk) store(t *testing.T, cards []string, amount int64) {
	t.Helper()
	_, err := d.offlineConnect()
	d.must(err)
	d.network(wire.NetworkOffline)
	for i, number := range cards {
		d.number(number)
		d.stored(amount+int64(100*i), wire.PreferOnline)
	}
}

// lines reads a file of JSON lines.
func lines[T any](t *testing.T, file string, each func(T)) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var one T
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatalf("%s: %v: %s", file, err, line)
		}
		each(one)
	}
}
