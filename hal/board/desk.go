//go:build linux

package board

// desk is a Linux computer with readers on USB. Keyboard and screen are its
// user's and left alone unless the settings name them.
func desk(a *assembly) {
	a.chips()
	a.taps("")
	a.stripe()
	a.picture()
	a.pressed(nil)
}

// none has no devices at all.
func none(*assembly) {}
