//go:build linux

package board

// virt is QEMU's machine "virt" as build/qemu starts it: everything that is
// plugged in is USB, and the screen is the firmware's framebuffer.
func virt(a *assembly) {
	a.chips()
	a.taps("hsu:usb:PN532-0001")
	a.stripe()
	a.picture("fb:/dev/fb0")
	a.pressed(nil, "evdev")
}

// raspi3b is QEMU's machine "raspi3b": the Pi's own peripherals as far as they
// are emulated. Lights can be driven, but nobody sees them.
func raspi3b(a *assembly) {
	a.chips()
	a.taps("hsu:usb:PN532-0001")
	a.stripe()
	a.picture("fb:/dev/fb0")
	a.pressed(nil, "evdev")
	a.signals(&wired{chips: []string{"pinctrl-bcm2835"}, leds: [4]int{5, 6, 13, 19}, beeper: 18})
}
