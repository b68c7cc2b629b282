package reader

import (
	"bytes"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/softpad"
)

// A PIN entered on the reader's keys leaves nothing in memory: not in the pad, the
// keys on their way to it, the screen's views or the log.
func TestNothingOfAPINStaysInMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // garbage stays to be found
	for name, end := range map[string]hal.Key{"entered": hal.KeyEnter, "canceled": hal.KeyCancel} {
		synctest.Test(t, func(t *testing.T) {
			c := atCounter(t)
			if err := softpad.Load(t.Context(), c.r.board.Keys.(hal.SecretKeeper), softpad.Injection{
				Name: "pin", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(bytes.Repeat([]byte{7}, 16)), Serial: []byte("12345678"),
			}); err != nil {
				t.Fatal(err)
			}
			pad, pin := c.softPad(), haltest.NewHiddenPIN()
			done := make(chan hal.PINEntry, 1)
			go func() {
				b, err := pad.OnlineBlock(t.Context(), hal.OnlinePIN{
					Prompt: prompt, Format: hal.ISOFormat4, Key: "pin", PAN: hal.NewSecret([]byte("4242424242424242")),
				})
				if err != nil {
					t.Error(err)
				}
				done <- b.Entry
			}()
			synctest.Wait()
			for i := range pin.Len() {
				c.press(pin.Key(i))
			}
			if during := pin.Traces(t); !slices.Equal(during, []string{"text"}) {
				t.Errorf("%s: while they are entered the digits are in memory as %q", name, during)
			}
			c.press(end)
			if entry := <-done; (entry == hal.PINEntered) != (end == hal.KeyEnter) {
				t.Errorf("%s: entry %d", name, entry)
			}
			if left := pin.Traces(t); len(left) > 0 {
				t.Errorf("%s: the digits are in memory as %q", name, left)
			}
			// What was typed ahead and never asked for neither.
			keys, err := c.r.keys.ask(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for i := range pin.Len() {
				c.press(pin.Key(i))
			}
			if during := pin.Traces(t); !slices.Equal(during, []string{"events"}) {
				t.Errorf("%s: typed ahead the digits are in memory as %q", name, during)
			}
			keys.close()
			if left := pin.Traces(t); len(left) > 0 {
				t.Errorf("%s: what was typed ahead is in memory as %q", name, left)
			}
		})
	}
}
