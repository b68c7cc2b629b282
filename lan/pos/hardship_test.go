package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"smartreader/lan"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// bent is a reader that a test bends.
type bent struct {
	*lantest.Reader
	process func(context.Context, *lan.Caller, wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error)
	create  func(wire.CreatePaymentIntentParams)
	cancel  func() // after a cancel was answered
	connect func(context.Context) error
}

func (b *bent) Connect(ctx context.Context, c *lan.Caller, p wire.ConnectReaderParams) (wire.ConnectReaderResult, error) {
	if b.connect != nil {
		if err := b.connect(ctx); err != nil {
			return wire.ConnectReaderResult{}, err
		}
	}
	return b.Reader.Connect(ctx, c, p)
}

func (b *bent) ProcessPaymentIntent(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
	if b.process != nil {
		return b.process(ctx, c, p)
	}
	return b.Reader.ProcessPaymentIntent(ctx, c, p)
}

func (b *bent) CreatePaymentIntent(ctx context.Context, c *lan.Caller, p wire.CreatePaymentIntentParams) (wire.PaymentIntentResult, error) {
	if b.create != nil {
		b.create(p)
	}
	return b.Reader.CreatePaymentIntent(ctx, c, p)
}

func (b *bent) CancelCollectPaymentMethod(ctx context.Context, c *lan.Caller, p wire.CancelCollectPaymentMethodParams) (wire.CancelResult, error) {
	r, err := b.Reader.CancelCollectPaymentMethod(ctx, c, p)
	if b.cancel != nil {
		b.cancel()
	}
	return r, err
}

