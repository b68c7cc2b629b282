package reader_test

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/display"
	"smartreader/firmware/reader"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// fingers are a keypad, and know how often somebody began to wait for a key.
type fingers struct {
	keys chan hal.Key

	mu      sync.Mutex
	calls   int
	changed chan struct{}
}

func (f *fingers) Next(ctx context.Context) (hal.InputEvent, error) {
	f.mu.Lock()
	f.calls++
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	select {
	case key := <-f.keys:
		return hal.InputEvent{Key: key}, nil
	case <-ctx.Done():
		return hal.InputEvent{}, ctx.Err()
	}
}

// await returns once somebody waits for the nth time.
func (f *fingers) await(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		calls, changed := f.calls, f.changed
		f.mu.Unlock()
		if calls >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// asking is a shop whose cardholder is asked.
type asking struct {
	*shop
	fingers *fingers
}

func openAsking(t *testing.T, change ...func(*asking, *reader.Options)) *asking {
	t.Helper()
	a := &asking{shop: openShop(t), fingers: &fingers{keys: make(chan hal.Key), changed: make(chan struct{})}}
	a.must(a.open(func(o *reader.Options) {
		a.board.HAL.Input = a.fingers
		for _, f := range change {
			f(a, o)
		}
	}))
	a.connect()
	a.must(a.fingers.await(t.Context(), 1))
	return a
}

// begin processes a payment with a card until the cardholder is asked, and can
// answer.
func (a *asking) begin(card, cancellation string, question display.View) <-chan paying {
	a.Helper()
	pi := a.create(1250, wire.PreferOnline)
	a.insert(card)
	ended := make(chan paying, 1)
	go func() {
		paid, err := a.conn.ProcessPaymentIntent(a.Context(), wire.ProcessPaymentIntentParams{
			RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
			Options: wire.CollectOptions{CustomerCancellation: cancellation},
		})
		ended <- paying{pi.LocalID, paid, err}
	}()
	a.shows(question)
	ctx, stop := context.WithTimeout(a.Context(), time.Minute) // to say what is missing, not to wait
	defer stop()
	if err := a.fingers.await(ctx, 2); err != nil {
		a.Fatal("nobody waits for the cardholder's keys")
	}
	return ended
}

type paying struct {
	localID string
	paid    wire.PaymentIntent
	err     error
}

func (a *asking) press(keys ...hal.Key) {
	for _, k := range keys {
		a.fingers.keys <- k
	}
}

// shows waits until the screen shows a view of the sandbox's shop.
func (a *asking) shows(v display.View) {
	a.Helper()
	v.Merchant, v.Amount, v.Currency = "Sandbox shop", 1250, "usd"
	awaitFrame(a.T, a.board.Screen, display.Render(v, a.board.Screen.Bounds().Size()))
}

func awaitFrame(t *testing.T, s *sim.Screen, want *image.RGBA) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // to say what is missing, not to wait
	defer stop()
	for {
		revision := s.Revision()
		if slices.Equal(s.Frame().Pix, want.Pix) {
			return
		}
		if _, err := s.Wait(ctx, revision); err != nil {
			t.Fatal("the screen never showed what was expected")
		}
	}
}

var twoApplications = display.View{Kind: display.Choose, Options: []string{"VISA DEBIT", "VISA CREDIT"}}

func TestCardholderChoosesTheApplication(t *testing.T) {
	for last4, keys := range map[string][]hal.Key{
		"4242": {hal.Key2},
		"5556": {hal.KeyDown, hal.KeyUp, hal.KeyEnter},
	} {
		a := openAsking(t)
		ended := a.begin("two-applications", wire.CancelIfAvailable, twoApplications)
		a.press(keys...)
		got := <-ended
		a.must(got.err)
		card := got.paid.Charges[0].PaymentMethodDetails.CardPresent
		if got.paid.Status != wire.StatusSucceeded || card.Last4 != last4 {
			t.Errorf("%v: paid %s with the card ending in %s, want %s", keys, got.paid.Status, card.Last4, last4)
		}
		a.take()
	}
}

func TestSecondOptionIsMarkedOnTheScreen(t *testing.T) {
	a := openAsking(t)
	ended := a.begin("two-applications", wire.CancelIfAvailable, twoApplications)
	marked := twoApplications
	marked.Selected = 1
	a.press(hal.KeyDown)
	a.shows(marked)
	a.press(hal.KeyEnter)
	got := <-ended
	a.must(got.err)
	if got := got.paid.Charges[0].PaymentMethodDetails.CardPresent.Last4; got != "4242" {
		t.Errorf("paid with the card ending in %s", got)
	}
}

// The cancel key answers a question whatever the POS allows: there must be a no.
func TestCardholderDeclinesTheChoice(t *testing.T) {
	for _, may := range []string{wire.CancelIfAvailable, wire.CancelDisabled} {
		a := openAsking(t)
		ended := a.begin("two-applications", may, twoApplications)
		a.press(hal.KeyCancel)
		got := <-ended
		if !errors.Is(got.err, wire.CodeCanceled) || !strings.Contains(got.err.Error(), "cardholder") {
			t.Errorf("%s: %v", may, got.err)
		}
		a.unpaid(got.localID)
	}
}

