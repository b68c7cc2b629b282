package ccid

import (
	"errors"
	"strings"
	"testing"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

func TestFind(t *testing.T) {
	slot := []usbfs.Interface{{Class: class}}
	devices := []usbfs.Info{
		{Name: "1-1", Vendor: 0x046D, Product: 0xC31C, Title: "Keyboard", Interfaces: []usbfs.Interface{{Class: 3}}},
		{Name: "1-2", Vendor: 0x08E6, Product: 0x3437, Title: "A"},
		{Name: "1-3", Vendor: 0x08E6, Product: 0x3437, Title: "B", Serial: "77", Interfaces: slot},
		{Name: "1-4", Vendor: 0x076B, Product: 0x3021, Title: "C", Serial: "78", Interfaces: slot},
	}
	for match, want := range map[string]string{"": "1-3", "08e6:3437": "1-3", "076B:3021": "1-4", "78": "1-4"} {
		if got, err := find(devices, match); err != nil || got.Name != want {
			t.Errorf("%q: got %s, %v; want %s", match, got.Name, err, want)
		}
	}
	for _, tt := range []struct {
		devices []usbfs.Info
		match   string
		text    string
	}{
		{devices, "046d:c31c", "B (08e6:3437 77), C (076b:3021 78)"},
		{nil, "", "no USB chip card reader: plug one in"},
		{nil, "78", `no USB chip card reader "78": plug one in`},
	} {
		_, err := find(tt.devices, tt.match)
		if text := hal.AdviceOf(err); !errors.Is(err, hal.ErrNotFound) || text != err.Error() || !strings.Contains(text, tt.text) || strings.Contains(text, "hal:") {
			t.Errorf("%q: got %v, want hal.ErrNotFound, and %q for people", tt.match, err, tt.text)
		}
	}
}
