package client_test

import (
	"testing"
	"time"

	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

// What arrived before the connection ended is handed over, however late OnEvent
// gets to it: the last event says why it ended.
func TestLastEventIsDelivered(t *testing.T) {
	for range 10 {
		b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
		gone, told := make(chan struct{}), make(chan string, 10)
		pos := b.POS(t, "pos_1")
		pos.OnEvent = func(e wire.Event) error {
			<-gone // busy until after the end
			if e.Type == wire.EventConnectionLost {
				told <- e.Reason
			}
			return nil
		}
		c, err := client.Dial(t.Context(), pos)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_1"}); err != nil {
			t.Fatal(err)
		}
		b.Server.Broadcast(wire.Event{Type: wire.EventReaderEvent, ReaderEvent: wire.ReaderCardInserted})
		b.Server.Disconnect("pos_1")
		<-c.Done()
		close(gone)
		select {
		case reason := <-told:
			if reason != wire.LostExpired {
				t.Errorf("told %s", reason)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nobody told why the connection ended")
		}
		c.Close()
		b.Stop()
	}
}
