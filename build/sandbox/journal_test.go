package sandbox

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/firmware/platform"
)

func stateFile(dir string) string { return filepath.Join(dir, "state.jsonl") }

func readState(t *testing.T, p *shop) []byte {
	t.Helper()
	data, err := os.ReadFile(stateFile(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeState(t *testing.T, p *shop, data []byte) {
	t.Helper()
	if err := os.WriteFile(stateFile(p.dir), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRestartKeepsEverything(t *testing.T) {
	p := openShop(t)
	p.pay("visa", 1000).authorize()
	p.pay("declined-generic", 1000).authorize()
	p.pay("visa", 1000).reverse()
	p.must("POST", "/v1/payment_intents", "amount=5&currency=usd", "Idempotency-Key", "k")
	p.token(nil)
	spki, err := x509.MarshalPKIXPublicKey(newKey(t).Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Redeem(t.Context(), platform.RedeemRequest{ConnectionToken: p.token(nil), POSID: "pos-1", POSPublicKey: spki}); err != nil {
		t.Fatal(err)
	}
	if err := p.s.RevokePOS("pos-1"); err != nil {
		t.Fatal(err)
	}
	if err := p.s.LoseNextAnswer(); err != nil {
		t.Fatal(err)
	}
	before, status := p.s.state, p.s.Status()
	ca := p.s.CAPEM()
	p.restart()
	if !reflect.DeepEqual(before, p.s.state) {
		t.Errorf("state differs:\n%+v\n%+v", before, p.s.state)
	}
	if !reflect.DeepEqual(status, p.s.Status()) || !status.LoseNextAnswer {
		t.Errorf("status differs:\n%+v\n%+v", status, p.s.Status())
	}
	if !bytes.Equal(ca, p.s.CAPEM()) {
		t.Error("another CA")
	}
	// The certificate from before still works.
	if _, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{}); err != nil {
		t.Error(err)
	}
}

func TestTornLastLineIsDropped(t *testing.T) {
	p := openShop(t)
	p.pay("visa", 1000).authorize()
	want := p.s.Totals()
	p.stop()
	whole := readState(t, p)
	for _, torn := range []string{"{", `{"n":99,"sum":0,"atMs":1,"put":[]}`, "\x00\x00\x00"} {
		writeState(t, p, append(bytes.Clone(whole), torn...))
		p.start()
		if got := p.s.Totals(); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, not %+v", got, want)
		}
		p.stop()
		if !bytes.Equal(readState(t, p), whole) {
			t.Errorf("%q was not cut off", torn)
		}
	}
	// Cut inside the last line: its change is gone, the rest is not.
	writeState(t, p, whole[:len(whole)-1])
	p.start()
	if got := p.s.Totals(); got.Submissions != 0 || len(p.s.Status().Readers) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestDamageIsAnErrorWithItsPlace(t *testing.T) {
	p := openShop(t)
	p.pay("visa", 1000).authorize()
	p.stop()
	whole := readState(t, p)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	last := len(lines) - 1 // SplitAfter leaves an empty one at the end
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	for name, test := range map[string]struct {
		data []byte
		line int
	}{
		"first line missing":  {join(lines[1:]...), 1},
		"middle line missing": {join(append(append([][]byte{}, lines[:1]...), lines[2:]...)...), 2},
		"line repeated":       {join(lines[0], lines[0]), 2},
		"digit changed":       {bytes.Replace(whole, []byte(`"amount":1000`), []byte(`"amount":1001`), 1), last},
		"garbage":             {join(lines[0], []byte("garbage\n"), lines[1]), 2},
		"zeros":               {join(lines[0], make([]byte, 40), []byte("\n")), 2},
	} {
		t.Run(name, func(t *testing.T) {
			writeState(t, p, test.data)
			_, err := New(Options{Dir: p.dir})
			place := fmt.Sprintf("state.jsonl:%d:", test.line)
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), place) {
				t.Errorf("got %v, want %s", err, place)
			}
			if !bytes.Equal(readState(t, p), test.data) {
				t.Error("the damaged file was changed")
			}
		})
	}
}

// TestLostFilesAreNotReplaced: never an empty platform in place of a lost one.
func TestLostFilesAreNotReplaced(t *testing.T) {
	p := openShop(t)
	p.stop()
	whole := readState(t, p)
	if err := os.Remove(stateFile(p.dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Dir: p.dir}); !errors.Is(err, ErrDamaged) {
		t.Errorf("without state: %v", err)
	}
	writeState(t, p, whole)
	if err := os.Rename(filepath.Join(p.dir, "keys"), filepath.Join(p.dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Dir: p.dir}); !errors.Is(err, ErrDamaged) {
		t.Errorf("without keys: %v", err)
	}
}

// TestFirstStartMayBeCutOff: between its two steps, and inside the second.
func TestFirstStartMayBeCutOff(t *testing.T) {
	dir := t.TempDir()
	s, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "keys"), filepath.Join(dir, "keys.partial")); err != nil {
		t.Fatal(err)
	}
	if s, err = New(Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFolderIsHeldByOne(t *testing.T) {
	p := openShop(t)
	if _, err := New(Options{Dir: p.dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreForTheOwnerOnly(t *testing.T) {
	p := openShop(t)
	for _, name := range []string{"state.jsonl", "keys/ca.key", "keys/signing.key", "keys/seal.key"} {
		info, err := os.Stat(filepath.Join(p.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestClosedTakesNothing(t *testing.T) {
	p := openShop(t)
	p.stop()
	if err := p.s.LoseNextAnswer(); err == nil {
		t.Error("written after Close")
	}
	if p.s.Status().LoseNextAnswer {
		t.Error("in memory and not on disk")
	}
}

// TestUnwritableStateAnswersNothing: what is not on disk is not told.
func TestUnwritableStateAnswersNothing(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1000)
	file := p.s.journal.file
	readOnly, err := os.Open(stateFile(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	p.s.journal.file = readOnly
	var u *platform.Unreachable
	if _, err := p.client.Authorize(t.Context(), y.sealed()); !errors.As(err, &u) || u.Kind != platform.KindServer || !u.Sent {
		t.Errorf("got %v", err)
	}
	p.s.journal.file = file
	if err := p.s.LoseNextAnswer(); err == nil {
		t.Error("the end of the file is unknown, yet it is written on")
	}
	if got := p.s.Totals(); got.Submissions != 0 || got.Approved.Count != 0 {
		t.Errorf("%+v", got)
	}
	p.restart()
	if v := y.authorize(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
}

func TestUnusableOptions(t *testing.T) {
	for name, opts := range map[string]Options{
		"no folder":    {},
		"country only": {Dir: t.TempDir(), Country: "DE"},
		"bad currency": {Dir: t.TempDir(), Country: "DE", Currency: "EUR"},
		"bad limit":    {Dir: t.TempDir(), OfflineLimits: []platform.OfflineLimit{{Currency: "usd", MaxAmount: -1}}},
		"no terminal":  {Dir: t.TempDir(), Terminal: new(emvkernel.Config)},
	} {
		if s, err := New(opts); err == nil {
			s.Close()
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Run(t.Context()); err == nil {
		t.Error("ran without listeners")
	}
}

func FuzzReplay(f *testing.F) {
	good, err := encodeLine(1, 5, []object{
		account{ID: "acct_1"}, intent{PaymentIntent: platform.PaymentIntent{ID: "pi_1", ClientSecret: "s"}}, alias{Name: "key.k", IntentID: "pi_1"},
	})
	if err != nil {
		f.Fatal(err)
	}
	second, err := encodeLine(2, 6, []object{charge{ID: "ch_1", Approved: true, Amount: 5, Currency: "usd"}, settings{UpdatedAtMs: 4}, refund{ID: "re_1", Amount: 2}, forgetting{BeforeMs: 3}, authorization{NaturalKey: "a.1.0001.0000000000000000", Verdict: []byte(`{}`)}})
	if err != nil {
		f.Fatal(err)
	}
	told, err := encodeLine(2, 7, []object{
		endpoint{ID: "we_1", URL: "http://127.0.0.1:9", Events: []string{"*"}},
		event{ID: "evt_1", Type: "charge.succeeded", Sequence: 1, CreatedAtMs: 7, Object: []byte(`{}`)},
		delivery{EventID: "evt_1", EndpointID: "we_1", Sequence: 1, AtMs: 7, Attempts: 1, Error: "it answered 500"},
		delivery{EventID: "evt_1", EndpointID: "we_1", Sequence: 1, AtMs: 8, Delivered: true},
		event{ID: "evt_2", Type: "charge.failed", Sequence: 2, CreatedAtMs: 7 + eventLifeMs, Object: []byte(`{}`)},
		endpoint{ID: "we_1", Deleted: true},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(bytes.Clone(good), second...))
	f.Add(append(bytes.Clone(good), told...))
	f.Add(append(bytes.Clone(good), second[:20]...))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"n":1,"sum":4083480951,"put":[{"kind":"faults","value":{}}]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newState()
		n, length, err := replayLines("state", data, s)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if length > len(data) || uint64(bytes.Count(data[:length], []byte("\n"))) != n {
			t.Fatalf("%d lines in %d bytes", n, length)
		}
		again := newState()
		if m, _, err := replayLines("state", data[:length], again); err != nil || m != n || !reflect.DeepEqual(s, again) {
			t.Fatalf("not stable: %d %v", m, err)
		}
	})
}
