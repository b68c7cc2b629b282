package ccid_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/ccid"
	"smartreader/hal/ccid/ccidtest"
	"smartreader/hal/haltest"
	"smartreader/hal/usbfs"
)

var (
	atrT0     = []byte{0x3B, 0x60, 0x00, 0x00}
	atrT1     = []byte{0x3B, 0xE0, 0x00, 0x00, 0x81, 0x31, 0x20, 0x45, 0x35}
	atrT0Fast = []byte{0x3B, 0x70, 0x13, 0x00, 0x00}
	atrWarm   = []byte{0x3B, 0x00} // no TB1: EMV takes it after a warm reset only
)

// chip answers commands with as many bytes as P2 says (READ BINARY: P1 and P2),
// and 9000.
type chip struct {
	atr    [][]byte      // one per reset, the last one again
	gate   chan struct{} // nil: open
	asked  chan struct{} // nil: not told
	resets int
	seen   [][]byte
}

func (c *chip) ATR() []byte { return c.atr[min(max(c.resets-1, 0), len(c.atr)-1)] }
func (c *chip) Reset()      { c.resets++ }

func (c *chip) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	c.seen = append(c.seen, bytes.Clone(command))
	if c.asked != nil {
		close(c.asked)
		c.asked = nil
	}
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	n := int(command[3])
	if command[1] == 0xB0 {
		n |= int(command[2]) << 8
	}
	return append(content(n), 0x90, 0x00), nil
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func newChip(atr ...[]byte) *chip { return &chip{atr: atr} }

// bench is a driver over an emulated reader.
type bench struct {
	t      *testing.T
	usb    *ccidtest.Reader
	reader *ccid.Reader
}

func newBench(t *testing.T, o ccidtest.Options) *bench {
	b := &bench{t: t, usb: ccidtest.New(o)}
	b.reader = ccid.New(ccid.Options{Open: b.usb.Open})
	t.Cleanup(func() {
		if err := b.reader.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) insert(c ccidtest.Chip) {
	b.t.Helper()
	if err := b.usb.Insert(c); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) activate(c ccidtest.Chip) hal.Card {
	b.t.Helper()
	b.insert(c)
	card, err := b.reader.Activate(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return card
}

// hand moves one chip.
type hand struct {
	t    *testing.T
	usb  *ccidtest.Reader
	chip ccidtest.Chip
}

func (h hand) Insert() {
	if err := h.usb.Insert(h.chip); err != nil {
		h.t.Fatal(err)
	}
}

func (h hand) Remove() {
	if err := h.usb.Remove(); err != nil {
		h.t.Fatal(err)
	}
}

// models are readers as they are sold.
var models = map[string]ccidtest.Options{
	"TPDU, bare":              {},
	"TPDU, automatic PPS":     {Features: 0x000100BA},
	"TPDU, clock and rate":    {Features: 0x00010030, Voltages: 7},
	"TPDU, IFSD":              {Features: 0x000104BE, EmptyEnd: true},
	"TPDU, polled":            {Quiet: true, EmptyEnd: true},
	"TPDU, high speed":        {MaxPacket: 512},
	"short APDU":              {Features: 0x000204BE},
	"extended APDU":           {Features: 0x000404FE, NoAbort: true, MaxMessage: 65556},
	"extended APDU, in parts": {Features: 0x000404BE, Quiet: true, MaxMessage: 271},
}

var cards = map[string][]byte{"T=0": atrT0, "T=1": atrT1}

func everywhere(t *testing.T, f func(t *testing.T, o ccidtest.Options, atr []byte)) {
	for model, o := range models {
		for protocol, atr := range cards {
			t.Run(model+"/"+protocol, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { f(t, o, atr) })
			})
		}
	}
}

func TestContract(t *testing.T) {
	everywhere(t, func(t *testing.T, o ccidtest.Options, atr []byte) {
		b := newBench(t, o)
		haltest.ContactReader(t, b.reader, hand{t, b.usb, newChip(atr)})
	})
}

func TestEveryLength(t *testing.T) {
	everywhere(t, func(t *testing.T, o ccidtest.Options, atr []byte) {
		b := newBench(t, o)
		c := newChip(atr)
		card := b.activate(c)
		for _, lc := range []int{0, 1, 31, 32, 33, 64, 128, 254, 255} {
			for _, n := range []int{0, 1, 30, 31, 32, 48, 52, 54, 60, 111, 118, 254, 255} {
				command := []byte{0x00, 0xB2, 0x00, byte(n)}
				if lc > 0 {
					command = append(append(command, byte(lc)), content(lc)...)
				}
				if n > 0 {
					command = append(command, 0)
				}
				got, err := card.Transceive(t.Context(), command)
				if want := append(content(n), 0x90, 0x00); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("Lc %d, %d bytes back: got %d bytes, %v", lc, n, len(got), err)
				}
			}
		}
	})
}

func TestExtendedLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, models["extended APDU, in parts"])
		c := newChip(atrT1)
		card := b.activate(c)
		command := append([]byte{0x00, 0xD6, 0x00, 0x07, 0, 0x03, 0x20}, content(800)...)
		if _, err := card.Transceive(t.Context(), command); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.seen[0], command) {
			t.Errorf("the card saw %d bytes instead of %d", len(c.seen[0]), len(command))
		}
		got, err := card.Transceive(t.Context(), []byte{0x00, 0xB0, 0x03, 0x20, 0, 0, 0})
		if want := append(content(800), 0x90, 0x00); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{})
		card := b.activate(newChip(atrT0))
		if _, err := card.Transceive(t.Context(), []byte{0, 0xB2, 0, 1, 0, 1, 0}); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("extended length over T=0: got %v, want hal.ErrUnsupported", err)
		}
		if _, err := card.Transceive(t.Context(), []byte{0, 0xB2, 0, 1, 0}); err != nil {
			t.Errorf("the card is of no use after a command that was not sent: %v", err)
		}
	})
}

var read = []byte{0x00, 0xB2, 0x01, 0x0C, 0x00}

func TestAnswerToReset(t *testing.T) {
	bad := []byte{0x3B, 0x60, 0x00}
	tests := []struct {
		name       string
		atr        [][]byte
		any        bool
		cold, warm int
		ok         bool
	}{
		{"good", [][]byte{atrT0}, false, 1, 0, true},
		{"good after the warm reset", [][]byte{bad, atrT0}, false, 1, 1, true},
		{"EMV after the warm reset", [][]byte{atrWarm}, false, 1, 1, true},
		{"any card", [][]byte{atrWarm}, true, 1, 0, true},
		{"bad twice", [][]byte{bad}, false, 1, 1, false},
		{"mute", [][]byte{nil}, false, 1, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				usb := ccidtest.New(ccidtest.Options{})
				r := ccid.New(ccid.Options{Open: usb.Open, AnyCard: tt.any})
				defer r.Close()
				if err := usb.Insert(newChip(tt.atr...)); err != nil {
					t.Fatal(err)
				}
				_, err := r.Activate(t.Context())
				if tt.ok != (err == nil) || err != nil && !errors.Is(err, hal.ErrMute) {
					t.Errorf("got %v", err)
				}
				if got := usb.Counts(); got.Cold != tt.cold || got.Warm != tt.warm {
					t.Errorf("%d cold and %d warm resets, want %d and %d", got.Cold, got.Warm, tt.cold, tt.warm)
				}
			})
		})
	}
}

