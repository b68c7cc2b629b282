package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// runner is one POS program in this process, with a state folder of its own.
type runner func(ctx context.Context, args ...string) (code int, stdout, stderr string)

// openShop serves a reader whose collects wait for a card. wrap may stand
// between it and the POSes; nil is allowed.
func openShop(t *testing.T, wrap func(*lantest.Reader) lan.Reader) *shop {
	t.Helper()
	reader := lantest.NewReader()
	reader.Hold = true
	s := &shop{Bench: lantest.Start(t, reader, func(o *lan.Options) {
		if wrap != nil {
			o.Reader = wrap(reader)
		}
	})}
	s.backend = httptest.NewServer(s)
	t.Cleanup(s.backend.Close)
	return s
}

// pos is a POS that is connected. Its state is in dir.
func (s *shop) pos(t *testing.T, dir string) runner {
	t.Helper()
	run := func(ctx context.Context, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		a := &app{stdout: &out, stderr: &errs}
		code := a.main(ctx, append(args, "-state", dir, "-reader", s.URL, "-backend", s.backend.URL))
		return code, out.String(), errs.String()
	}
	if code, _, stderr := run(t.Context(), "connect"); code != exitDone {
		t.Fatal(stderr)
	}
	return run
}

// till is a shop with one POS.
func till(t *testing.T) (*shop, runner) {
	t.Helper()
	s := openShop(t, nil)
	return s, s.pos(t, filepath.Join(t.TempDir(), "pos"))
}

func TestCtrlCCancels(t *testing.T) {
	s, run := till(t)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		for s.Reader.Running() == 0 {
			if t.Context().Err() != nil {
				return
			}
		}
		interrupt()
	}()
	code, stdout, stderr := run(ctx, "pay", "12.50", "usd")
	if code != exitRefused || !strings.Contains(stdout, "Not taken: 12.50 USD. Nothing was charged. CANCELED") || !strings.Contains(stderr, "pos pay -resume") {
		t.Fatalf("%d\n%s\n%s", code, stdout, stderr)
	}
}

// The reader dies while it has the payment: the outcome is unknown, and the POS
// says so and remembers.
func TestLostReaderIsUnknown(t *testing.T) {
	s, run := till(t)
	go func() {
		for s.Reader.Running() == 0 {
			if t.Context().Err() != nil {
				return
			}
		}
		s.Stop()
	}()
	code, stdout, _ := run(t.Context(), "pay", "12.50", "usd", "-json")
	if code != exitUnknown || !strings.Contains(stdout, `"outcome":"unknown"`) {
		t.Fatalf("%d %s", code, stdout)
	}
	code, _, stderr := run(t.Context(), "pay", "1", "usd")
	if code != exitUnknown || !strings.Contains(stderr, "pos pay -resume") {
		t.Fatalf("%d %s", code, stderr)
	}
}

