package boot

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// nodePatterns are the device nodes below /dev that a worker may use, whatever
// the board. Disks, memory and the watchdog are not among them.
var nodePatterns = []string{
	"ttyUSB*", "ttyACM*", "ttyAMA*", "ttyS*", // card readers on serial lines
	"i2c-*", "spidev*", "gpiochip*", "gpiomem",
	"fb0", "input/event*",
}

// workerNodes returns the paths below /dev to hand over. Root is "/" of a
// Linux system.
func workerNodes(root fs.FS) []string {
	consoles := strings.Fields(attribute(root, "sys/class/tty/console/active"))
	var found []string
	for _, pattern := range nodePatterns {
		// The patterns are constants, so the only possible error cannot happen.
		names, _ := fs.Glob(root, "dev/"+pattern)
		for _, name := range names {
			if name = strings.TrimPrefix(name, "dev/"); !slices.Contains(consoles, name) {
				found = append(found, name)
			}
		}
	}
	return append(found, cardReaders(root)...)
}

// cardReaders returns the nodes of USB devices with an interface of the smart
// card class 0b (USB "Defined Class Codes", "Smart Card").
func cardReaders(root fs.FS) []string {
	var found []string
	classes, _ := fs.Glob(root, "sys/bus/usb/devices/*/bInterfaceClass")
	for _, file := range classes {
		if attribute(root, file) != "0b" {
			continue
		}
		// The interface "1-2:1.0" belongs to the device "1-2".
		device, _, _ := strings.Cut(path.Base(path.Dir(file)), ":")
		dir := path.Join("sys/bus/usb/devices", device)
		bus, err1 := strconv.Atoi(attribute(root, dir+"/busnum"))
		number, err2 := strconv.Atoi(attribute(root, dir+"/devnum"))
		if err1 == nil && err2 == nil {
			found = append(found, fmt.Sprintf("bus/usb/%03d/%03d", bus, number))
		}
	}
	return slices.Compact(found)
}

// attribute reads one value of sysfs, "" when there is none.
func attribute(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
