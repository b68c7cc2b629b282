package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// follow starts Follow with a credential and returns the numbers it sees.
func follow(t *testing.T, b *lantest.Bench, change func(*client.FollowOptions)) (seqs chan uint64, conns chan *client.Conn, ended chan error) {
	t.Helper()
	pos := b.POS(t, "pos_1")
	c, err := client.Dial(t.Context(), pos)
	if err != nil {
		t.Fatal(err)
	}
	result, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	seqs, conns, ended = make(chan uint64, 10000), make(chan *client.Conn, 100), make(chan error, 1)
	pos.AutoAcknowledge = true
	pos.OnEvent = func(e wire.Event) error {
		if e.Seq != 0 {
			seqs <- e.Seq
		}
		return nil
	}
	o := client.FollowOptions{
		Options: pos,
		Connect: func(context.Context, wire.Reader) (client.ConnectOptions, error) {
			return client.ConnectOptions{Credential: result.Credential}, nil
		},
		Connected: func(c *client.Conn, _ wire.ConnectReaderResult) { conns <- c },
		MinWait:   time.Millisecond, MaxWait: time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := client.Follow(ctx, o)
		if ctx.Err() == nil {
			t.Logf("Follow gave up: %v", err)
		}
		ended <- err
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return seqs, conns, ended
}

// Events are neither lost nor seen twice across many lost connections, and
// more events than fit in the reader's window arrive.
func TestFollowLosesNothing(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	seqs, conns, _ := follow(t, b, nil)
	want := uint64(1)
	for range 5 {
		c := <-conns
		b.Reader.AddEvents(3 * wire.MaxUnacknowledged)
		for range 2 * wire.MaxUnacknowledged {
			if got := <-seqs; got != want {
				t.Fatalf("got event %d, want %d", got, want)
			}
			want++
		}
		c.Close() // in the middle of the rest
	}
	c := <-conns
	for want <= 15*wire.MaxUnacknowledged {
		if got := <-seqs; got != want {
			t.Fatalf("got event %d, want %d", got, want)
		}
		want++
	}
	for b.Reader.Cursors()["pos_1"] != want-1 { // the acknowledgement follows
		if _, err := c.GetReader(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// An event the POS could not deal with comes again.
func TestFailedEventComesAgain(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	b.Reader.AddEvents(3)
	var failed bool
	got := make(chan uint64, 10)
	follow(t, b, func(o *client.FollowOptions) {
		o.OnEvent = func(e wire.Event) error {
			if e.Seq == 2 && !failed {
				failed = true
				return errors.New("disk full")
			}
			if e.Seq != 0 {
				got <- e.Seq
			}
			return nil
		}
	})
	for want := uint64(1); want <= 3; want++ {
		if seq := <-got; seq != want {
			t.Fatalf("got event %d, want %d", seq, want)
		}
	}
}

func TestFollowGivesUpWhatCannotHeal(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	_, _, ended := follow(t, b, func(o *client.FollowOptions) {
		o.Connect = func(context.Context, wire.Reader) (client.ConnectOptions, error) {
			return client.ConnectOptions{ConnectionToken: "used"}, nil
		}
	})
	if err := <-ended; !errors.Is(err, wire.CodeConnectionTokenError) {
		t.Fatal(err)
	}
}

// A transient event that came in behind a durable one does not keep that from
// being acknowledged.
func TestTransientEventDoesNotSwallowTheAcknowledgement(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	begun, queued := make(chan struct{}), make(chan struct{})
	pos := b.POS(t, "pos_1")
	pos.AutoAcknowledge = true
	pos.OnEvent = func(e wire.Event) error {
		if e.Seq == 1 {
			close(begun)
			<-queued
		}
		return nil
	}
	c, err := client.Dial(t.Context(), pos)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"}); err != nil {
		t.Fatal(err)
	}
	b.Reader.AddEvents(1)
	<-begun
	b.Server.Broadcast(wire.Event{Type: wire.EventReaderEvent, ReaderEvent: wire.ReaderCardInserted})
	if _, err := c.GetReader(t.Context()); err != nil { // its answer comes after the event
		t.Fatal(err)
	}
	close(queued)
	for deadline := time.Now().Add(time.Minute); b.Reader.Cursors()["pos_1"] != 1; {
		if _, err := c.GetReader(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("never acknowledged")
		}
	}
}