func TestOutcomes(t *testing.T) {
	stored := func(state string) wire.PaymentIntent {
		return wire.PaymentIntent{Status: wire.StatusSucceeded, OfflineDetails: &wire.OfflineDetails{State: state}}
	}
	declined := wire.NewError(wire.CodeDeclined, "")
	inUse := wire.NewError(wire.CodeReaderInUse, "")
	for name, test := range map[string]struct {
		pi    wire.PaymentIntent
		err   error
		again bool // the answer to a repeated request
		want  string
	}{
		"taken over":                {err: inUse, want: outcomeRefused},
		"taken over, again":         {err: inUse, again: true, want: outcomeUnknown},
		"not connected, again":      {err: wire.NewError(wire.CodeNotConnectedToReader, ""), again: true, want: outcomeUnknown},
		"other body, again":         {err: wire.NewError(wire.CodeIdempotencyMismatch, ""), again: true, want: outcomeUnknown},
		"too many, again":           {err: wire.NewError(wire.CodeTooManyRequests, ""), again: true, want: outcomeUnknown},
		"busy, again":               {err: wire.NewError(wire.CodeReaderBusy, ""), again: true, want: outcomeUnknown},
		"no such payment, again":    {err: wire.NewError(wire.CodePaymentIntentNotFound, ""), again: true, want: outcomeUnknown},
		"canceled, again":           {err: wire.NewError(wire.CodeCanceled, "").WithPaymentIntent(wire.PaymentIntent{Status: wire.StatusRequiresPaymentMethod}), again: true, want: outcomeRefused},
		"declined, again":           {err: declined.WithPaymentIntent(wire.PaymentIntent{Status: wire.StatusRequiresPaymentMethod}), again: true, want: outcomeDeclined},
		"refused, for it is paid":   {err: wire.NewError(wire.CodeUnexpectedOperation, "").WithPaymentIntent(wire.PaymentIntent{Status: wire.StatusSucceeded}), want: outcomeApproved},
		"refused, for it is stored": {err: wire.NewError(wire.CodeUnexpectedOperation, "").WithPaymentIntent(stored(wire.OfflineStored)), want: outcomeStored},
		"key of another payment":    {err: wire.NewError(wire.CodeIdempotencyMismatch, "").WithPaymentIntent(wire.PaymentIntent{Status: wire.StatusSucceeded}), want: outcomeRefused},
		"lost before it was sent":   {err: &unchargedError{client.ErrLost}, want: outcomeRefused},
		"online":                    {pi: wire.PaymentIntent{Status: wire.StatusSucceeded}, want: outcomeApproved},
		"manual":                    {pi: wire.PaymentIntent{Status: wire.StatusRequiresCapture}, want: outcomeApproved},
		"stored":                    {pi: stored(wire.OfflineStored), want: outcomeStored},
		"sending":                   {pi: stored(wire.OfflineSending), want: outcomeStored},
		"answer lost":               {pi: stored(wire.OfflineUnknown), want: outcomeStored},
		"forwarded":                 {pi: stored(wire.OfflineForwarded), want: outcomeApproved},
		"forward declined":          {pi: stored(wire.OfflineDeclined), want: outcomeDeclined},
		"failed":                    {pi: stored(wire.OfflineFailed), want: outcomeRefused},
		"interrupted":               {pi: stored(wire.OfflineInterrupted), want: outcomeRefused},
		"declined":                  {err: declined, want: outcomeDeclined},
		"canceled":                  {err: wire.NewError(wire.CodeCanceled, ""), want: outcomeRefused},
		"busy":                      {err: wire.NewError(wire.CodeReaderBusy, ""), want: outcomeRefused},
		"over the limit":            {err: wire.NewError(wire.CodeAmountExceedsOffline, ""), want: outcomeRefused},
		"timeout":                   {err: wire.NewError(wire.CodeRequestTimedOut, ""), want: outcomeUnknown},
		"reader failed":             {err: wire.NewError(wire.CodeGenericReaderError, ""), want: outcomeUnknown},
		"socket lost":               {err: client.ErrLost, want: outcomeUnknown},
		"anything else":             {err: errors.New("x"), want: outcomeUnknown},
		"in between":                {pi: wire.PaymentIntent{Status: wire.StatusProcessing}, want: outcomeUnknown},
	} {
		if got := judge(test.pi, test.err, test.again); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	for _, state := range []string{wire.OfflineStored, wire.OfflineSending, wire.OfflineUnknown, wire.OfflineDeclined, wire.OfflineFailed, wire.OfflineInterrupted} {
		if s := sentence(stored(state)); strings.Contains(s, "Approved") || strings.Contains(s, "accepted by the platform") {
			t.Errorf("%s is told as %q", state, s)
		}
	}
}

// Nobody came with a card: the reader must not go on asking for one that nobody
// would be told of.
func TestWaitEndsWithACancel(t *testing.T) {
	s, run := till(t)
	code, stdout, stderr := run(t.Context(), "pay", "12.50", "usd", "-wait", "200ms")
	if code != exitRefused || !strings.Contains(stdout, "Nothing was charged. CANCELED") || !strings.Contains(stderr, "Waited for 200ms; canceling.") {
		t.Errorf("%d\n%s\n%s", code, stdout, stderr)
	}
	if n := s.Reader.Running(); n != 0 {
		t.Errorf("%d payments still run", n)
	}
}

// What happened before the outcome is not told after it.
func TestProgressEndsWithTheOutcome(t *testing.T) {
	var said bytes.Buffer
	a := &app{stderr: &said}
	inserted := wire.Event{Type: wire.EventReaderEvent, ReaderEvent: wire.ReaderCardInserted}
	if err := a.progress(inserted); err != nil || said.String() != "Card inserted.\n" {
		t.Errorf("%q, %v", &said, err)
	}
	a.over.Store(true)
	if err := a.progress(inserted); err != nil || said.String() != "Card inserted.\n" {
		t.Errorf("afterwards %q, %v", &said, err)
	}
}

// A cashier can help with whatever the cardholder is asked to do.
func TestProgressOfATap(t *testing.T) {
	var said bytes.Buffer
	a := &app{stderr: &said}
	for _, c := range []struct {
		event wire.Event
		want  string
	}{
		{wire.Event{Type: wire.EventReaderEvent, ReaderEvent: wire.ReaderCardTapped}, "Card tapped."},
		{wire.Event{Type: wire.EventDisplayMessage, DisplayMessage: wire.DisplayInsertCard}, "to be inserted"},
		{wire.Event{Type: wire.EventDisplayMessage, DisplayMessage: wire.DisplayCheckMobileDevice}, "phone"},
		{wire.Event{Type: wire.EventDisplayMessage, DisplayMessage: wire.DisplayMultipleCards}, "only one"},
		{wire.Event{Type: wire.EventDisplayMessage, DisplayMessage: wire.DisplayRemovedTooEarly}, "tapped again"},
		{wire.Event{Type: wire.EventDisplayMessage, DisplayMessage: wire.DisplayRetryCard}, "presented again"},
		{wire.Event{Type: wire.EventDisplayMessage, DisplayMessage: "swipeCard"}, "shows: swipeCard"},
	} {
		said.Reset()
		if err := a.progress(c.event); err != nil || !strings.Contains(said.String(), c.want) || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("%+v: %q, %v", c.event, &said, err)
		}
		if text := eventText(c.event); c.event.Type == wire.EventDisplayMessage && !strings.Contains(text, c.want) {
			t.Errorf("watched: %q", text)
		}
	}
}

