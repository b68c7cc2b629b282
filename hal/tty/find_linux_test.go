package tty

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smartreader/hal"
)

// usbPort makes the sysfs entries of one port: device "1-1" and port name.
func usbPort(t *testing.T, root, device, port, serial string) {
	t.Helper()
	usb := filepath.Join(root, "sys/devices/pci0000:00/usb1", device)
	leaf := filepath.Join(usb, device+":1.0", port)
	node := filepath.Join(leaf, "tty", port)
	class := filepath.Join(root, "sys/class/tty")
	for _, dir := range []string{node, class} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"idVendor": "0403\n", "serial": serial + "\n"} {
		if err := os.WriteFile(filepath.Join(usb, name), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(leaf, filepath.Join(node, "device")), os.Symlink(node, filepath.Join(class, port))); err != nil {
		t.Fatal(err)
	}
}

func TestFindBySerialNumber(t *testing.T) {
	root := t.TempDir()
	// A port on the board itself, and one without hardware.
	board := filepath.Join(root, "sys/devices/platform/serial/tty/ttyAMA0")
	if err := os.MkdirAll(board, 0o755); err != nil {
		t.Fatal(err)
	}
	usbPort(t, root, "1-1", "ttyUSB10", "GPS-7")
	usbPort(t, root, "1-2", "ttyUSB9", "PN532-0001")
	if err := errors.Join(
		os.Symlink(filepath.Dir(filepath.Dir(board)), filepath.Join(board, "device")),
		os.Symlink(board, filepath.Join(root, "sys/class/tty/ttyAMA0")),
		os.Mkdir(filepath.Join(root, "sys/class/tty/ttyS0"), 0o755)); err != nil {
		t.Fatal(err)
	}

	if got, err := find(root, "PN532-0001"); err != nil || got != filepath.Join(root, "dev/ttyUSB9") {
		t.Errorf("got %q, %v", got, err)
	}
	_, err := find(root, "PN532-0002")
	if !errors.Is(err, hal.ErrNotFound) || !strings.Contains(err.Error(), `ttyUSB9 (serial number "PN532-0001"), ttyUSB10 (serial number "GPS-7")`) {
		t.Errorf("another serial number: got %v, want hal.ErrNotFound with what there is", err)
	}

	usbPort(t, root, "1-3", "ttyUSB2", "PN532-0001")
	if got, err := find(root, "PN532-0001"); err == nil || errors.Is(err, hal.ErrNotFound) {
		t.Errorf("two adapters with one serial number: got %q, %v", got, err)
	}
}

func TestFindTakesTheFirstPortOfAnAdapter(t *testing.T) {
	root := t.TempDir()
	usbPort(t, root, "1-1", "ttyUSB1", "DUAL")
	usbPort(t, root, "1-1", "ttyUSB0", "DUAL")
	if got, err := find(root, "DUAL"); err != nil || got != filepath.Join(root, "dev/ttyUSB0") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFindWithoutAdapters(t *testing.T) {
	if _, err := find(t.TempDir(), "PN532-0001"); !errors.Is(err, hal.ErrNotFound) || !strings.Contains(err.Error(), "no USB serial adapters at all") {
		t.Errorf("got %v", err)
	}
	if _, err := find(t.TempDir(), ""); err == nil || errors.Is(err, hal.ErrNotFound) {
		t.Errorf("no serial number: got %v", err)
	}
}
