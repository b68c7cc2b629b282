package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/lan"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// waiting is a payment of another reader that it did not get rid of.
func waiting(n uint64) exportPayment {
	return exportPayment{
		LocalID: fmt.Sprintf("pl_%d", n), Sequence: n, NaturalKey: fmt.Sprintf("tmr_other.%d.0001.AA", n),
		State: wire.OfflineRescued, Amount: int64(100 * n), Currency: "usd", StoredAtMs: 1700000000000,
	}
}

// exportOf makes an export: two entries and an envelope for each payment, and the
// entry that ends it.
func exportOf(reader string, payments ...exportPayment) []string {
	line := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	entry := func(kind, localID string, body any) string {
		header := line(map[string]any{"version": 1, "index": 1, "kind": kind, "localId": localID, "body": body})
		return line(map[string]any{"entry": map[string]any{"header": []byte(header), "signature": make([]byte, 64)}})
	}
	lines := []string{line(map[string]any{"ledger": map[string]any{"version": 1, "reader": reader}})}
	for _, p := range payments {
		envelope := []byte("sealed " + p.LocalID)
		hash := sha256.Sum256(envelope)
		p.PayloadHash = hex.EncodeToString(hash[:])
		before := p
		before.State = wire.OfflineStored
		lines = append(lines, entry("payment", p.LocalID, before),
			line(map[string]any{"localId": p.LocalID, "envelope": envelope}), entry("carried", p.LocalID, p))
	}
	return append(lines, entry("export", "", nil))
}

func TestReadExport(t *testing.T) {
	paidFor, forwarded, online := waiting(4), waiting(5), waiting(6)
	paidFor.ChargeID = "ch_1"
	forwarded.State = wire.OfflineForwarded
	online.StoredAtMs, online.State = 0, wire.OfflineFailed
	lines := exportOf("tmr_other", waiting(2), waiting(1), paidFor, forwarded, online, waiting(3))
	all, err := readExport(strings.NewReader(strings.Join(lines, "\n") + "\n"))
	if err != nil || all.reader != "tmr_other" || !all.whole || all.empty != 0 || len(all.wait) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, p := range all.wait {
		want := waiting(uint64(i + 1))
		if p.LocalID != want.LocalID || p.ReaderID != "tmr_other" || p.NaturalKey != want.NaturalKey || string(p.Envelope) != "sealed "+p.LocalID || len(p.Signature) != 64 || p.StoredAtMs != want.StoredAtMs {
			t.Errorf("%+v", p)
		}
		if !strings.Contains(string(p.Entry), `"carried"`) {
			t.Errorf("not the newest entry: %s", p.Entry)
		}
		if err := (&wire.RescuePaymentsParams{RequestID: "r", Payments: []wire.RescuePayment{p.RescuePayment}}).Validate(); err != nil {
			t.Error(err)
		}
	}
	// Cut short, or without the card data: said.
	all, err = readExport(strings.NewReader(strings.Join(lines[:len(lines)-1], "\n")))
	if err != nil || all.whole {
		t.Errorf("cut short: %+v, %v", all, err)
	}
	var bare []string
	for _, l := range lines {
		if !strings.Contains(l, `"envelope"`) {
			bare = append(bare, l)
		}
	}
	if all, err = readExport(strings.NewReader(strings.Join(bare, "\n"))); err != nil || all.empty != 3 || len(all.wait) != 0 {
		t.Errorf("without envelopes: %+v, %v", all, err)
	}
	for _, bad := range []string{"", "x", `{}`, `{"ledger":{"version":2,"reader":"tmr_1"}}`, lines[1], lines[0] + "\nrubbish"} {
		if _, err := readExport(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q was taken for an export", bad)
		}
	}
}

// A batch fits into one message, with the largest payments there are too.
func TestBatchesFit(t *testing.T) {
	for _, size := range []int{100, 20 << 10, wire.MaxEnvelope} {
		var wait []rescue
		for n := range uint64(3) {
			p := rescue{RescuePayment: wire.RescuePayment{
				ReaderID: "tmr_other", LocalID: fmt.Sprint("pl_", n), NaturalKey: strings.Repeat("k", 200), StoredAtMs: 1,
				Envelope: make([]byte, size), Entry: make([]byte, min(size, 8<<10)), Signature: make([]byte, 64),
			}}
			wait = append(wait, p)
		}
		n := batch(wait)
		p := wire.RescuePaymentsParams{RequestID: strings.Repeat("r", 64)}
		for _, one := range wait[:n] {
			p.Payments = append(p.Payments, one.RescuePayment)
		}
		if size == 100 && n != wire.MaxRescued {
			t.Errorf("%d small ones in a batch", n)
		}
		if b, err := json.Marshal(p); err != nil || n < 1 || p.Validate() != nil && n > wire.MaxRescued || len(b) > wire.MaxMessage-200 {
			t.Errorf("%d of %d bytes: %d bytes, %v", n, size, len(b), err)
		}
	}
}

