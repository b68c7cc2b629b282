package c3_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/tap"
)

func withCancel(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(k *c3.Kernel, c *tap.Combination, r *reader)
		want   string
	}{
		{"default", nil, ""},
		{"no TTQ", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ = nil }, "DefaultTTQ"},
		{"no EMV mode", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ[0] &^= 0x20 }, "EMV mode"},
		{"magnetic stripe", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ[0] |= 0x80 }, "magnetic stripe"},
		{"older application", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ[0] |= 0x40 }, "VSDC"},
		{"negative hold", func(k *c3.Kernel, _ *tap.Combination, _ *reader) { k.Hold = -1 }, "hold time"},
		{"endless hold", func(k *c3.Kernel, _ *tap.Combination, _ *reader) { k.Hold = time.Hour }, "hold time"},
		{"no hold", func(k *c3.Kernel, _ *tap.Combination, _ *reader) { k.Hold = 0 }, ""},
		{"longest hold", func(k *c3.Kernel, _ *tap.Combination, _ *reader) { k.Hold = time.Minute }, ""},
		{"other bits", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { *c.TTQ = [4]byte{0x21, 0xFF, 0x7F, 0xFF} }, ""},
		{"offline reader of an online terminal", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ[0] |= 0x08 }, ""},
		{"offline reader of an online-only terminal", func(_ *c3.Kernel, c *tap.Combination, r *reader) {
			c.TTQ[0] |= 0x08
			r.cfg.Terminal.Type = 0x21
		}, "never online"},
		{"online reader of an offline-only terminal", func(_ *c3.Kernel, _ *tap.Combination, r *reader) { r.cfg.Terminal.Type = 0x23 }, "cannot"},
		{"offline reader of an offline-only terminal", func(_ *c3.Kernel, c *tap.Combination, r *reader) {
			c.TTQ[0] |= 0x08
			r.cfg.Terminal.Type = 0x26
		}, ""},
		{"issuer update", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ[2] |= 0x80 }, ""},
		{"issuer update offline", func(_ *c3.Kernel, c *tap.Combination, _ *reader) { c.TTQ[0] |= 0x08; c.TTQ[2] |= 0x80 }, "issuer update"},
		{"cash machine", func(_ *c3.Kernel, _ *tap.Combination, r *reader) { r.cfg.Terminal.Type = 0x14 }, "cash machine"},
		{"bank's counter", func(_ *c3.Kernel, _ *tap.Combination, r *reader) { r.cfg.Terminal.Type = 0x12 }, ""},
	} {
		r := newReader()
		ttq := c3.DefaultTTQ()
		c := &tap.Combination{AID: aid, TTQ: &ttq}
		if tt.change != nil {
			tt.change(&r.kernel, c, r)
		}
		err := r.kernel.Check(c, r.cfg)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, tap.ErrConfig) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// The qualifiers that readers start from: neither magnetic stripe mode nor issuer update, nor bits of one payment.
func TestDefaults(t *testing.T) {
	if c3.DefaultTTQ() != [4]byte{0x37, 0x00, 0x40, 0x00} {
		t.Errorf("%X", c3.DefaultTTQ())
	}
	k := c3.Default()
	if k.ID() != 3 || k.FDDAVersion0 || k.SpendingAmount || k.Hold != 1300*time.Millisecond {
		t.Errorf("%+v", k)
	}
}