func (a *asking) unpaid(localID string) {
	a.Helper()
	if n := a.platform.Totals().Approved.Count; n != 0 {
		a.Errorf("%d payments at the platform", n)
	}
	if pi := a.retrieve(localID); pi.Status != wire.StatusRequiresPaymentMethod {
		a.Errorf("the payment is %s", pi.Status)
	}
	a.take()
}

func TestCardholderDoesNotAnswer(t *testing.T) {
	a := openAsking(t, func(_ *asking, o *reader.Options) { o.AnswerTimeout = 200 * time.Millisecond })
	pi := a.create(1250, wire.PreferOnline)
	a.insert("two-applications")
	_, err := a.process(pi)
	if !errors.Is(err, wire.CodeCardReadTimedOut) || !strings.Contains(err.Error(), "answer") {
		t.Errorf("got %v", err)
	}
	a.unpaid(pi.LocalID)
}

func TestCardTakenOutIsANo(t *testing.T) {
	a := openAsking(t)
	ended := a.begin("two-applications", wire.CancelDisabled, twoApplications)
	a.must(a.board.Tray.Remove())
	if got := <-ended; !errors.Is(got.err, wire.CodeCardRemoved) {
		t.Errorf("got %v", got.err)
	}
	if n := a.platform.Totals().Approved.Count; n != 0 {
		t.Errorf("%d payments at the platform", n)
	}
}

func TestPOSCancelsTheQuestion(t *testing.T) {
	a := openAsking(t)
	ended := a.begin("two-applications", wire.CancelIfAvailable, twoApplications)
	if _, err := a.conn.CancelCollectPaymentMethod(t.Context(), wire.CancelCollectPaymentMethodParams{RequestID: client.NewRequestID()}); err != nil {
		t.Error(err)
	}
	got := <-ended
	if !errors.Is(got.err, wire.CodeCanceled) || strings.Contains(got.err.Error(), "cardholder") {
		t.Errorf("got %v", got.err)
	}
	a.unpaid(got.localID)
}

// EMV fact 17: an application that needs the cardholder's confirmation is used
// only with it.
func TestApplicationThatNeedsConfirmation(t *testing.T) {
	confirm := display.View{Kind: display.Choose, Options: []string{"VISA CREDIT"}}
	a := openAsking(t)
	ended := a.begin("confirm", wire.CancelIfAvailable, confirm)
	// None of these is a yes.
	a.press(hal.Key1, hal.Key0, hal.KeyClear, hal.KeyDown)
	a.must(a.fingers.await(t.Context(), 2+4)) // all were dealt with
	select {
	case got := <-ended:
		t.Fatalf("ended without a yes: %+v", got)
	default:
	}
	if n := a.platform.Totals().Approved.Count; n != 0 {
		t.Errorf("%d payments before anybody confirmed", n)
	}
	a.press(hal.KeyEnter)
	got := <-ended
	a.must(got.err)
	if got.paid.Status != wire.StatusSucceeded {
		t.Errorf("paid: %s", got.paid.Status)
	}
	a.take()
}

func TestApplicationThatIsNotConfirmed(t *testing.T) {
	a := openAsking(t)
	ended := a.begin("confirm", wire.CancelDisabled, display.View{Kind: display.Choose, Options: []string{"VISA CREDIT"}})
	a.press(hal.KeyCancel)
	got := <-ended
	if !errors.Is(got.err, wire.CodeCanceled) {
		t.Errorf("got %v", got.err)
	}
	a.unpaid(got.localID)
}

// A PIN by the reader's own keys, checked by the card; nothing of it is told.
func TestPINOnTheReadersKeys(t *testing.T) {
	a := openAsking(t, func(a *asking, o *reader.Options) { a.board.HAL.PINPad, o.SoftwarePIN = nil, true })
	ask := display.View{Kind: display.EnterPIN}
	ended := a.begin("offline-pin-cvm", wire.CancelDisabled, ask)
	a.press(hal.Key1, hal.Key2, hal.Key3)
	ask.Entered = 3
	a.shows(ask)
	a.press(hal.Key4, hal.KeyEnter)
	got := <-ended
	a.must(got.err)
	card := got.paid.Charges[0].PaymentMethodDetails.CardPresent
	if got.paid.Status != wire.StatusSucceeded || card.ReceiptDetails == nil || card.ReceiptDetails.CardholderVerificationMethod != "offline_pin" {
		t.Errorf("paid %s, %+v", got.paid.Status, card.ReceiptDetails)
	}
	a.take()
	a.close()
	if log := strings.ToLower(string(a.log.Bytes())); strings.Contains(log, "241234ff") || strings.Contains(log, "key=") {
		t.Errorf("the log has the PIN block or a key:\n%s", log)
	}
}

func TestPINIsCanceledOnTheReadersKeys(t *testing.T) {
	a := openAsking(t, func(a *asking, o *reader.Options) { a.board.HAL.PINPad, o.SoftwarePIN = nil, true })
	ended := a.begin("offline-pin-cvm", wire.CancelDisabled, display.View{Kind: display.EnterPIN})
	a.press(hal.Key1, hal.KeyCancel)
	got := <-ended
	if !errors.Is(got.err, wire.CodeCanceled) {
		t.Errorf("got %v", got.err)
	}
	a.unpaid(got.localID)
}
