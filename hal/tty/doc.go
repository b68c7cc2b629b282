// Package tty opens serial ports of Linux: raw, 8 data bits, no parity, one
// stop bit, no flow control, any baud rate, with deadlines.
//
// USB serial adapters come and go, and their /dev names change with the order
// of plugging in. [Find] finds one by the serial number in its USB descriptor.
//
// Sources: Linux man-pages ioctl_tty(2) and termios(3),
// https://man7.org/linux/man-pages/man2/ioctl_tty.2.html; Linux documentation
// "USB serial" and the sysfs rules of Documentation/admin-guide/sysfs-rules.
package tty
