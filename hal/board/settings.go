//go:build linux

package board

import (
	"fmt"
	"regexp"
	"strings"
)

// Settings choose between the devices a board can have. An empty setting leaves
// the choice to the board; "off" leaves the device out.
type Settings struct {
	// CCID is the chip card slot, a USB reader of the CCID class: its USB ids
	// "vvvv:pppp" (hexadecimal) or its USB serial number. Empty: the first one
	// found.
	CCID string `json:"ccid"`
	// PN532 is where the contactless chip is: "hsu:/dev/ttyUSB0" (serial line),
	// "hsu:usb:SERIAL" (USB serial adapter with that USB serial number),
	// "i2c:/dev/i2c-1" or "spi:/dev/spidev0.0".
	PN532 string `json:"pn532"`
	// Screen is "fb:/dev/fb0" (Linux framebuffer) or "ssd1306:/dev/i2c-1" (small
	// monochrome OLED).
	Screen string `json:"screen"`
	// Swipe is a magnetic stripe reader that types like a keyboard:
	// "usb:vvvv:pppp", a part of its name, or its USB serial number.
	Swipe string `json:"swipe"`
	// Keys is "evdev" (keypads, keyboards and touch screens that Linux knows) or
	// "gpio" (a matrix keypad on the board's lines).
	Keys string `json:"keys"`
	// Tamper is "gpio" for a switch on the board's line. It is off unless set:
	// without the switch the line reads as an opened case, and the reader would
	// erase its keys.
	Tamper string `json:"tamper"`
	// Signals is "gpio" for lights and beeper on the board's lines.
	Signals string `json:"signals"`
}

const off = "off"

var settingForms = []struct {
	name, form string
	of         func(Settings) string
	pattern    *regexp.Regexp
}{
	{"ccid", `USB ids "vvvv:pppp" or a USB serial number`, func(s Settings) string { return s.CCID }, regexp.MustCompile(`^[!-~]{1,64}$`)},
	{"pn532", `"hsu:/dev/ttyUSB0", "hsu:usb:SERIAL", "i2c:/dev/i2c-1" or "spi:/dev/spidev0.0"`, func(s Settings) string { return s.PN532 },
		regexp.MustCompile(`^(hsu:(/dev/\w+|usb:[!-~]{1,64})|i2c:/dev/i2c-\d+|spi:/dev/spidev\d+\.\d+)$`)},
	{"screen", `"fb:/dev/fb0" or "ssd1306:/dev/i2c-1"`, func(s Settings) string { return s.Screen }, regexp.MustCompile(`^(fb:/dev/\w+|ssd1306:/dev/i2c-\d+)$`)},
	{"swipe", `"usb:vvvv:pppp", a part of its name or its USB serial number`, func(s Settings) string { return s.Swipe }, regexp.MustCompile(`^(usb:[0-9a-fA-F]{4}:[0-9a-fA-F]{4}|[^:\pC]{3,64})$`)},
	{"keys", `"evdev" or "gpio"`, func(s Settings) string { return s.Keys }, regexp.MustCompile(`^(evdev|gpio)$`)},
	{"tamper", `"gpio"`, func(s Settings) string { return s.Tamper }, regexp.MustCompile(`^gpio$`)},
	{"signals", `"gpio"`, func(s Settings) string { return s.Signals }, regexp.MustCompile(`^gpio$`)},
}

// Check says which setting is not well formed. It looks at no hardware.
func (s Settings) Check() error {
	for _, f := range settingForms {
		if v := f.of(s); v != "" && v != off && !f.pattern.MatchString(v) {
			return fmt.Errorf("board: devices.%s is %q; it must be %s, %q, or empty for the board's own choice", f.name, v, f.form, off)
		}
	}
	return nil
}

// or returns the setting, or the board's own choice where it is empty.
func or(setting, own string) string {
	if setting == "" {
		return own
	}
	return setting
}

// split divides "kind:where".
func split(setting string) (kind, where string) {
	kind, where, _ = strings.Cut(setting, ":")
	return kind, where
}