func TestRefusalsAreToldOnce(t *testing.T) {
	tip := int64(150)
	for want, test := range map[string]struct {
		pi  wire.PaymentIntent
		err *wire.Error
	}{
		"Declined: 10.00 USD. Nothing was charged. DECLINED_BY_STRIPE_API: The card was declined: lost_card.\n": {
			err: &wire.Error{Code: wire.CodeDeclined, Message: "The card was declined: lost_card.", DeclineCode: "lost_card"}},
		"Declined: 10.00 USD. Nothing was charged. DECLINED_BY_STRIPE_API: the issuer declined (lost_card).\n": {
			err: &wire.Error{Code: wire.CodeDeclined, Message: "the issuer declined", DeclineCode: "lost_card"}},
		"Declined: 12.50 USD with a tip of 2.50 USD. Nothing was charged. DECLINED_BY_STRIPE_API: no.\n": {
			pi: wire.PaymentIntent{LocalID: "pl_1", Amount: 1250, Currency: "usd", OfflineDetails: &wire.OfflineDetails{
				AmountDetails: &wire.AmountDetails{Tip: &wire.Tip{Amount: 250}}}},
			err: &wire.Error{Code: wire.CodeDeclined, Message: "no"}},
		"Declined: 11.50 USD with a tip of 1.50 USD. Nothing was charged. DECLINED_BY_STRIPE_API: no.\n": {
			pi:  wire.PaymentIntent{LocalID: "pl_1", Amount: 1150, AmountTip: &tip, Currency: "usd"},
			err: &wire.Error{Code: wire.CodeDeclined, Message: "no"}},
	} {
		var stdout, stderr bytes.Buffer
		a := &app{stdout: &stdout, stderr: &stderr}
		p := &pending{Create: wire.CreatePaymentIntentParams{Amount: 1000, Currency: "usd"}}
		if err := a.tellOutcome(p, test.pi, outcomeDeclined, test.err); !errors.Is(err, errSaid(exitRefused)) || stdout.String() != want {
			t.Errorf("%v\n%swant\n%s", err, &stdout, want)
		}
	}
}
