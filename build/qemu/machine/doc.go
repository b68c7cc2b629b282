// Package machine runs the reader's kernel and disk in QEMU, with the devices
// a reader has, and is the hand on its switches: power, plugs and keys.
//
// There are two machines. "virt" is QEMU's own: quick, with a frame buffer by
// UEFI (EDK2 and ramfb). "raspi3b" is a Raspberry Pi: slow, and nearer to the
// real thing (SD card, DWC2 USB, VideoCore frame buffer, PL011). Both have a
// USB CCID chip card reader, a USB serial adapter that a PN532 is behind, and
// a USB keyboard for a keypad. QEMU, docs "System Emulation", "Arm System
// emulator".
package machine
