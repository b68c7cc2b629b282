//go:build linux

package board

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// What Linux has found is looked up by name only: some devices act on being
// opened (a watchdog starts).

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
