package evdev

import (
	"fmt"
	"strings"
)

const busUSB = 3

// matches says whether pattern means the device: "usb:vvvv:pppp" by the vendor
// and product numbers in hexadecimal, anything else as its serial number or a
// part of its name, upper and lower case alike. The empty pattern means no
// device.
func (id *identity) matches(pattern string) bool {
	pattern = strings.ToLower(pattern)
	if numbers, ok := strings.CutPrefix(pattern, "usb:"); ok {
		return id.bus == busUSB && numbers == fmt.Sprintf("%04x:%04x", id.vendor, id.product)
	}
	return pattern != "" && (strings.ToLower(id.serial) == pattern || strings.Contains(strings.ToLower(id.name), pattern))
}

// String names the device for a log.
func (id *identity) String() string {
	s := fmt.Sprintf("%s (%04x:%04x)", id.name, id.vendor, id.product)
	if id.serial != "" {
		s += " serial " + id.serial
	}
	return s
}

// typewriter says whether the device has the keys a magnetic stripe reader
// types with. Its other interfaces (media keys, system control) have not.
func (id *identity) typewriter() bool {
	for _, code := range []uint16{keyDigit1, keyDigit0, keySemicolon, keySlash, keyShiftLeft} {
		if !id.keys.has(code) {
			return false
		}
	}
	return true
}
