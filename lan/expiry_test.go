package lan_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// sessionOf connects, and passes on what it is told.
func sessionOf(t *testing.T, o client.Options, with client.ConnectOptions, lost chan string) *client.Conn {
	t.Helper()
	o.OnEvent = func(e wire.Event) error {
		if e.Type == wire.EventConnectionLost {
			lost <- e.Reason
		}
		return nil
	}
	return connect(t, o, with)
}

func forAnHour(tokens ...string) func() *lantest.Reader {
	return func() *lantest.Reader {
		r := lantest.NewReader(tokens...)
		r.Session = time.Hour
		return r
	}
}

var newPayment = wire.CreatePaymentIntentParams{RequestID: "create", Amount: 1, Currency: "usd"}

func TestSessionExpires(t *testing.T) {
	timed(t, forAnHour("pst_1", "pst_2", "pst_3"), func(t *testing.T, b *lantest.Bench, p *pipes) {
		lost := make(chan string, 10)
		pos := p.pos(t, b, "pos_1")
		c := sessionOf(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"}, lost)
		defer c.Close()
		second := sessionOf(t, pos, client.ConnectOptions{ConnectionToken: "pst_2"}, lost)
		defer second.Close()
		pi, err := c.CreatePaymentIntent(t.Context(), newPayment)
		if err != nil {
			t.Fatal(err)
		}
		ref := wire.IntentRef{LocalID: pi.LocalID}
		if _, err := c.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: "collect", PaymentIntent: ref}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		// Looking goes on, and nothing ends by itself.
		if _, err := c.GetOfflineStatus(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l := b.Server.Lease(); l.POSID != "pos_1" {
			t.Fatalf("%+v", l)
		}
		_, err = c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "late", Amount: 1, Currency: "usd"})
		if e := wantCode(t, err, wire.CodeSessionExpired); e.NativeErrorCode != 9060 {
			t.Fatalf("%+v", e)
		}
		_, err = c.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: "x", PaymentIntent: ref})
		wantCode(t, err, wire.CodeSessionExpired)
		_, err = second.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{RequestID: "x", PaymentIntent: ref})
		wantCode(t, err, wire.CodeSessionExpired)
		_, err = second.CollectInputs(t.Context(), wire.CollectInputsParams{RequestID: "x", Inputs: []wire.CollectInput{{Type: wire.InputText, Title: "t"}}})
		wantCode(t, err, wire.CodeSessionExpired)
		_, err = second.ForwardNow(t.Context(), wire.ForwardNowParams{RequestID: "x"})
		wantCode(t, err, wire.CodeSessionExpired)
		synctest.Wait()
		if len(lost) != 2 || <-lost != wire.LostExpired || <-lost != wire.LostExpired { // once for each socket
			t.Fatalf("told %d times", len(lost))
		}
		if l := b.Server.Lease(); l.POSID != "" {
			t.Fatalf("the lease was kept: %+v", l)
		}
		// What was begun comes to its end.
		if _, err := c.ConfirmPaymentIntent(t.Context(), wire.ConfirmPaymentIntentParams{RequestID: "confirm", PaymentIntent: ref}); err != nil {
			t.Fatalf("confirming what was collected before: %v", err)
		}
		if _, err := c.CancelCollectPaymentMethod(t.Context(), wire.CancelCollectPaymentMethodParams{RequestID: "cancel"}); err != nil {
			t.Fatal(err)
		}
		// Until another POS takes the reader.
		other := connect(t, p.pos(t, b, "pos_2"), client.ConnectOptions{ConnectionToken: "pst_3"})
		defer other.Close()
		_, err = c.CancelCollectPaymentMethod(t.Context(), wire.CancelCollectPaymentMethodParams{RequestID: "cancel"})
		wantCode(t, err, wire.CodeSessionExpired)
		// Connecting anew, on the same socket too, begins another session.
		b.Reader.AddToken("pst_4")
		if _, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_4"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "new", Amount: 1, Currency: "usd"}); err != nil {
			t.Fatal(err)
		}
	})
}

