package reader_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/lan/wire"
)

// A11: a POS that the configuration revokes is put out at once, not when it
// connects the next time.
func TestRevokedPOSIsPutOut(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	credential := s.connect().Credential
	s.must(s.platform.RevokePOS(s.posID))
	s.await(func(e wire.Event) bool { return e.Type == wire.EventConnectionLost && e.Reason == wire.LostExpired })
	_, err := s.let(credential)
	refusedWith(t, "a revoked POS", err, wire.CodeMissingPrerequisite, 2873)
	s.posID = "till-2"
	s.connect()
	s.create(100, wire.PreferOnline)
}

// A9: a provider that fails is told to all POS once, not at every drain; a drain
// never waits for it.
func TestTokenTroubleIsToldOnce(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.tokens = func(context.Context, string) (string, error) { return "", errors.New("the backend is down") }
	s.connect()
	for range 3 {
		s.cut()
		s.pay(500, wire.PreferOnline, "visa")
		s.restore()
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
		s.connectAgain() // a POS that comes anew changes nothing about it
	}
	trouble := func(e wire.Event) bool { return e.Error != nil && e.Error.Code == wire.CodeTokenErrorForwarding }
	s.await(trouble)
	s.mu.Lock()
	defer s.mu.Unlock()
	told := map[uint64]bool{}
	for _, e := range s.events {
		if trouble(e) {
			told[e.Seq] = true
		}
	}
	if len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
}

// A8: only the POS that holds the reader can hand the ledger over; the ledger and
// every other POS learn who did it.
func TestRescueTellsWho(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	looking := s.till("till-2")
	s.cut()
	stored := s.pay(4400, wire.PreferOnline, "visa")
	_, err := looking.conn.Export(t.Context(), true, &bytes.Buffer{})
	refusedWith(t, "a POS that looks on", err, wire.CodeNotConnectedToReader, 1100)
	if pi := s.retrieve(stored.LocalID); !pi.OfflineDetails.RequiresUpload {
		t.Errorf("handed over by a POS that looks on: %+v", pi.OfflineDetails)
	}
	for { // again while an attempt to send it is under way
		exported, err := s.conn.Export(t.Context(), true, &bytes.Buffer{})
		s.must(err)
		if exported.Rescued == 1 {
			break
		}
		if exported.NotYet == 0 {
			t.Fatalf("handed over: %+v", exported)
		}
	}
	e := looking.await(func(e wire.Event) bool { return e.State == wire.OfflineRescued })
	if !strings.HasSuffix(e.Reason, "to till-1") {
		t.Errorf("told %q", e.Reason)
	}
	if history := s.retrieve(stored.LocalID).OfflineDetails.History; !strings.HasSuffix(history[len(history)-1].Reason, "to till-1") {
		t.Errorf("kept %+v", history)
	}
}
