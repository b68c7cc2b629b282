package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/lan"
	"smartreader/lan/wire"
)

// While pay runs it gives the reader connection tokens, and keeps a credential
// that the reader renews meanwhile.
func TestPayProvidesTokens(t *testing.T) {
	s, b, dir, run := bentShop(t)
	b.Hold = false
	renewed := &wire.Credential{Payload: []byte("newer"), Signature: []byte("s")}
	b.process = func(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
		token, err := s.Server.FetchConnectionToken(ctx, c.POSID, wire.TokenForConnect)
		if err != nil || !strings.HasPrefix(token, "pst_") {
			t.Errorf("%q, %v", token, err)
		}
		if !p.Options.SkipTipping || !p.Options.UpdatePaymentIntent || p.Options.OfflineLimits.MaxAmount != 2000 {
			t.Errorf("options %+v", p.Options)
		}
		s.Server.Tell(c.POSID, wire.Event{Type: wire.EventCredentialRenewed, Credential: renewed, ExpiresAtMs: 4102444800001})
		return b.Reader.ProcessPaymentIntent(ctx, c, p)
	}
	code, stdout, stderr := run(t.Context(), "pay", "12.50", "usd", "-skip-tipping", "-inspect", "-offline-max", "20")
	if code != exitDone {
		t.Fatalf("%d %s%s", code, stdout, stderr)
	}
	kept := new(state)
	a := &app{common: common{state: dir}}
	if _, err := a.load(stateFile, kept); err != nil || string(kept.Credential.Payload) != "newer" || kept.ExpiresAtMs != 4102444800001 {
		t.Errorf("%+v, %v", kept, err)
	}
	if kept.LastPayment == "" {
		t.Error("keeping the credential lost the last payment")
	}
}

// A repeated request is the same request: its options are noted with it.
func TestResumeRepeatsTheOptions(t *testing.T) {
	_, b, _, run := bentShop(t)
	b.Hold = false
	var seen []wire.CollectOptions
	b.process = func(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
		if seen = append(seen, p.Options); len(seen) == 1 {
			return wire.PaymentIntentResult{}, wire.NewError(wire.CodeGenericReaderError, "")
		}
		return b.Reader.ProcessPaymentIntent(ctx, c, p)
	}
	if code, _, stderr := run(t.Context(), "pay", "12.50", "usd", "-skip-tipping", "-offline-max", "15"); code != exitUnknown {
		t.Fatal(code, stderr)
	}
	if code, _, stderr := run(t.Context(), "pay", "-resume"); code != exitDone || len(seen) != 2 || seen[0] != seen[1] || seen[1].OfflineLimits.MaxAmount != 1500 {
		t.Fatalf("%d %s %+v", code, stderr, seen)
	}
}

// A failed export leaves no file under its name; with -rescue what there is of it
// is kept, because payments may have been handed over.
func TestFailedExport(t *testing.T) {
	for _, rescue := range []bool{false, true} {
		s, run := till(t)
		s.Reader.SetExport([]string{"a"}, nil, []string{"c"})
		file := filepath.Join(t.TempDir(), "ledger.export")
		args := []string{"export", "-o", file}
		if rescue {
			args = append(args, "-rescue")
		}
		code, _, stderr := run(t.Context(), args...)
		if code == exitDone || exists(t, file) || exists(t, file+".part") != rescue || strings.Contains(stderr, "export again with -rescue") != rescue {
			t.Errorf("rescue %t: %d %s", rescue, code, stderr)
		}
	}
}

func TestNewEventsAreTold(t *testing.T) {
	for _, test := range []struct {
		event wire.Event
		want  string
	}{
		{wire.Event{Type: wire.EventUpdateAvailable, Update: &wire.ReaderUpdate{DeviceSoftwareVersion: "2.1", EstimatedUpdateTime: wire.Update2To5Minutes}}, "new software 2.1 for the reader; it takes 2 to 5 minutes"},
		{wire.Event{Type: wire.EventCredentialRenewed, ExpiresAtMs: 4102444800000}, "this POS can connect without internet until "},
		{wire.Event{Type: wire.EventConnectionLost, Reason: wire.LostExpired}, "connectionLost: sessionExpired"},
		{wire.Event{Type: wire.EventForwardingFailure, Error: wire.NewError(wire.CodeTokenErrorForwarding, "")}, "while forwarding: CONNECTION_TOKEN_PROVIDER_ERROR_WHILE_FORWARDING"},
	} {
		if got := eventText(test.event); !strings.HasPrefix(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
