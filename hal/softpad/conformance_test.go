package softpad_test

import (
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/sim"
	"smartreader/hal/softpad"
)

// finger presses the simulated reader's keys, as long as nobody waits for one
// again.
type finger struct {
	t    *testing.T
	keys *sim.Keys
}

func (f finger) press(keys ...hal.Key) {
	go func() {
		for _, key := range keys {
			for !f.keys.Press(key) {
				select {
				case <-time.After(time.Millisecond): // of synctest's clock
				case <-f.t.Context().Done():
					return
				}
			}
		}
	}()
}

func (f finger) Enter(pin string) {
	var keys []hal.Key
	for _, c := range pin {
		keys = append(keys, hal.Key0+hal.Key(c-'0'))
	}
	f.press(append(keys, hal.KeyEnter)...)
}

func (f finger) Cancel() { f.press(hal.KeyCancel) }
func (f finger) Bypass() { f.press(hal.KeyEnter) }
func (f finger) Leave()  {}

// The software PIN pad with a real keypad's input conforms, online with every
// kind of key.
func TestConforms(t *testing.T) {
	for name, key := range map[string]*haltest.OnlineKey{
		"offline":  nil,
		"format 4": {Name: "aes", Format: hal.ISOFormat4, Other: hal.ISOFormat0, Open: host},
		"format 0": {Name: "tdes", Format: hal.ISOFormat0, Other: hal.ISOFormat4, Open: host},
		"format 3": {Name: "tdes", Format: hal.ISOFormat3, Other: hal.ISOFormat4, Open: host},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := sim.Open(sim.Options{Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				keys := b.HAL.Keys.(hal.SecretKeeper)
				load(t, keys)
				haltest.PINPad(t, softpad.New(keys, softpad.NewKeypad(b.HAL.Input, nil)), finger{t, b.Keys}, key)
			})
		})
	}
}
