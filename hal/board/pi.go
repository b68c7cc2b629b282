//go:build linux

package board

import "smartreader/hal"

// pi is a Raspberry Pi Zero 2 W, 3, 4 or CM4 wired as docs/hardware.md shows.
// Numbers are GPIO numbers, not those of the header's pins.
func pi(a *assembly) {
	w := piWiring()
	a.chips()
	a.taps("hsu:/dev/ttyAMA0")
	a.stripe()
	a.picture("ssd1306:/dev/i2c-1", "fb:/dev/fb0")
	a.pressed(w, "evdev", "gpio")
	a.signals(w)
	a.tampers(w)
}

func piWiring() *wired {
	return &wired{
		chips:   []string{"pinctrl-bcm2835", "pinctrl-bcm2711"},
		leds:    [4]int{5, 6, 13, 19},
		beeper:  18,
		tamper:  26,
		rows:    []int{16, 20, 21, 12},
		columns: []int{22, 23, 24},
		layout: [][]hal.Key{
			{hal.Key1, hal.Key2, hal.Key3},
			{hal.Key4, hal.Key5, hal.Key6},
			{hal.Key7, hal.Key8, hal.Key9},
			{hal.KeyCancel, hal.Key0, hal.KeyEnter}, // "*" and "#" on most
		},
	}
}
