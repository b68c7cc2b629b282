package lan_test

import (
	"testing"
	"testing/synctest"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// A POS that may not be here any more is put out with all its connections; the
// payment of it that runs goes on to its end, and others stay.
func TestPOSIsPutOut(t *testing.T) {
	hold := func() *lantest.Reader { r := forAnHour("pst_1", "pst_2")(); r.Hold = true; return r }
	timed(t, hold, func(t *testing.T, b *lantest.Bench, p *pipes) {
		lost := make(chan string, 10)
		c := sessionOf(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"}, lost)
		other, err := client.Dial(t.Context(), p.pos(t, b, "pos_2"))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		_, err = other.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2", FailIfInUse: true})
		wantCode(t, err, wire.CodeReaderInUse)
		pi, err := c.CreatePaymentIntent(t.Context(), newPayment)
		if err != nil {
			t.Fatal(err)
		}
		outcome := make(chan error, 1)
		go func() {
			_, err := c.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: "collect", PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
			outcome <- err
		}()
		synctest.Wait()
		b.Server.Disconnect("pos_1")
		awaitEnd(t, c)
		if err := <-outcome; err == nil {
			t.Fatal("an answer on a closed connection")
		}
		if l := b.Server.Lease(); l.POSID != "pos_1" || !l.Busy {
			t.Fatalf("the payment that runs was let go: %+v", l)
		}
		if err := b.Reader.Present(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if l := b.Server.Lease(); l.POSID != "" {
			t.Fatalf("%+v", l)
		}
		if _, err := other.GetOfflineStatus(t.Context()); err != nil {
			t.Fatalf("another POS: %v", err)
		}
		b.Server.Disconnect("pos_2") // it looks on
		awaitEnd(t, other)
	})
}

func awaitEnd(t *testing.T, c *client.Conn) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(time.Minute):
		t.Fatal("the connection stays open")
	}
}

// A session that is over and idle does not keep the reader from a POS that takes
// nobody's.
func TestSpentSessionIsNotInUse(t *testing.T) {
	timed(t, forAnHour("pst_1", "pst_2", "pst_3"), func(t *testing.T, b *lantest.Bench, p *pipes) {
		lost := make(chan string, 10)
		one := sessionOf(t, p.pos(t, b, "pos_1"), client.ConnectOptions{ConnectionToken: "pst_1"}, lost)
		defer one.Close()
		two, err := client.Dial(t.Context(), p.pos(t, b, "pos_2"))
		if err != nil {
			t.Fatal(err)
		}
		defer two.Close()
		_, err = two.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_2", FailIfInUse: true})
		wantCode(t, err, wire.CodeReaderInUse)
		time.Sleep(time.Hour)
		if _, err := two.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_3", FailIfInUse: true}); err != nil {
			t.Fatalf("the other's session is over: %v", err)
		}
		if why := <-lost; why != wire.LostTakenOver {
			t.Fatalf("told %q", why)
		}
	})
}
