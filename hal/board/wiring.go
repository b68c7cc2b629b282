package board

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// wiring is what was found on this computer, in words.
type wiring struct {
	i2c, spi     []string // buses by periph's name
	lines        int      // GPIO lines
	ccid         []string // USB chip card readers
	serials      []string // USB serial adapters
	inputs       []string // keyboards and what types like one
	framebuffers []string
	watchdogs    []string
}

// look finds devices below root, which is "/" of a Linux system. It opens
// nothing in /dev: some devices act on being opened (a watchdog starts).
func (w *wiring) look(root fs.FS) {
	w.ccid = ccidReaders(root)
	w.serials = nodes(root, "dev/ttyUSB*", "dev/ttyACM*")
	w.inputs = nodes(root, "dev/input/event*")
	w.framebuffers = nodes(root, "dev/fb0")
	w.watchdogs = nodes(root, "dev/watchdog")
}

// places are where a PN532 could be.
func (w *wiring) places() []string {
	var found []string
	if n := len(w.i2c); n > 0 {
		found = append(found, "I2C "+strings.Join(w.i2c, " "))
	}
	if n := len(w.spi); n > 0 {
		found = append(found, "SPI "+strings.Join(w.spi, " "))
	}
	return append(found, w.serials...)
}

func (w *wiring) gpio() []string {
	if w.lines == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d GPIO lines", w.lines)}
}

func nodes(root fs.FS, patterns ...string) []string {
	var found []string
	for _, pattern := range patterns {
		// The patterns are constants, so the only possible error cannot happen.
		names, _ := fs.Glob(root, pattern)
		for _, name := range names {
			found = append(found, "/"+name)
		}
	}
	return found
}

// ccidReaders finds USB interfaces of the smart card class (0b, USB CCID
// specification 1.1 section "Smart Card Device Class") by the kernel's sysfs.
func ccidReaders(root fs.FS) []string {
	var found []string
	classes, _ := fs.Glob(root, "sys/bus/usb/devices/*/bInterfaceClass")
	for _, file := range classes {
		if attribute(root, file) != "0b" {
			continue
		}
		// An interface "1-2:1.0" belongs to the device "1-2".
		device, _, _ := strings.Cut(path.Base(path.Dir(file)), ":")
		dir := path.Join("sys/bus/usb/devices", device)
		text := fmt.Sprintf("a USB CCID reader %s:%s", attribute(root, path.Join(dir, "idVendor")), attribute(root, path.Join(dir, "idProduct")))
		if product := attribute(root, path.Join(dir, "product")); product != "" {
			text += fmt.Sprintf(" (%q)", product)
		}
		found = append(found, text)
	}
	return found
}

// attribute reads one sysfs value, "" when there is none.
func attribute(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