func TestParameters(t *testing.T) {
	tests := []struct {
		name     string
		features uint32
		atr      []byte
		set      []byte
		rate     byte
		voltage  byte
	}{
		{"bare, T=0", 0, atrT0, []byte{0, 0x11, 0x00, 0x00, 0x0A, 0x00}, 0, 1},
		{"bare, T=1", 0, atrT1, []byte{1, 0x11, 0x10, 0x00, 0x45, 0x00, 0x20, 0x00}, 0, 1},
		{"bare, a faster card", 0, atrT0Fast, []byte{0, 0x11, 0x00, 0x00, 0x0A, 0x00}, 0, 1},
		{"follows the rate, a faster card", ccidtest.AutomaticBaudRate, atrT0Fast, []byte{0, 0x13, 0x00, 0x00, 0x0A, 0x00}, 0x13, 1},
		{"does PPS, a faster card", ccidtest.AutomaticBaudRate | ccidtest.AutomaticPPS, atrT0Fast, []byte{0, 0x13, 0x00, 0x00, 0x0A, 0x00}, 0, 1},
		{"does all", 0x000100FA, atrT0Fast, nil, 0, 0},
		{"takes them from the ATR", ccidtest.AutomaticParameters, atrT1, nil, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, ccidtest.Options{Features: tt.features})
				b.activate(newChip(tt.atr))
				got := b.usb.Counts()
				if !bytes.Equal(got.Parameters, tt.set) || got.Rate != tt.rate || got.Voltage != tt.voltage {
					t.Errorf("parameters % X, rate %02X, voltage %d; want % X, %02X, %d", got.Parameters, got.Rate, got.Voltage, tt.set, tt.rate, tt.voltage)
				}
			})
		})
	}
}

// TestRates checks the ways to another rate that need more than parameters.
func TestRates(t *testing.T) {
	specific := []byte{0x3B, 0xB0, 0x13, 0x00, 0x10, 0x00}
	follows := uint32(ccidtest.AutomaticBaudRate)
	tests := []struct {
		name    string
		options ccidtest.Options
		atr     []byte
		fidi    byte
		bits    int
		cold    int
	}{
		{"specific mode", ccidtest.Options{}, specific, 0x13, 43008, 1},
		{"specific mode, reader follows", ccidtest.Options{Features: follows}, specific, 0x13, 0, 1},
		{"the card refuses PPS", ccidtest.Options{Features: follows, NoPPS: true}, atrT0Fast, 0x11, 0, 2},
		{"the reader lists the rate", ccidtest.Options{Features: follows, Rates: []int{10752, 43010}}, atrT0Fast, 0x13, 0, 1},
		{"the reader does not list the rate", ccidtest.Options{Features: follows, Rates: []int{10752, 21505}}, atrT0Fast, 0x11, 0, 1},
		{"the rate is too high", ccidtest.Options{Features: follows}, []byte{0x3B, 0x70, 0x97, 0x00, 0x00}, 0x11, 0, 1},
		{"the rate is reserved", ccidtest.Options{Features: follows}, []byte{0x3B, 0x70, 0x7F, 0x00, 0x00}, 0x11, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, tt.options)
				card := b.activate(newChip(tt.atr))
				got := b.usb.Counts()
				if got.Parameters[1] != tt.fidi || got.DataRate != tt.bits || got.Cold != tt.cold {
					t.Errorf("FiDi %02X, %d bit/s, %d cold resets; want %02X, %d, %d", got.Parameters[1], got.DataRate, got.Cold, tt.fidi, tt.bits, tt.cold)
				}
				if _, err := card.Transceive(t.Context(), []byte{0, 0xB2, 0, 1, 0}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestReaderKnowsLess checks readers that refuse what they have no need for.
func TestReaderKnowsLess(t *testing.T) {
	for name, o := range map[string]ccidtest.Options{
		"no SetParameters":               {Unknown: []byte{0x61}},
		"no GetParameters":               {Unknown: []byte{0x6C}, Features: 0x000104FE},
		"no SetDataRate":                 {Unknown: []byte{0x73}},
		"parameters are the reader's":    {Features: ccidtest.AutomaticParameters},
		"no word on voltages":            {Features: ccidtest.AutomaticVoltage},
		"no GetParameters, whole APDUs ": {Unknown: []byte{0x6C}, Features: 0x000204FE},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, o)
				card := b.activate(newChip([]byte{0x3B, 0xB0, 0x11, 0x00, 0x10, 0x00}))
				if _, err := card.Transceive(t.Context(), []byte{0, 0xB2, 0, 1, 0}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestOtherProtocol checks a card whose only protocol the reader lacks.
func TestOtherProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{Protocols: 1})
		b.insert(newChip(atrT1))
		if _, err := b.reader.Activate(t.Context()); !errors.Is(err, hal.ErrMute) || !strings.Contains(err.Error(), "T=1") {
			t.Errorf("got %v, want hal.ErrMute about T=1", err)
		}
	})
}

func TestVoltages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{Voltages: 7})
		b.insert(newChip(nil, nil, atrT0))
		card, err := b.reader.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := b.usb.Counts(); got.Voltage != 3 || got.Cold != 3 {
			t.Errorf("voltage code %d after %d cold resets, want 3 after 3", got.Voltage, got.Cold)
		}
		if _, err := card.Transceive(t.Context(), read); err != nil {
			t.Error(err)
		}
	})
}

