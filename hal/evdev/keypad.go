package evdev

import "smartreader/hal"

// keypad says which key of a reader a key code stands for
// (uapi/linux/input-event-codes.h).
var keypad = map[uint16]hal.Key{
	2: hal.Key1, 3: hal.Key2, 4: hal.Key3, 5: hal.Key4, 6: hal.Key5, // main row
	7: hal.Key6, 8: hal.Key7, 9: hal.Key8, 10: hal.Key9, 11: hal.Key0,

	71: hal.Key7, 72: hal.Key8, 73: hal.Key9, // number pad
	75: hal.Key4, 76: hal.Key5, 77: hal.Key6,
	79: hal.Key1, 80: hal.Key2, 81: hal.Key3, 82: hal.Key0,

	0x200: hal.Key0, 0x201: hal.Key1, 0x202: hal.Key2, 0x203: hal.Key3, 0x204: hal.Key4, // phones
	0x205: hal.Key5, 0x206: hal.Key6, 0x207: hal.Key7, 0x208: hal.Key8, 0x209: hal.Key9,

	28:    hal.KeyEnter, // Enter
	96:    hal.KeyEnter, // Enter of the number pad
	0x160: hal.KeyEnter, // OK
	0x161: hal.KeyEnter, // Select
	0x20b: hal.KeyEnter, // #

	1:     hal.KeyCancel, // Escape
	223:   hal.KeyCancel, // Cancel
	55:    hal.KeyCancel, // * of the number pad
	0x20a: hal.KeyCancel, // *

	14:    hal.KeyClear, // Backspace
	111:   hal.KeyClear, // Delete
	0x163: hal.KeyClear, // Clear
	83:    hal.KeyClear, // decimal point of the number pad

	103: hal.KeyUp,
	108: hal.KeyDown,
}

// keypad says whether the device has a key that is of use.
func (id *identity) keypad() bool {
	for code := range keypad {
		if id.keys.has(code) {
			return true
		}
	}
	return false
}
