// Package usbfs speaks to USB devices through the Linux kernel's usbfs, in pure
// Go: it finds devices in sysfs, takes an interface for itself and transfers
// over its endpoints. No library and no privileges beyond the device's node in
// /dev/bus/usb are needed.
//
// Enumeration ([List]) and descriptor parsing ([ParseInterfaces]) are plain
// file reading and work on any system; [Open] is an error that matches
// hal.ErrUnsupported except on Linux.
//
// # Specifications
//
//   - Universal Serial Bus Specification 2.0, "Device Framework":
//     "Standard USB Descriptor Definitions"
//   - Linux kernel documentation, "The Linux-USB Host Side API", "The USB
//     character device nodes", https://docs.kernel.org/driver-api/usb/usb.html
package usbfs
