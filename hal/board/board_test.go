package board

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestEveryNameOpens(t *testing.T) {
	for _, name := range Names() {
		b, err := Open(name, t.TempDir(), quiet())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b.Name != name || b.Keys == nil || !strings.HasPrefix(b.Serial, strings.ToUpper(name)+"-") {
			t.Errorf("%s: name %q, serial %q, keys %v", name, b.Name, b.Serial, b.Keys)
		}
		// 8 devices and the secure element: none silently absent.
		if len(b.Missing) != 9 {
			t.Errorf("%s: %d missing devices, want 9", name, len(b.Missing))
		}
		for _, m := range b.Missing {
			if !errors.Is(m.Err, hal.ErrNotFound) && !errors.Is(m.Err, hal.ErrUnsupported) {
				t.Errorf("%s: %s: %v", name, m.Device, m.Err)
			}
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
}

func TestUnknownNameListsTheKnown(t *testing.T) {
	_, err := Open("toaster", t.TempDir(), quiet())
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "desk, none") {
		t.Errorf("got %v, want ErrUnknown with the names", err)
	}
}

func TestMissingDevicesAreLogged(t *testing.T) {
	var out strings.Builder
	if _, err := Open("none", t.TempDir(), slog.New(slog.NewTextHandler(&out, nil))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"secure element", "not for real cards", "chip card reader"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestKeysAndSerialSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first, err := Open("desk", dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	haltest.KeyStore(t, func() hal.KeyStore {
		b, err := Open("desk", dir, quiet())
		if err != nil {
			t.Fatal(err)
		}
		if b.Serial != first.Serial {
			t.Errorf("serial number %q became %q", first.Serial, b.Serial)
		}
		return b.Keys
	})
}

func TestDamagedSerialIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	for _, content := range []string{"", "x", "has space", strings.Repeat("A", 33)} {
		if err := os.WriteFile(filepath.Join(dir, "serial"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open("none", dir, quiet()); err == nil {
			t.Errorf("a serial number %q was accepted or replaced", content)
		}
	}
	if _, err := Open("none", "", quiet()); err == nil {
		t.Error("a board without a folder opened")
	}
}

func TestWhatIsFoundIsNamed(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	w := wiring{i2c: []string{"/dev/i2c-1"}, spi: []string{"SPI0.0"}, lines: 54}
	w.look(fstest.MapFS{
		"sys/bus/usb/devices/1-2/idVendor":            file("076b\n"),
		"sys/bus/usb/devices/1-2/idProduct":           file("3031\n"),
		"sys/bus/usb/devices/1-2/product":             file("OMNIKEY 3x21\n"),
		"sys/bus/usb/devices/1-2:1.0/bInterfaceClass": file("0b\n"),
		"sys/bus/usb/devices/1-3:1.0/bInterfaceClass": file("03\n"),
		"dev/ttyUSB0":      file(""),
		"dev/input/event3": file(""),
		"dev/fb0":          file(""),
		"dev/watchdog":     file(""),
	})
	want := map[string]string{
		"chip card reader":       `found a USB CCID reader 076b:3031 ("OMNIKEY 3x21"), this build has no driver for it`,
		"contactless reader":     "found I2C /dev/i2c-1, SPI SPI0.0, /dev/ttyUSB0,",
		"magnetic stripe reader": "found /dev/input/event3,",
		"screen":                 "found /dev/fb0,",
		"lights and beeper":      "found 54 GPIO lines,",
		"tamper switch":          "found 54 GPIO lines,",
		"watchdog":               "found /dev/watchdog,",
	}
	for _, m := range w.missing() {
		if text, ok := want[m.Device]; ok && (!errors.Is(m.Err, hal.ErrUnsupported) || !strings.Contains(m.Err.Error(), text)) {
			t.Errorf("%s: %v, want %q", m.Device, m.Err, text)
		}
		delete(want, m.Device)
	}
	if len(want) > 0 {
		t.Errorf("not reported: %v", want)
	}
}

func TestWhatIsNotFoundIsNamed(t *testing.T) {
	var w wiring
	w.look(fstest.MapFS{})
	for _, m := range w.missing() {
		if !errors.Is(m.Err, hal.ErrNotFound) {
			t.Errorf("%s: %v, want hal.ErrNotFound", m.Device, m.Err)
		}
	}
}
