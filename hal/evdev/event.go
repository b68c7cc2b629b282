package evdev

import "encoding/binary"

// event is one struct input_event of a 64-bit kernel. Its time is not used.
type event struct {
	kind, code uint16
	value      int32
}

const eventSize = 24 // two 8-byte words of time, type, code, value

// decode takes one event off b, which holds whole events.
func decode(b []byte) (event, []byte) {
	return event{
		kind:  binary.NativeEndian.Uint16(b[16:]),
		code:  binary.NativeEndian.Uint16(b[18:]),
		value: int32(binary.NativeEndian.Uint32(b[20:])),
	}, b[eventSize:]
}

// Event types and codes (uapi/linux/input-event-codes.h).
const (
	evSyn = 0
	evKey = 1
	evAbs = 3

	synReport  = 0
	synDropped = 3

	btnLeft  = 0x110
	btnTouch = 0x14a

	absX          = 0x00
	absY          = 0x01
	absMTSlot     = 0x2f
	absMTX        = 0x35
	absMTY        = 0x36
	absMTTracking = 0x39

	keyMax = 0x2ff

	released = 0
	pressed  = 1 // 2 is a repeat of a key held down
)

// bitmap is a set of codes, as a little-endian kernel gives it.
type bitmap [keyMax/8 + 1]byte

func (m *bitmap) has(code uint16) bool {
	return int(code) < 8*len(m) && m[code/8]>>(code%8)&1 != 0
}

func (m *bitmap) add(codes ...uint16) {
	for _, code := range codes {
		m[code/8] |= 1 << (code % 8)
	}
}

// axis is the range of an absolute axis, both ends included.
type axis struct{ low, high int32 }

// scale turns a value into a pixel of 0 to pixels-1.
func (a axis) scale(value int32, pixels int) int {
	span := int64(a.high) - int64(a.low) + 1
	at := (int64(value) - int64(a.low)) * int64(pixels) / max(span, 1)
	return int(min(max(at, 0), int64(pixels)-1))
}

// identity says what a device is and can do.
type identity struct {
	name, serial    string // serial number, of USB devices that have one
	bus             uint16 // 3 is USB
	vendor, product uint16
	keys, abs       bitmap
	x, y            axis // of ABS_X and ABS_Y
	mtX, mtY        axis // of ABS_MT_POSITION_X and _Y
}
