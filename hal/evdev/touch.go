package evdev

import (
	"image"

	"smartreader/hal"
)

// slots bounds the fingers that are told apart; the others are ignored.
const slots = 16

// listener turns the events of one device into keys and touches. Where a finger
// is must be kept up to date even while nobody waits, because the kernel tells
// only what changed.
type listener struct {
	screen image.Point // size in pixels, zero without one
	keys   bool
	touch  touchKind
	x, y   axis

	position
	where   func() position // asks the kernel
	down    int             // finger that came down since the last report, -1 for none
	dropped bool            // events were lost: ignore all up to the next report
}

// position says where the fingers are or were last, in the units of the device.
// A device that knows one only has it in slot 0.
type position struct {
	slot    int
	fingers [slots]image.Point
}

type touchKind byte

const (
	noTouch touchKind = iota
	pointer           // ABS_X, ABS_Y and a button: also what the kernel makes of most multi-touch devices
	multi             // slots only
)

func newListener(id *identity, screen image.Point, where func(touchKind) position) *listener {
	l := &listener{screen: screen, keys: id.keypad(), down: -1}
	wide := func(a axis) bool { return a.high > a.low }
	switch {
	case screen.X < 1 || screen.Y < 1:
	case id.abs.has(absX) && id.abs.has(absY) && wide(id.x) && wide(id.y) && (id.keys.has(btnTouch) || id.keys.has(btnLeft)):
		l.touch, l.x, l.y = pointer, id.x, id.y
	case id.abs.has(absMTSlot) && id.abs.has(absMTX) && id.abs.has(absMTY) && wide(id.mtX) && wide(id.mtY):
		l.touch, l.x, l.y = multi, id.mtX, id.mtY
	}
	l.where = func() position { return where(l.touch) }
	l.position = l.where()
	return l
}

// useful says whether the device can give anything.
func (l *listener) useful() bool { return l.keys || l.touch != noTouch }

// take takes one event and says whether it completed a key press or a touch.
func (l *listener) take(e event) (hal.InputEvent, bool) {
	if l.dropped {
		if e.kind == evSyn && e.code == synReport {
			l.dropped, l.position = false, l.where()
		}
		return hal.InputEvent{}, false
	}
	switch {
	case e.kind == evSyn && e.code == synDropped:
		l.dropped, l.down = true, -1
	case e.kind == evSyn && e.code == synReport && l.down >= 0:
		at := l.fingers[l.down]
		l.down = -1
		return hal.InputEvent{At: image.Pt(l.x.scale(int32(at.X), l.screen.X), l.y.scale(int32(at.Y), l.screen.Y))}, true
	case e.kind == evKey && e.value == pressed:
		if key, ok := keypad[e.code]; ok {
			return hal.InputEvent{Key: key}, true
		}
		if l.touch == pointer && (e.code == btnTouch || e.code == btnLeft) {
			l.down = 0
		}
	case e.kind == evAbs:
		l.move(e)
	}
	return hal.InputEvent{}, false
}

func (l *listener) wipe() { l.down = -1 }

func (l *listener) move(e event) {
	switch {
	case l.touch == pointer && e.code == absX:
		l.fingers[0].X = int(e.value)
	case l.touch == pointer && e.code == absY:
		l.fingers[0].Y = int(e.value)
	case l.touch != multi:
	case e.code == absMTSlot:
		l.slot = int(e.value)
	case l.slot < 0 || l.slot >= slots:
	case e.code == absMTX:
		l.fingers[l.slot].X = int(e.value)
	case e.code == absMTY:
		l.fingers[l.slot].Y = int(e.value)
	case e.code == absMTTracking && e.value >= 0:
		l.down = l.slot
	}
}