// A session whose time is over can be begun anew before anything was refused,
// and one that was renewed goes on.
func TestSessionIsRenewed(t *testing.T) {
	timed(t, forAnHour("pst_1", "pst_2"), func(t *testing.T, b *lantest.Bench, p *pipes) {
		lost := make(chan string, 10)
		c := sessionOf(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"}, lost)
		defer c.Close()
		_, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2"})
		wantCode(t, err, wire.CodeAlreadyConnectedToReader)
		time.Sleep(time.Hour + time.Second)
		if _, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(55 * time.Minute)
		b.Server.RenewSession("pos_1", time.Now().Add(time.Hour).UnixMilli())
		b.Server.RenewSession("pos_other", 1)
		time.Sleep(55 * time.Minute)
		if _, err := c.CreatePaymentIntent(t.Context(), newPayment); err != nil {
			t.Fatal(err)
		}
		if len(lost) != 0 {
			t.Fatal(<-lost)
		}
	})
}

// A payment that runs when the session's time comes is not cut; the lease goes
// when it has ended.
func TestExpiryCutsNoPayment(t *testing.T) {
	hold := func() *lantest.Reader { r := forAnHour("pst_1")(); r.Hold = true; return r }
	timed(t, hold, func(t *testing.T, b *lantest.Bench, p *pipes) {
		lost := make(chan string, 10)
		c := sessionOf(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"}, lost)
		defer c.Close()
		pi, err := c.CreatePaymentIntent(t.Context(), newPayment)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		outcome := make(chan error, 1)
		go func() {
			_, err := c.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{RequestID: "p", PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
			outcome <- err
		}()
		time.Sleep(time.Minute)
		_, err = c.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "late", Amount: 1, Currency: "usd"})
		wantCode(t, err, wire.CodeSessionExpired)
		if l := b.Server.Lease(); l.POSID != "pos_1" || !l.Busy || len(lost) != 0 {
			t.Fatalf("%+v, told %d times", l, len(lost))
		}
		if err := b.Reader.Present(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-outcome; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if l := b.Server.Lease(); l.POSID != "" || len(lost) != 1 {
			t.Fatalf("%+v, told %d times", l, len(lost))
		}
	})
}

// CollectInputs is the reader at work: the lease is busy, and it is canceled
// like a payment.
func TestCollectInputsIsBusy(t *testing.T) {
	reader := lantest.NewReader("pst_1")
	reader.Hold = true
	b := lantest.Start(t, reader, nil)
	c := connect(t, b.POS(t, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"})
	ask := wire.CollectInputsParams{RequestID: "in", Inputs: []wire.CollectInput{
		{Type: wire.InputSelection, Title: "Which?", Choices: []wire.SelectionChoice{{ID: "a", Text: "A"}}, Toggles: []wire.Toggle{{Title: "t", DefaultValue: wire.ToggleEnabled}}},
	}}
	ended := make(chan error, 1)
	go func() { _, err := c.CollectInputs(t.Context(), ask); ended <- err }()
	for reader.Running() == 0 {
	}
	if l := b.Server.Lease(); !l.Busy {
		t.Fatalf("%+v", l)
	}
	wantCode(t, c.Disconnect(t.Context()), wire.CodeReaderBusy)
	if r, err := c.CancelCollectPaymentMethod(t.Context(), wire.CancelCollectPaymentMethodParams{RequestID: "c"}); err != nil || r.Outcome != wire.CancelCanceled {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := <-ended; !errors.Is(err, wire.CodeCanceled) {
		t.Fatal(err)
	}
	answered := make(chan wire.CollectInputsResult, 1)
	go func() {
		r, err := c.CollectInputs(t.Context(), ask)
		if err != nil {
			t.Error(err)
		}
		answered <- r
	}()
	if err := reader.Present(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; len(r.Results) != 1 || r.Results[0].SelectionID != "a" || r.Results[0].Toggles[0] != wire.ToggleEnabled {
		t.Fatalf("%+v", r)
	}
}
