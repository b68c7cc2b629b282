package tty

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"smartreader/hal"
)

// Find returns the path of the serial port whose USB adapter has this serial
// number. Of an adapter with several ports it is the first. No such adapter is
// hal.ErrNotFound, with the adapters that there are in the text; two of them
// are an error, because the wrong one could be taken.
func Find(serial string) (path string, err error) { return find("/", serial) }

// adapter is one port of a USB serial adapter.
type adapter struct {
	name   string // of the port, "ttyUSB0"
	device string // the USB device's folder in sysfs
	serial string // from its descriptor, "" none
}

func find(root, serial string) (string, error) {
	if serial == "" {
		return "", errors.New("tty: find: no serial number given")
	}
	adapters, err := adapters(root)
	if err != nil {
		return "", fmt.Errorf("tty: find: %w", err)
	}
	var found *adapter
	var seen []string
	for i, a := range adapters {
		seen = append(seen, fmt.Sprintf("%s (serial number %q)", a.name, a.serial))
		switch {
		case a.serial != serial || found != nil && found.device == a.device:
		case found != nil:
			return "", fmt.Errorf("tty: find: two adapters have the serial number %q: %s and %s; name the port by its path", serial, found.name, a.name)
		default:
			found = &adapters[i]
		}
	}
	if found != nil {
		return filepath.Join(root, "dev", found.name), nil
	}
	if len(seen) == 0 {
		seen = []string{"no USB serial adapters at all"}
	}
	return "", fmt.Errorf("tty: find: %w", hal.Advise(hal.ErrNotFound, "no USB serial adapter has the serial number %q; plugged in: %s",
		serial, strings.Join(seen, ", ")))
}

// adapters lists the serial ports that are on USB, by name.
func adapters(root string) ([]adapter, error) {
	class := filepath.Join(root, "sys/class/tty")
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []adapter
	for _, e := range entries {
		// A port that vanishes while it is looked at is a port that is not there.
		device, err := filepath.EvalSymlinks(filepath.Join(class, e.Name(), "device"))
		if err != nil {
			continue
		}
		if usb, ok := usbDevice(device); ok {
			found = append(found, adapter{e.Name(), usb, attribute(usb, "serial")})
		}
	}
	slices.SortFunc(found, func(a, b adapter) int {
		if d := len(a.name) - len(b.name); d != 0 {
			return d // ttyUSB9 before ttyUSB10
		}
		return strings.Compare(a.name, b.name)
	})
	return found, nil
}

// usbDevice returns the USB device that a port belongs to: the nearest folder
// above it with a vendor number. The port itself hangs below an interface.
func usbDevice(port string) (folder string, ok bool) {
	for dir := port; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if attribute(dir, "idVendor") != "" {
			return dir, true
		}
	}
	return "", false
}

// attribute reads one sysfs value, "" when there is none.
func attribute(folder, name string) string {
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