// bentShop is a shop with a reader that the test bends, and one POS.
func bentShop(t *testing.T) (*shop, *bent, string, runner) {
	t.Helper()
	b := new(bent)
	s := openShop(t, func(r *lantest.Reader) lan.Reader { b.Reader = r; return b })
	dir := filepath.Join(t.TempDir(), "pos")
	return s, b, dir, s.pos(t, dir)
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// A payment that is charged, and whose POS never heard of it, is not forgotten
// because the question about it was refused.
func TestRefusedQuestionKeepsThePayment(t *testing.T) {
	for _, code := range []wire.Code{
		wire.CodeReaderInUse, wire.CodeNotConnectedToReader, wire.CodeIdempotencyMismatch, wire.CodeTooManyRequests, wire.CodeReaderBusy,
	} {
		_, b, dir, run := bentShop(t)
		b.Hold = false
		var keys []string
		b.create = func(p wire.CreatePaymentIntentParams) { keys = append(keys, p.IdempotencyKey) }
		b.process = func(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
			if _, err := b.Reader.ProcessPaymentIntent(ctx, c, p); err != nil {
				t.Error(err)
			}
			return wire.PaymentIntentResult{}, wire.NewError(wire.CodeGenericReaderError, "") // the answer is lost
		}
		if got, _, stderr := run(t.Context(), "pay", "12.50", "usd"); got != exitUnknown {
			t.Fatalf("pay: %d %s", got, stderr)
		}
		b.process = func(context.Context, *lan.Caller, wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
			return wire.PaymentIntentResult{}, wire.NewError(code, "")
		}
		got, stdout, stderr := run(t.Context(), "pay", "-resume")
		if got != exitUnknown || !strings.Contains(stdout, "Not known yet") || !exists(t, filepath.Join(dir, pendingFile)) {
			t.Errorf("%s: %d %s%s", code, got, stdout, stderr)
		}
		b.process = nil
		if got, stdout, _ := run(t.Context(), "pay", "-resume"); got != exitDone || !strings.Contains(stdout, "Approved: 12.50 USD") {
			t.Errorf("%s, then asked again: %d %s", code, got, stdout)
		}
		if len(keys) != 1 || keys[0] == "" {
			t.Errorf("created with the keys %q", keys)
		}
	}
}

// The interrupted payment is known where it was sent, and nowhere else.
func TestResumeElsewhereChargesNothing(t *testing.T) {
	s, _, dir, run := bentShop(t)
	go func() {
		for s.Reader.Running() == 0 && t.Context().Err() == nil {
		}
		s.Stop()
	}()
	if code, stdout, _ := run(t.Context(), "pay", "12.50", "usd"); code != exitUnknown {
		t.Fatalf("%d %s", code, stdout)
	}
	if code, stdout, _ := run(t.Context(), "pay", "-resume"); code != exitUnknown || !strings.Contains(stdout, "may have gone through") {
		t.Errorf("while the reader is away: %d %s", code, stdout)
	}
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil { // another POS id from now on
		t.Fatal(err)
	}
	other := openShop(t, nil)
	created := atomic.Bool{}
	other.Reader.Notify = func() { created.Store(true) }
	resume := other.pos(t, dir)
	code, stdout, stderr := resume(t.Context(), "pay", "-resume")
	if code != exitUnknown || created.Load() || !exists(t, filepath.Join(dir, pendingFile)) || !strings.Contains(stderr, "was sent to reader") {
		t.Errorf("elsewhere: %d %s%s", code, stdout, stderr)
	}
}

// The same order, rung up twice, is one payment.
func TestSameKeyIsPaidOnce(t *testing.T) {
	_, b, _, run := bentShop(t)
	b.Hold = false
	asked := 0
	b.process = func(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
		asked++
		return b.Reader.ProcessPaymentIntent(ctx, c, p)
	}
	for range 2 {
		code, stdout, stderr := run(t.Context(), "pay", "12.50", "usd", "-key", "order-17")
		if code != exitDone || !strings.Contains(stdout, "Approved: 12.50 USD, visa **** 4242. pi_1\n") {
			t.Fatalf("%d %s%s", code, stdout, stderr)
		}
	}
	if asked != 1 {
		t.Errorf("a card was asked for %d times", asked)
	}
	code, stdout, stderr := run(t.Context(), "pay", "13", "usd", "-key", "order-17")
	if code != exitRefused || !strings.Contains(stdout, "Not taken: 13.00 USD") {
		t.Errorf("another amount under the key: %d %s%s", code, stdout, stderr)
	}
}

// While one pay runs, a second one in the same state folder does not begin.
func TestOnePayAtATime(t *testing.T) {
	s, run := till(t)
	first := make(chan string, 1)
	go func() {
		_, stdout, _ := run(t.Context(), "pay", "12.50", "usd")
		first <- stdout
	}()
	for s.Reader.Running() == 0 && t.Context().Err() == nil {
	}
	if code, _, stderr := run(t.Context(), "pay", "12.50", "usd", "-abandon"); code != exitRefused || !strings.Contains(stderr, "another pos pay runs") {
		t.Errorf("second pay: %d %s", code, stderr)
	}
	if code, _, stderr := run(t.Context(), "pay", "-resume"); code != exitUnknown {
		t.Errorf("resume: %d %s", code, stderr)
	}
	if err := s.Reader.Present(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stdout := <-first; !strings.Contains(stdout, "Approved") {
		t.Errorf("first pay: %s", stdout)
	}
}

// Two commands that begin in an empty folder at once are one POS, and neither
// takes back what the other has written.
func TestStateIsSharedByCommands(t *testing.T) {
	a := &app{common: common{state: filepath.Join(t.TempDir(), "pos")}}
	type who struct {
		s   *state
		key any
		err error
	}
	both := make(chan who, 2)
	for range cap(both) {
		go func() {
			s, key, err := a.whoami()
			both <- who{s, key, err}
		}()
	}
	one, two := <-both, <-both
	if one.err != nil || two.err != nil || one.s.POSID != two.s.POSID {
		t.Fatalf("%+v, %+v", one, two)
	}
	if k, ok := one.key.(interface{ Equal(x any) bool }); ok && !k.Equal(two.key) {
		t.Error("two keys")
	}
	if err := a.keep(one.s, func(s *state) { s.LastPayment = "pl_1" }); err != nil {
		t.Fatal(err)
	}
	if err := a.keep(two.s, func(s *state) { s.ReaderID = "tmr_1" }); err != nil {
		t.Fatal(err)
	}
	now := new(state)
	if _, err := a.load(stateFile, now); err != nil || now.LastPayment != "pl_1" || now.ReaderID != "tmr_1" {
		t.Errorf("%+v, %v", now, err)
	}
}

// Looking does not take the reader from the till.
func TestLookingLeavesTheReader(t *testing.T) {
	s, run := till(t)
	office := s.pos(t, filepath.Join(t.TempDir(), "office"))
	if code, _, stderr := run(t.Context(), "connect"); code != exitDone { // take it back
		t.Fatal(stderr)
	}
	held := s.Server.Lease().POSID
	for _, args := range [][]string{{"status"}, {"list"}, {"watch", "-once"}, {"disconnect"}} {
		if code, _, stderr := office(t.Context(), args...); code != exitDone {
			t.Errorf("%s: %d %s", args, code, stderr)
		}
		if now := s.Server.Lease().POSID; now != held {
			t.Fatalf("%s took the reader", args)
		}
	}
	s.Reader.AddEvents(3)
	if code, stdout, stderr := office(t.Context(), "watch", "-once", "-json"); code != exitDone || strings.Count(stdout, `"seq"`) != 3 {
		t.Errorf("watch: %d %s%s", code, stdout, stderr)
	}
}

// An outcome is told also when it cannot be written down.
func TestOutcomeIsToldWithAFullDisk(t *testing.T) {
	_, b, dir, run := bentShop(t)
	b.Hold = false
	b.process = func(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil { // nothing can be written there now
			t.Error(err)
		}
		return b.Reader.ProcessPaymentIntent(ctx, c, p)
	}
	code, stdout, stderr := run(t.Context(), "pay", "12.50", "usd")
	if code != exitDone || !strings.Contains(stdout, "Approved: 12.50 USD") || !strings.Contains(stderr, "could not be written down") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
}

// A Ctrl-C that reaches the reader before the payment does still cancels it.
func TestEarlyCtrlCCancels(t *testing.T) {
	_, b, _, run := bentShop(t)
	ctx, interrupt := context.WithCancel(t.Context())
	canceled := make(chan struct{}, 100)
	b.cancel = func() { canceled <- struct{}{} }
	b.process = func(ctx context.Context, c *lan.Caller, p wire.ProcessPaymentIntentParams) (wire.PaymentIntentResult, error) {
		interrupt()
		<-canceled // it found nothing to cancel
		return b.Reader.ProcessPaymentIntent(ctx, c, p)
	}
	code, stdout, stderr := run(ctx, "pay", "12.50", "usd", "-wait", "1m")
	if code != exitRefused || !strings.Contains(stdout, "CANCELED") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
}

// What surely charged nothing is not called unknown.
func TestFailedBeforeItWasSentIsRefused(t *testing.T) {
	s, b, dir, run := bentShop(t)
	b.connect = func(context.Context) error { return errors.New("bug") } // the POS is told that the outcome is open
	code, _, stderr := run(t.Context(), "pay", "12.50", "usd")
	if code != exitRefused || exists(t, filepath.Join(dir, pendingFile)) {
		t.Errorf("%d %s", code, stderr)
	}
	b.connect = func(ctx context.Context) error { // the connection is lost
		go s.Stop()
		<-ctx.Done()
		return ctx.Err()
	}
	code, _, stderr = run(t.Context(), "pay", "12.50", "usd")
	if code != exitRefused || !strings.Contains(stderr, "nothing was charged") {
		t.Errorf("%d %s", code, stderr)
	}
}

// The secret key goes to the backend, over https or inside this machine, and
// nowhere else.
func TestSecretStaysOffTheWire(t *testing.T) {
	a := &app{common: common{backend: "http://backend.example", secret: "sk_test_x"}}
	if _, err := a.connectionToken(t.Context()); err == nil || !strings.Contains(err.Error(), "must be https") {
		t.Errorf("plain http to another machine: %v", err)
	}
	asked := atomic.Bool{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer elsewhere.Close()
	backend := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer backend.Close()
	a.backend = backend.URL
	if _, err := a.connectionToken(t.Context()); err == nil || asked.Load() {
		t.Errorf("followed a redirect: %v", err)
	}
}
