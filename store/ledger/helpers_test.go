package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smartreader/store"
	"smartreader/store/seal"
)

var clockTime = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

// shop is a reader's store with some payments in it.
type shop struct {
	*store.Store
	dir     string
	device  *ecdsa.PrivateKey
	sealing seal.PrivateKey
}

func newShop(t *testing.T) *shop {
	t.Helper()
	device, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := seal.NewKey("test")
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{dir: t.TempDir(), device: device, sealing: sealing}
	s.Store, err = store.Open(t.Context(), store.Options{Dir: s.dir, Signer: device, Now: func() time.Time { return clockTime }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// take stores payment n, with a card of its own or a given one.
func (s *shop) take(t *testing.T, n int, last4 string, change func(*store.Payment)) store.Payment {
	t.Helper()
	p := store.Payment{
		LocalID: fmt.Sprintf("pl_%032x", n), State: store.Created, Key: fmt.Sprint("key", n), POS: "pos-1",
		Amount: int64(1000 + n), Currency: "usd", Metadata: map[string]string{"order": fmt.Sprint(n)},
	}
	if change != nil {
		change(&p)
	}
	p = s.step(t, p, store.Created)
	p = s.step(t, p, store.Collecting)
	p.Card = &store.Card{Brand: "visa", Last4: last4, ReadMethod: "contact_emv", ExpMonth: 12, ExpYear: 2030}
	p = s.step(t, p, store.Collected)
	p.State = store.Stored
	p, err := s.Commit(t.Context(), store.Change{Payment: p, Seal: func(sequence uint64) ([]byte, string, error) {
		h := seal.Header{
			Version: seal.HeaderVersion, ReaderID: "tmr_1", LocalID: p.LocalID, Key: p.Key, Sequence: sequence,
			Amount: p.Amount, Currency: p.Currency, ATC: "0007", Cryptogram: "A1B2",
		}
		b, err := h.Bytes()
		if err != nil {
			return nil, "", err
		}
		envelope, err := s.sealing.Public().Seal(b, []byte("card"))
		return envelope, h.NaturalKey(), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *shop) step(t *testing.T, p store.Payment, next store.State) store.Payment {
	t.Helper()
	p.State = next
	p, err := s.Commit(t.Context(), store.Change{Payment: p})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// export writes an export file.
func (s *shop) export(t *testing.T, purpose string) string {
	t.Helper()
	if purpose == "rescue" {
		if _, _, err := s.Rescue(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
	}
	cursor, _, _, err := s.BeginExport(t.Context(), "tmr_1", purpose)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for cursor != "" {
		var lines [][]byte
		if lines, cursor, err = s.ExportPage(t.Context(), cursor, 8<<10); err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			text.Write(append(line, '\n'))
		}
	}
	return write(t, "export", text.Bytes())
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func keyFile(t *testing.T, key *ecdsa.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// runner runs the command and keeps what it said; it never really sleeps.
type runner struct {
	out, err bytes.Buffer
	slept    []time.Duration
}

func (r *runner) run(t *testing.T, args ...string) int {
	t.Helper()
	r.out.Reset()
	r.err.Reset()
	a := &app{
		stdout: &r.out, stderr: &r.err, now: func() time.Time { return clockTime }, jitter: func() float64 { return 1 },
		sleep: func(ctx context.Context, d time.Duration) error { r.slept = append(r.slept, d); return ctx.Err() },
	}
	return a.main(t.Context(), args)
}
