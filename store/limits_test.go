package store

import (
	"errors"
	"testing"
)

// Invariant 11: below the floor of free space new payments are refused with
// the reason, and what is stored is still forwarded.
func TestRefusesWhenTheDiskIsNearlyFull(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	stored := walkTo(t, s, newPayment(1), Created, Collecting, Collected, Stored)
	begun := walkTo(t, s, newPayment(2), Created)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	options := testOptions(dir)
	options.MinFreeBytes = 1 << 60 // as if nearly everything were taken
	s, err := Open(background, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var refusal *Refusal
	if _, err := tryWalk(s, newPayment(3), Created); !errors.As(err, &refusal) || refusal.Reason != RefusedDisk || refusal.Detail == "" {
		t.Errorf("a new payment: got %v", err)
	}
	if _, err := tryWalk(s, begun, Collecting); !errors.Is(err, ErrRefused) {
		t.Errorf("collecting: got %v", err)
	}
	if h := s.Health(); h.RefusePayments != RefusedDisk || h.Damaged || h.FreeBytes <= 0 {
		t.Errorf("health: %+v", h)
	}
	if p := walkTo(t, s, stored, Sending, Forwarded); p.State != Forwarded {
		t.Errorf("forwarding ended in %s", p.State)
	}
}

// Invariant 2: one key, one payment, for ever.
func TestKeyBelongsToOnePayment(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	first := walkTo(t, s, newPayment(1), Created, Canceled)
	second := newPayment(2)
	second.Key = first.Key
	if _, err := tryWalk(s, second, Created); !errors.Is(err, ErrKeyUsed) {
		t.Errorf("got %v, want ErrKeyUsed", err)
	}
	if found, err := s.ByKey(first.Key); err != nil || found.LocalID != first.LocalID {
		t.Errorf("ByKey: %v, %v", found.LocalID, err)
	}
	if _, err := s.ByKey("never used"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unused key: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tryWalk(openDir(t, dir), second, Created); !errors.Is(err, ErrKeyUsed) {
		t.Errorf("after reopening: got %v, want ErrKeyUsed", err)
	}
}
