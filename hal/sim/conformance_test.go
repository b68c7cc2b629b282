package sim_test

import (
	"bytes"
	"image"
	"testing"
	"testing/synctest"

	"smartreader/hal"
	"smartreader/hal/dukpt"
	"smartreader/hal/haltest"
	"smartreader/hal/pinblock"
	"smartreader/hal/sim"
	"smartreader/hal/softpad"
)

// The whole simulated reader passes every suite. Time is that of synctest, so
// what takes a person minutes takes no time here.
func TestConforms(t *testing.T) {
	for name, suite := range map[string]func(*testing.T, *sim.Board){
		"contact": func(t *testing.T, b *sim.Board) {
			haltest.ContactReader(t, b.HAL.Contact, hand{t, b.Tray, newChip()})
		},
		"contactless": func(t *testing.T, b *sim.Board) {
			haltest.ContactlessReader(t, b.HAL.Contactless, tapper{t, b.Field})
		},
		"swipe":  func(t *testing.T, b *sim.Board) { haltest.SwipeReader(t, b.HAL.Swipe, swiper{t, b.Head}) },
		"screen": func(t *testing.T, b *sim.Board) { haltest.Screen(t, b.HAL.Screen) },
		"input": func(t *testing.T, b *sim.Board) {
			haltest.Input(t, b.HAL.Input, haltest.Finger{
				Keys:  []hal.Key{hal.Key5, hal.KeyEnter, hal.KeyCancel},
				Press: func(k hal.Key) { b.Keys.Press(k) },
				Area:  b.Screen.Bounds(),
				Touch: func(at image.Point) { b.Keys.Touch(at) },
			})
		},
		"signals": func(t *testing.T, b *sim.Board) { haltest.Signals(t, b.HAL.Signals) },
		"tamper": func(t *testing.T, b *sim.Board) {
			haltest.Tamper(t, b.HAL.Tamper, func() { b.Tamper.Trigger("case open") })
		},
		"watchdog": func(t *testing.T, b *sim.Board) { haltest.Watchdog(t, b.HAL.Watchdog) },
		"pinpad":   func(t *testing.T, b *sim.Board) { haltest.PINPad(t, b.HAL.PINPad, pinHand{t, b.PINPad}, nil) },
		"pinpad online, AES": func(t *testing.T, b *sim.Board) {
			haltest.PINPad(t, b.HAL.PINPad, pinHand{t, b.PINPad}, loadAES(t, b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { suite(t, open(t)) })
		})
	}
}

func TestClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t).HAL
		haltest.Closing(t, b, b.Close)
	})
}

type tapper struct {
	t     *testing.T
	field *sim.Field
}

func (h tapper) Insert() {
	if err := h.field.Tap("card", &haltest.TestCard{}); err != nil {
		h.t.Fatal(err)
	}
}

func (h tapper) InsertBoth() {
	h.Insert()
	if err := h.field.Tap("second", &haltest.TestCard{}); err != nil {
		h.t.Fatal(err)
	}
}

func (h tapper) RemoveOne() {
	if err := h.field.TakeOne("card"); err != nil {
		h.t.Fatal(err)
	}
}

func (h tapper) Remove() {
	if err := h.field.Take(); err != nil {
		h.t.Fatal(err)
	}
}

type pinHand struct {
	t   *testing.T
	pad *sim.PINPad
}

func (h pinHand) Enter(pin string) {
	if err := h.pad.SetPIN(pin); err != nil {
		h.t.Fatal(err)
	}
}

func (h pinHand) Cancel() { h.pad.Cancel() }
func (h pinHand) Bypass() { h.pad.Bypass() }
func (h pinHand) Leave()  { h.pad.Hesitate() }

// loadAES loads a key into the simulated reader, and is its host.
func loadAES(t *testing.T, b *sim.Board) *haltest.OnlineKey {
	t.Helper()
	initial := []byte("an initial key!!")
	err := softpad.Load(t.Context(), b.HAL.Keys.(hal.SecretKeeper), softpad.Injection{
		Name: "pin", Kind: softpad.AESDUKPT, InitialKey: hal.NewSecret(bytes.Clone(initial)), Serial: []byte("SIM-0001"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &haltest.OnlineKey{Name: "pin", Format: hal.ISOFormat4, Other: hal.ISOFormat0, Open: func(b hal.PINBlock, pan string) (string, error) {
		key, err := dukpt.AESPINKey(initial, b.KeySerial)
		if err != nil {
			return "", err
		}
		pin, err := pinblock.Decipher4(key, b.Ciphertext, []byte(pan))
		return string(pin), err
	}}
}

type swiper struct {
	t    *testing.T
	head *sim.Head
}

func (h swiper) Swipe() {
	if !h.head.Swipe(hal.Tracks{Two: hal.NewSecret([]byte("4000000000000002=3012201"))}) {
		h.t.Fatal("nobody read the swipe")
	}
}

func (h swiper) SwipeBadly() {
	if !h.head.Swipe(hal.Tracks{}) {
		h.t.Fatal("nobody read the swipe")
	}
}