func FuzzReadExport(f *testing.F) {
	f.Add([]byte(strings.Join(exportOf("tmr_other", waiting(2), waiting(1)), "\n")))
	f.Add([]byte(`{"ledger":{"version":1,"reader":"tmr_1"}}` + "\n" + `{"entry":{"header":"e30="}}` + "\n" + `{"salvage":{}}`))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := readExport(bytes.NewReader(data))
		if err != nil {
			return
		}
		for wait := all.wait; len(wait) > 0; {
			n := batch(wait)
			if n < 1 || n > wire.MaxRescued {
				t.Fatalf("a batch of %d", n)
			}
			wait = wait[n:]
		}
	})
}

// flaky answers some rescues with nothing known, and counts calls.
type flaky struct {
	*bent
	rescue func(wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error)
}

func (f *flaky) RescuePayments(ctx context.Context, c *lan.Caller, p wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error) {
	if f.rescue != nil {
		if r, err := f.rescue(p); err != nil || r.Payments != nil {
			return r, err
		}
	}
	return f.Reader.RescuePayments(ctx, c, p)
}

// An interrupted rescue goes on where it was, and sends nothing again whose end
// is known.
func TestRescueGoesOn(t *testing.T) {
	b := &flaky{bent: new(bent)}
	s := openShop(t, func(r *lantest.Reader) lan.Reader { b.Reader = r; return b })
	run := s.pos(t, filepath.Join(t.TempDir(), "pos"))
	file := filepath.Join(t.TempDir(), "other.export")
	lines := exportOf("tmr_other", waiting(1), waiting(2), waiting(3), waiting(4), waiting(5))
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := 0
	b.rescue = func(p wire.RescuePaymentsParams) (wire.RescuePaymentsResult, error) {
		if calls++; calls == 2 {
			return wire.RescuePaymentsResult{}, wire.NewError(wire.CodeNotConnectedToInternet, "")
		}
		return wire.RescuePaymentsResult{}, nil
	}
	code, stdout, stderr := run(t.Context(), "rescue", file)
	if code == exitDone || !strings.Contains(stdout, "#1  1.00 USD  forwarded as pi_r_pl_1") || !strings.Contains(stdout, "Forwarded 2, declined by the bank 0, failed 0, not known yet 3.") {
		t.Fatalf("%d %s%s", code, stdout, stderr)
	}
	// The last line of the note was cut by a power cut: that one is sent again.
	outcomes, err := os.ReadFile(file + ".outcomes")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".outcomes", outcomes[:len(outcomes)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = run(t.Context(), "rescue", file)
	if code != exitDone || strings.Contains(stdout, "#1 ") || !strings.Contains(stdout, "#2 ") || !strings.Contains(stdout, "Forwarded 5,") {
		t.Fatalf("%d %s%s", code, stdout, stderr)
	}
	code, stdout, _ = run(t.Context(), "rescue", file)
	if code != exitDone || strings.Contains(stdout, "#") || !strings.Contains(stdout, "Forwarded 5,") {
		t.Fatalf("%d %s", code, stdout)
	}
	if n := len(b.Reader.Rescued()); n != 6 {
		t.Errorf("%d sent", n)
	}
}

// Without internet it stops before it has asked for every payment in vain, and
// what the bank declines is said.
func TestRescueTellsTheTruth(t *testing.T) {
	s, run := till(t)
	file := filepath.Join(t.TempDir(), "other.export")
	var payments []exportPayment
	for n := range uint64(20) {
		payments = append(payments, waiting(n+1))
	}
	if err := os.WriteFile(file, []byte(strings.Join(exportOf("tmr_other", payments...), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Reader.SetOffline(true)
	code, stdout, stderr := run(t.Context(), "rescue", file)
	if code != exitUnknown || strings.Count(stdout, "#") != maxLost*wire.MaxRescued || !strings.Contains(stdout, "not known yet 20.") || !strings.Contains(stderr, "run the same command again") {
		t.Fatalf("%d %s%s", code, stdout, stderr)
	}
	s.Reader.SetOffline(false)
	s.Reader.DeclineNext("insufficient_funds")
	code, stdout, _ = run(t.Context(), "rescue", file)
	if code != exitRefused || !strings.Contains(stdout, "declined as pi_r_pl_1: DECLINED_BY_STRIPE_API: the issuer declined (insufficient_funds)") || !strings.Contains(stdout, "Forwarded 19, declined by the bank 1,") {
		t.Fatalf("%d %s", code, stdout)
	}
}

// A POS that has another reader send a rescue goes on at its own reader.
func TestRescueIsAVisit(t *testing.T) {
	own, other := openShop(t, nil), openShop(t, nil)
	dir := t.TempDir()
	pos, file, ca := filepath.Join(dir, "pos"), filepath.Join(dir, "shop.ledger"), filepath.Join(dir, "ca.pem")
	own.pos(t, pos)
	export := strings.Join(exportOf("tmr_other", waiting(1)), "\n")
	if err := errors.Join(os.WriteFile(file, []byte(export), 0o600), os.WriteFile(ca, other.CA.PEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	a := &app{stdout: &out, stderr: &errs}
	if code := a.main(t.Context(), []string{"rescue", file, "-state", pos, "-reader", other.URL, "-ca", ca, "-backend", other.backend.URL}); code != exitDone {
		t.Fatalf("%d %s%s", code, &out, &errs)
	}
	s := new(state)
	if _, err := a.load(stateFile, s); err != nil || s.Reader != own.URL {
		t.Errorf("the POS is at %s, %v; it was at %s", s.Reader, err, own.URL)
	}
}
