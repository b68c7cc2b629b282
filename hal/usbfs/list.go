package usbfs

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Info is one device as the kernel shows it.
type Info struct {
	Name            string // in sysfs, such as "1-1.2": where it is plugged in
	Bus, Number     int    // of its node in /dev/bus/usb
	Vendor, Product uint16
	Serial          string // "" when it has none
	Title           string // manufacturer and product in words
	Interfaces      []Interface
}

// ID is vendor and product as usually written: "08e6:3437".
func (i Info) ID() string { return fmt.Sprintf("%04x:%04x", i.Vendor, i.Product) }

// Node is the device's file, relative to the root directory.
func (i Info) Node() string { return fmt.Sprintf("dev/bus/usb/%03d/%03d", i.Bus, i.Number) }

// Interface returns the first interface of a class.
func (i Info) Interface(class byte) (Interface, bool) {
	at := slices.IndexFunc(i.Interfaces, func(f Interface) bool { return f.Class == class })
	if at < 0 {
		return Interface{}, false
	}
	return i.Interfaces[at], true
}

// List returns the devices plugged in, in the order of bus and number. root is
// "/" of a Linux system. A device that vanishes or makes no sense meanwhile is
// left out; a system without USB has an empty list.
func List(root fs.FS) []Info {
	const dir = "sys/bus/usb/devices"
	entries, err := fs.ReadDir(root, dir)
	if err != nil {
		return nil
	}
	var found []Info
	for _, e := range entries {
		if strings.Contains(e.Name(), ":") {
			continue // an interface, which its device describes too
		}
		if i, err := read(root, path.Join(dir, e.Name())); err == nil {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Number, b.Number))
	})
	return found
}

func read(root fs.FS, dir string) (Info, error) {
	i := Info{
		Name:   path.Base(dir),
		Serial: attribute(root, dir, "serial"),
		Title:  strings.TrimSpace(attribute(root, dir, "manufacturer") + " " + attribute(root, dir, "product")),
	}
	configuration := 0
	for _, n := range []struct {
		name string
		base int
		set  func(int)
	}{
		{"busnum", 10, func(v int) { i.Bus = v }},
		{"devnum", 10, func(v int) { i.Number = v }},
		{"idVendor", 16, func(v int) { i.Vendor = uint16(v) }},
		{"idProduct", 16, func(v int) { i.Product = uint16(v) }},
		{"bConfigurationValue", 10, func(v int) { configuration = v }},
	} {
		v, err := strconv.ParseUint(attribute(root, dir, n.name), n.base, 16)
		if err != nil {
			return Info{}, fmt.Errorf("usbfs: %s of %s: %w", n.name, i.Name, err)
		}
		n.set(int(v))
	}
	b, err := fs.ReadFile(root, path.Join(dir, "descriptors"))
	if err != nil {
		return Info{}, fmt.Errorf("usbfs: %s: %w", i.Name, err)
	}
	i.Interfaces, err = ParseInterfaces(b, configuration)
	return i, err
}

// attribute reads one value, "" when there is none.
func attribute(root fs.FS, dir, name string) string {
	b, err := fs.ReadFile(root, path.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
