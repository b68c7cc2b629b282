package store

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"smartreader/store/seal"
)

var (
	deviceKey  = mustKey()
	testClock  = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	background = context.Background()
)

func mustKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func deviceGenesis() seal.Hash {
	genesis, err := seal.Genesis(&deviceKey.PublicKey)
	if err != nil {
		panic(err)
	}
	return genesis
}

func testOptions(dir string) Options {
	return Options{Dir: dir, Signer: crypto.Signer(deviceKey), Now: func() time.Time { return testClock }}
}

// openDir opens a real store.
func openDir(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(background, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// openMachine opens a store over the model.
func openMachine(m *machine) (*Store, error) {
	return openMachineWith(m, &modelSpace{freeBytes: 1 << 40, reserve_: true})
}

func openMachineWith(m *machine, sp space) (*Store, error) {
	o, public, err := testOptions("model").withDefaults()
	if err != nil {
		return nil, err
	}
	return newStore(background, o, public, modelDisk{m}, &modelSlots{machine: m}, sp)
}

func freshMachine() *machine { return newMachine(head{hash: deviceGenesis()}) }

func openFresh(t testing.TB) (*Store, *machine) {
	t.Helper()
	m := freshMachine()
	s, err := openMachine(m)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func newPayment(n int) Payment {
	return Payment{
		LocalID: fmt.Sprintf("pl_%032x", n), State: Created, Key: fmt.Sprintf("key-%d", n),
		Amount: 1000 + int64(n), Currency: "usd", CaptureMethod: "automatic", OfflineBehavior: "prefer_online",
		Metadata: map[string]string{"order": fmt.Sprint(n)}, POS: "pos-1",
	}
}

// envelope stands in for a sealed payload.
func envelope(p Payment, sequence uint64) []byte {
	return fmt.Appendf(nil, "sealed %s %d %0200d", p.LocalID, sequence, 0)
}

// to makes the change that takes p to a state, with what that state needs.
func to(p Payment, next State) Change {
	c := Change{Payment: p, Reason: "test"}
	from := p.State
	c.Payment.State = next
	if from == Collected && (next == Authorizing || next == Stored) {
		c.Seal = func(sequence uint64) ([]byte, string, error) {
			return envelope(p, sequence), seal.NaturalKey("tmr_test", sequence, 7, []byte{0xA1, 0xB2, byte(sequence)}), nil
		}
	}
	if next == Reversing && p.After == "" {
		c.Payment.After = Interrupted
	}
	return c
}

// walkTo commits a payment through the given states.
func walkTo(t testing.TB, s *Store, p Payment, states ...State) Payment {
	t.Helper()
	p, err := tryWalk(s, p, states...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryWalk(s *Store, p Payment, states ...State) (Payment, error) {
	for _, next := range states {
		if p.Index == 0 {
			p.State = ""
		}
		var err error
		if p, err = s.Commit(background, to(p, next)); err != nil {
			return p, fmt.Errorf("to %s: %w", next, err)
		}
	}
	return p, nil
}

// take makes stored payment number n.
func take(t testing.TB, s *Store, n int) Payment {
	t.Helper()
	return walkTo(t, s, newPayment(n), Created, Collecting, Collected, Stored)
}

// mustVerify checks the whole journal, signatures included.
func mustVerify(t testing.TB, s *Store) seal.Report {
	t.Helper()
	report, err := s.Verify(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	return report
}
