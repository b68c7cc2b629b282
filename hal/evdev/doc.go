// Package evdev reads Linux input devices (/dev/input/event*): keypads,
// keyboards and touch screens as [Input], and magnetic stripe readers that type
// like a keyboard as [Swipe].
//
// Both look for devices by themselves and take up what is plugged in later.
// They start no goroutines: a waiting call waits in poll(2) for the devices, for
// changes of the folder (inotify) and for the end of its context.
//
// # Keypads
//
// Keys are told by their place, not by what is printed on them, so digits work
// with every keyboard layout and regardless of Num Lock. Digits of the main row,
// of the number pad and of phones; Enter, OK, Select and # are Enter; Escape,
// Cancel and * are Cancel; Backspace, Delete, Clear and the pad's decimal point
// are Clear; the arrows up and down. With Options.Alone nobody else gets them.
//
// # Touch screens
//
// A finger that comes down is a touch. A touch screen whose axes are turned or
// swapped is corrected in the device tree (properties touchscreen-inverted-x,
// touchscreen-inverted-y, touchscreen-swapped-x-y). Multi-touch devices without
// slots and without the kernel's pointer emulation (protocol A of old drivers)
// are not read.
//
// # Magnetic stripe readers
//
// The reader must be set to its keyboard mode with a US layout, which is what
// they come with. It is taken away from everybody else (EVIOCGRAB) from the
// first Read until Close, so that a card number is never typed into a console.
// Such a device gives card data in the clear; readers that encrypt speak other
// protocols.
//
// Linux kernel documentation: "Linux Input Subsystem userspace API", sections
// "Input event codes", "Multi-touch (MT) Protocol", "Using event interface";
// https://docs.kernel.org/input/input_uapi.html.
// Tracks: ISO/IEC 7811-2 and 7811-6 (characters), ISO/IEC 7813 (tracks 1, 2),
// ISO/IEC 4909 (track 3).
package evdev
