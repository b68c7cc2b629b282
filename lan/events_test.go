package lan_test

import (
	"testing"

	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// durable collects the numbers of durable events.
func durable(o *client.Options) chan uint64 {
	seqs := make(chan uint64, 2000)
	o.OnEvent = func(e wire.Event) error {
		if e.Seq != 0 {
			seqs <- e.Seq
		}
		return nil
	}
	return seqs
}

// expect takes the next n numbers and checks that they follow from.
func expect(t *testing.T, seqs chan uint64, from, n uint64) {
	t.Helper()
	for want := from; want < from+n; want++ {
		if got := <-seqs; got != want {
			t.Fatalf("got event %d, want %d", got, want)
		}
	}
}

func last(seq uint64) *uint64 { return &seq }

func TestEventsResumeWithoutGaps(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	b.Reader.AddEvents(10)
	pos := b.POS(t, "pos_1")
	seqs := durable(&pos)
	c, err := client.Dial(t.Context(), pos)
	if err != nil {
		t.Fatal(err)
	}
	result, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"})
	if err != nil || result.Cursor != 0 || result.NewestSeq != 10 {
		t.Fatalf("%+v, %v", result, err)
	}
	expect(t, seqs, 1, 10)
	b.Reader.AddEvents(5) // pushed while connected
	expect(t, seqs, 11, 5)
	if at, err := c.AcknowledgeEvents(t.Context(), 7); err != nil || at != 7 {
		t.Fatalf("%d, %v", at, err)
	}
	if at, err := c.AcknowledgeEvents(t.Context(), 3); err != nil || at != 7 {
		t.Fatalf("the cursor went back to %d, %v", at, err)
	}
	_, err = c.AcknowledgeEvents(t.Context(), 16)
	wantCode(t, err, wire.CodeInvalidRequiredParameter)
	c.Close()
	b.Reader.AddEvents(5) // while nobody listens

	// Without lastSeq it goes on after the acknowledgement,
	seqs = durable(&pos)
	c = connect(t, pos, client.ConnectOptions{Credential: result.Credential})
	expect(t, seqs, 8, 13)
	c.Close()
	// with it after that,
	seqs = durable(&pos)
	c = connect(t, pos, client.ConnectOptions{Credential: result.Credential, LastSeq: last(18)})
	expect(t, seqs, 19, 2)
	c.Close()
	// and a number the reader has not reached is from another ledger.
	seqs = durable(&pos)
	connect(t, pos, client.ConnectOptions{Credential: result.Credential, LastSeq: last(4000)})
	expect(t, seqs, 8, 13)
}

func TestEventsAreSentInAWindow(t *testing.T) {
	const n = 3 * wire.MaxUnacknowledged
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	b.Reader.AddEvents(n)
	pos := b.POS(t, "pos_1")
	seqs := durable(&pos)
	c := connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"})
	expect(t, seqs, 1, wire.MaxUnacknowledged)
	// A call and its answer pass; the event after the window does not.
	if _, err := c.GetOfflineStatus(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case seq := <-seqs:
		t.Fatalf("event %d came before the window was acknowledged", seq)
	default:
	}
	if _, err := c.AcknowledgeEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	expect(t, seqs, wire.MaxUnacknowledged+1, 1)
	if _, err := c.AcknowledgeEvents(t.Context(), wire.MaxUnacknowledged); err != nil {
		t.Fatal(err)
	}
	expect(t, seqs, wire.MaxUnacknowledged+2, wire.MaxUnacknowledged-1)
}

func TestEachPOSHasItsOwnCursor(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2"), nil)
	b.Reader.AddEvents(3)
	one, two := b.POS(t, "pos_1"), b.POS(t, "pos_2")
	seqs1, seqs2 := durable(&one), durable(&two)
	c := connect(t, one, client.ConnectOptions{ConnectionToken: "pst_1"})
	expect(t, seqs1, 1, 3)
	if _, err := c.AcknowledgeEvents(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	connect(t, two, client.ConnectOptions{ConnectionToken: "pst_2"})
	expect(t, seqs2, 1, 3)
	b.Reader.AddEvents(1) // pos_1 lost the lease, not its events
	expect(t, seqs1, 4, 1)
	expect(t, seqs2, 4, 1)
}

func TestTransientEventsReachAuthenticatedPOSes(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	stranger := openRaw(t, b)
	stranger.hello("pos_x")
	pos := b.POS(t, "pos_1")
	told := make(chan wire.Event, 10)
	pos.OnEvent = func(e wire.Event) error { told <- e; return nil }
	connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"})
	b.Server.Broadcast(wire.Event{Type: wire.EventReaderEvent, ReaderEvent: wire.ReaderCardInserted})
	if e := <-told; e.ReaderEvent != wire.ReaderCardInserted || e.AtMs == 0 || e.Seq != 0 {
		t.Fatalf("%+v", e)
	}
	stranger.send(`{"jsonrpc":"2.0","id":9,"method":"getReader"}`)
	if reply, err := stranger.next(); err != nil || reply.Method != "" {
		t.Fatalf("a stranger was told %+v, %v", reply, err)
	}
}
