package evdev

// Key codes that stripe.go and match.go name.
const (
	keyDigit1     = 2
	keyDigit0     = 11
	keySemicolon  = 39
	keyShiftLeft  = 42
	keySlash      = 53
	keyShiftRight = 54
)

// us are the characters of a US keyboard, without and with Shift. Letters are
// upper case both ways: tracks know no lower case, and a device may hold Shift
// or rely on Caps Lock.
var us = func() (keys [84][2]byte) {
	row := func(from int, plain, shifted string) {
		for i := range plain {
			keys[from+i] = [2]byte{plain[i], shifted[i]}
		}
	}
	row(2, "1234567890-=", "!@#$%^&*()_+")
	row(16, "QWERTYUIOP[]", "QWERTYUIOP{}")
	row(30, "ASDFGHJKL;'`", `ASDFGHJKL:"~`)
	row(43, `\ZXCVBNM,./`, "|ZXCVBNM<>?")
	row(55, "*", "*") // number pad
	row(57, " ", " ")
	row(71, "789-456+1230.", "789-456+1230.") // number pad
	return keys
}()

// typist turns key events into the characters that were typed.
type typist struct{ left, right bool } // Shift held down

func (t *typist) take(e event) (c byte, typed bool) {
	switch {
	case e.kind != evKey:
	case e.code == keyShiftLeft:
		t.left = e.value != released
	case e.code == keyShiftRight:
		t.right = e.value != released
	case e.value == pressed && int(e.code) < len(us):
		shift := 0
		if t.left || t.right {
			shift = 1
		}
		c = us[e.code][shift]
	}
	return c, c != 0
}