func TestUnsupported(t *testing.T) {
	for text, o := range map[string]ccidtest.Options{
		"single characters":           {Characters: true},
		"ICCD, interface protocol 1":  {Protocol: 1},
		"smart card with a USB plug ": {Protocol: 2},
	} {
		b := newBench(t, o)
		if _, err := b.reader.Present(t.Context()); !errors.Is(err, hal.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), text) {
			t.Errorf("got %v, want hal.ErrUnsupported with %q", err, text)
		}
	}
	usb := ccidtest.New(ccidtest.Options{})
	r := ccid.New(ccid.Options{Open: usb.Open, Slot: 1})
	defer r.Close()
	if _, err := r.Present(t.Context()); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("a slot that is not there: got %v, want hal.ErrUnsupported", err)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{})
		c := newChip(atrT1)
		card := b.activate(c)
		c.gate, c.asked = make(chan struct{}), make(chan struct{})
		defer close(c.gate)
		asked := c.asked
		done := make(chan error)
		go func() { _, err := card.Transceive(t.Context(), read); done <- err }()
		<-asked
		closed := make(chan error)
		go func() { closed <- b.reader.Close() }()
		if err := <-done; !errors.Is(err, hal.ErrHalted) {
			t.Errorf("in flight: got %v, want hal.ErrHalted", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if _, err := b.reader.Present(t.Context()); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("Present: got %v, want hal.ErrHalted", err)
		}
		if _, err := card.Transceive(t.Context(), read); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("Transceive: got %v, want hal.ErrHalted", err)
		}
		if err := card.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPresentBesideActivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ccidtest.Options{})
		done := make(chan error)
		go func() { _, err := b.reader.Activate(t.Context()); done <- err }()
		synctest.Wait()
		if present, err := b.reader.Present(t.Context()); present || err != nil {
			t.Errorf("Present = %v, %v", present, err)
		}
		b.insert(newChip(atrT0))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestIdle checks that waiting costs next to nothing: a reader that tells of
// changes is asked once a second only.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		usb := ccidtest.New(ccidtest.Options{})
		count := &counting{}
		r := ccid.New(ccid.Options{Open: func(ctx context.Context, match string) (ccid.Device, usbfs.Info, error) {
			d, i, err := usb.Open(ctx, match)
			count.Device = d
			return count, i, err
		}})
		defer r.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := r.Activate(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if count.transfers > 40 {
			t.Errorf("%d transfers in ten seconds", count.transfers)
		}
	})
}

type counting struct {
	ccid.Device
	transfers int
}

func (c *counting) Transfer(ctx context.Context, e usbfs.Endpoint, data []byte) (int, error) {
	c.transfers++
	return c.Device.Transfer(ctx, e, data)
}

func BenchmarkTransceive(b *testing.B) {
	for _, level := range []struct {
		name     string
		features uint32
	}{{"TPDU", ccidtest.LevelTPDU}, {"APDU", ccidtest.LevelShort}} {
		for protocol, atr := range cards {
			b.Run(level.name+"/"+protocol, func(b *testing.B) {
				usb := ccidtest.New(ccidtest.Options{Features: level.features})
				r := ccid.New(ccid.Options{Open: usb.Open})
				defer r.Close()
				if err := usb.Insert(&constant{atr: atr}); err != nil {
					b.Fatal(err)
				}
				card, err := r.Activate(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := card.Transceive(b.Context(), []byte{0, 0xB2, 1, 0x0C, 2}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// constant is a chip that remembers nothing.
type constant struct{ atr []byte }

func (c *constant) ATR() []byte { return c.atr }
func (c *constant) Reset()      {}
func (c *constant) Exchange(context.Context, []byte) ([]byte, error) {
	return []byte{1, 2, 0x90, 0x00}, nil
}
