package ccid

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

func classDescriptor() []byte {
	d := make([]byte, sizeClass)
	d[0], d[1] = sizeClass, typeClass
	d[5], d[6] = 7, 3
	d[42] = 1 // TPDU level
	d[44], d[45] = 0x0F, 0x01
	d[28] = 254
	return d
}

func FuzzDescriptor(f *testing.F) {
	f.Add(classDescriptor())
	f.Add(append([]byte{3, 0xFF, 0}, classDescriptor()...))
	f.Add([]byte{0, 0x21})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseDescriptor(b)
		if err != nil {
			if !errors.Is(err, errDescriptor) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if d.maxIFSD < 0 || d.maxIFSD > 254 || d.maxMessage < 0 || d.maxMessage > headerSize+65544 {
			t.Fatalf("limits %d and %d", d.maxIFSD, d.maxMessage)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte{0x80, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0x90, 0x00}, 261)
	f.Add([]byte{0x81, 0, 0, 0, 0, 0, 1, 0x42, 0xFE, 0}, 261)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit &= 0xFFFFFF
		r, size, err := parseHeader(b, limit)
		if err != nil {
			if !errors.Is(err, errMessage) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if size < 0 || size > limit || r.icc > absent || r.command > timeExtension {
			t.Fatalf("accepted: %d bytes, ICC %d, command %d", size, r.icc, r.command)
		}
	})
}

// wild is a device that sends what the script says, mostly with the right
// header, so that all layers are reached.
type wild struct {
	script  []byte
	seq, to byte
	calls   int
}

func (w *wild) next() byte {
	if len(w.script) == 0 {
		return 0
	}
	c := w.script[0]
	w.script = w.script[1:]
	return c
}

func (w *wild) Transfer(ctx context.Context, e usbfs.Endpoint, data []byte) (int, error) {
	w.calls++
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !e.In() {
		if len(data) >= headerSize {
			w.to, w.seq = data[0], data[6]
		}
		return len(data), nil
	}
	if len(w.script) == 0 || e.Transfer == usbfs.Interrupt {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	switch how := w.next(); {
	case how < 8:
		return 0, usbfs.ErrStall
	case how < 12:
		return 0, hal.ErrNotFound
	case how < 30:
		return copy(data, w.script[:min(int(how), len(w.script))]), nil
	}
	size := int(w.next()) % 40
	m := []byte{answers[w.to], byte(size), 0, 0, 0, 0, w.seq, w.next() & 0xC3, w.next(), w.next() & 3}
	for range size {
		m = append(m, w.next())
	}
	return copy(data, m), nil
}

func (w *wild) Control(ctx context.Context, _, _ byte, _, _ uint16, data []byte) (int, error) {
	return int(w.next()) % (len(data) + 1), ctx.Err()
}
func (w *wild) Reset() error { return nil }
func (w *wild) Close() error { return nil }

// FuzzDevice lets the whole driver run on a device gone mad: it must not panic,
// must end with its context and must return errors of the contract only.
func FuzzDevice(f *testing.F) {
	status := []byte{255, 0, 0, 0, 0}
	atr := []byte{255, 4, 0, 0, 0, 0x3B, 0x60, 0x00, 0x00}
	good := []byte{255, 2, 0, 0, 0, 0x90, 0x00}
	parameters := []byte{255, 5, 0, 0, 0, 0x11, 0, 0, 10, 0}
	f.Add(join(status, status, atr, parameters, good), uint32(levelTPDU), byte(1))
	f.Add(join(status, status, atr, good), uint32(levelShort|automaticVoltage|automaticNegotiation), byte(0))
	f.Add(join(status, []byte{255, 0, 1, 0, 0}, []byte{255, 9, 0, 0, 0, 0x3B, 0xE0, 0, 0, 0x81, 0x31, 0x20, 0x45, 0x35}, parameters, []byte{255, 4, 0, 0, 0, 0, 0x82, 0, 0x82}), uint32(levelTPDU), byte(2))
	f.Add([]byte{20, 1, 2, 3}, uint32(levelExtended), byte(7))
	f.Fuzz(func(t *testing.T, script []byte, feature uint32, voltage byte) {
		synctest.Test(t, func(t *testing.T) {
			d := classDescriptor()
			d[5] = voltage
			for i := range 4 {
				d[40+i] = byte(feature >> (8 * i))
			}
			w := &wild{script: script}
			info := usbfs.Info{Interfaces: []usbfs.Interface{{Class: class, Extra: d, Endpoints: []usbfs.Endpoint{
				{Address: 1, Transfer: usbfs.Bulk, MaxPacket: 64},
				{Address: 0x82, Transfer: usbfs.Bulk, MaxPacket: 64},
			}}}}
			r := New(Options{AnyCard: voltage&8 != 0, Open: func(context.Context, string) (Device, usbfs.Info, error) { return w, info, nil }})
			defer r.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for range 5 {
				card, err := r.Activate(ctx)
				known(t, ctx, err)
				if err != nil {
					continue
				}
				for range 3 {
					answer, err := card.Transceive(ctx, []byte{0, 0xA4, 4, 0, 2, 1, 2, 0})
					known(t, ctx, err)
					if err == nil && len(answer) < 2 {
						t.Fatalf("%d bytes without an error", len(answer))
					}
				}
				if err := card.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if w.calls > 20000 {
				t.Fatalf("%d transfers for %d bytes", w.calls, len(script))
			}
			if ctx.Err() == nil {
				return
			}
			if deadline, _ := ctx.Deadline(); time.Since(deadline) > time.Second {
				t.Fatalf("ended %v after its context", time.Since(deadline))
			}
		})
	})
}

func known(t *testing.T, ctx context.Context, err error) {
	t.Helper()
	for _, want := range []error{nil, hal.ErrMute, hal.ErrCardRemoved, hal.ErrNotFound, hal.ErrHalted, hal.ErrUnsupported, ctx.Err()} {
		if errors.Is(err, want) {
			return
		}
	}
	t.Fatalf("error outside of the contract: %v", err)
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
