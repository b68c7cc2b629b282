package evdev

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"smartreader/hal"
)

var report = event{evSyn, synReport, 0}

func press(code uint16) []event {
	return []event{{evKey, code, pressed}, report, {evKey, code, released}, report}
}

func keyboard() identity {
	id := identity{name: "QEMU USB Keyboard", bus: busUSB, vendor: 0x0627, product: 0x0001}
	for code := uint16(1); code < 120; code++ {
		id.keys.add(code)
	}
	return id
}

func stripeReader() identity {
	id := keyboard()
	id.name, id.vendor, id.product = "Mag-Tek USB Swipe Reader", 0x0801, 0x0001
	return id
}

func tablet() identity {
	id := identity{name: "QEMU USB Tablet", bus: busUSB, x: axis{0, 32767}, y: axis{0, 32767}}
	id.keys.add(btnLeft)
	id.abs.add(absX, absY)
	return id
}

func multiTouch() identity {
	id := identity{name: "panel", mtX: axis{0, 799}, mtY: axis{0, 479}}
	id.abs.add(absMTSlot, absMTX, absMTY, absMTTracking)
	return id
}

func TestMatch(t *testing.T) {
	id := &identity{name: "Mag-Tek USB Swipe Reader", serial: "B12345", bus: busUSB, vendor: 0x0801, product: 0x00AB}
	for pattern, want := range map[string]bool{
		"": false, "usb:0801:00ab": true, "USB:0801:00AB": true, "usb:0801:00ac": false, "usb:801:ab": false,
		"swipe reader": true, "MAG-TEK": true, "b12345": true, "b1234": false, "keyboard": false, "usb:": false,
	} {
		if got := id.matches(pattern); got != want {
			t.Errorf("%q: %v, want %v", pattern, got, want)
		}
	}
	id.bus = 5 // Bluetooth
	if id.matches("usb:0801:00ab") {
		t.Error("a Bluetooth device is no USB device")
	}
}

func TestScale(t *testing.T) {
	for _, c := range []struct {
		a      axis
		value  int32
		pixels int
		want   int
	}{
		{axis{0, 32767}, 0, 480, 0}, {axis{0, 32767}, 32767, 480, 479}, {axis{0, 32767}, 16384, 480, 240},
		{axis{0, 799}, 799, 800, 799}, {axis{-100, 99}, 0, 200, 100}, {axis{0, 99}, 250, 10, 9}, {axis{0, 99}, -5, 10, 0},
		{axis{-1 << 31, 1<<31 - 1}, 1<<31 - 1, 1000, 999},
	} {
		if got := c.a.scale(c.value, c.pixels); got != c.want {
			t.Errorf("%d of %v on %d pixels: %d, want %d", c.value, c.a, c.pixels, got, c.want)
		}
	}
}

func TestEveryKeyCanBePressed(t *testing.T) {
	reached := map[hal.Key]bool{}
	for _, k := range keypad {
		reached[k] = true
	}
	for k := hal.Key0; k <= hal.KeyDown; k++ {
		if !reached[k] {
			t.Errorf("no key code means %v", k)
		}
	}
}

// feed gives events to a listener and gathers what comes of them.
func feed(l *listener, events ...event) (got []hal.InputEvent) {
	for _, e := range events {
		if e, ok := l.take(e); ok {
			got = append(got, e)
		}
	}
	return got
}

func nowhere(touchKind) position { return position{} }

func TestTouch(t *testing.T) {
	size := image.Pt(800, 480)
	touchscreen := identity{x: axis{0, 799}, y: axis{0, 479}}
	touchscreen.keys.add(btnTouch)
	touchscreen.abs.add(absX, absY)
	panel := multiTouch()
	noRange := touchscreen
	noRange.x = axis{}
	joystick := touchscreen
	joystick.keys = bitmap{}
	joystick.keys.add(0x120)
	at := func(points ...image.Point) (want []hal.InputEvent) {
		for _, p := range points {
			want = append(want, hal.InputEvent{At: p})
		}
		return want
	}
	for name, c := range map[string]struct {
		id     *identity
		where  position
		screen image.Point
		events []event
		want   []hal.InputEvent
	}{
		"down, moved, up": {&touchscreen, position{}, size, []event{
			{evKey, btnTouch, 1}, {evAbs, absX, 10}, {evAbs, absY, 20}, report,
			{evAbs, absX, 300}, report, {evKey, btnTouch, 0}, report}, at(image.Pt(10, 20))},
		"same place as before it was opened": {&touchscreen, position{fingers: [slots]image.Point{{100, 50}}}, size, []event{
			{evKey, btnTouch, 1}, {evAbs, absY, 60}, report}, at(image.Pt(100, 60))},
		"no screen":       {&touchscreen, position{}, image.Point{}, []event{{evKey, btnTouch, 1}, report}, nil},
		"axis of nothing": {&noRange, position{}, size, []event{{evKey, btnTouch, 1}, report}, nil},
		"joystick":        {&joystick, position{}, size, []event{{evKey, 0x120, 1}, {evAbs, absX, 1}, report}, nil},
		"two fingers": {&panel, position{}, size, []event{
			{evAbs, absMTSlot, 0}, {evAbs, absMTTracking, 7}, {evAbs, absMTX, 1}, {evAbs, absMTY, 2}, report,
			{evAbs, absMTSlot, 1}, {evAbs, absMTTracking, 8}, {evAbs, absMTX, 3}, {evAbs, absMTY, 4}, report,
			{evAbs, absMTTracking, -1}, report}, at(image.Pt(1, 2), image.Pt(3, 4))},
		"slot the kernel was in": {&panel, position{slot: 2, fingers: [slots]image.Point{2: {9, 8}}}, size, []event{
			{evAbs, absMTTracking, 7}, report}, at(image.Pt(9, 8))},
		"too many fingers": {&panel, position{}, size, []event{
			{evAbs, absMTSlot, slots}, {evAbs, absMTTracking, 7}, {evAbs, absMTX, 1}, report,
			{evAbs, absMTSlot, -1}, {evAbs, absMTTracking, 7}, report}, nil},
		"lost events": {&touchscreen, position{fingers: [slots]image.Point{{5, 6}}}, size, []event{
			{evAbs, absX, 1}, {evKey, btnTouch, 1}, {evSyn, synDropped, 0}, {evAbs, absX, 700}, {evKey, btnTouch, 1}, report,
			{evKey, btnTouch, 0}, report, {evKey, btnTouch, 1}, report}, at(image.Pt(5, 6))},
	} {
		l := newListener(c.id, c.screen, func(touchKind) position { return c.where })
		if got := feed(l, c.events...); len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] || len(got) > 1 && got[1] != c.want[1] {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestHeldKeysDoNotRepeat(t *testing.T) {
	id := keyboard()
	got := feed(newListener(&id, image.Point{}, nowhere), event{evKey, 76, 1}, event{evKey, 76, 2}, event{evKey, 76, 2}, event{evKey, 76, 0})
	if len(got) != 1 || got[0].Key != hal.Key5 {
		t.Errorf("got %v, want 5 once", got)
	}
}

// FuzzListener feeds anything a device may send: no panic, touches stay on the
// screen.
func FuzzListener(f *testing.F) {
	f.Add(uint8(pointer), []byte{0, 3, 0, 0, 0, 0, 9, 0, 1, 0x4a, 1, 0, 0, 0, 0, 0, 0})
	f.Add(uint8(multi), bytes.Repeat([]byte{3, 0x2f, 0, 0xFF, 0x7F, 3, 0x39, 0, 1, 0}, 8))
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		id := multiTouch()
		if kind%2 == 0 {
			id.abs.add(absX, absY)
			id.keys.add(btnTouch)
			id.x, id.y = axis{-5, 1000}, axis{0, 1}
		}
		size := image.Pt(320, 240)
		l := newListener(&id, size, nowhere)
		for len(data) >= eventSize {
			var e event
			e, data = decode(data)
			e.kind %= 5 // mostly kinds that mean something
			if got, ok := l.take(e); ok && (got.Key == 0 && !got.At.In(image.Rectangle{Max: size}) || got.Key > hal.KeyDown) {
				t.Fatalf("%v became %v", e, got)
			}
		}
	})
}

func TestTypist(t *testing.T) {
	var all typist
	got := ""
	for _, e := range []event{
		{evKey, keyShiftRight, 1}, {evKey, 6, 1}, {evKey, 6, 0}, {evKey, keyShiftRight, 0}, // %
		{evKey, 48, 1}, {evKey, 48, 2}, {evKey, 48, 0}, // b, held down
		{evKey, keyShiftLeft, 1}, {evKey, 48, 1}, {evKey, 7, 1}, {evKey, keyShiftLeft, 0}, // B^
		{evKey, 53, 1}, {evKey, 57, 1}, {evKey, 76, 1}, {evKey, 28, 1}, {evKey, 600, 1}, {evSyn, 2, 1}, // / space 5, no more
	} {
		if c, typed := all.take(e); typed {
			got += string(c)
		}
	}
	if got != "%BB^/ 5" {
		t.Errorf("typed %q", got)
	}
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("1", 38)
	for text, want := range map[string][3]string{
		"":                           {},
		"%B1^A?;1=2?+3?":             {"B1^A", "1=2", "3"},
		"%B1^A?;1=2?;3?":             {"B1^A", "1=2", "3"},
		";1=2?":                      {"", "1=2", ""},
		"%E?;1=2?+E?":                {"", "1=2", ""},
		"%B1^A?;E?;3?":               {"B1^A", "", "3"},
		"%B1^A?x;1=2?y":              {"B1^A", "1=2", ""}, // check characters
		"%B1^A?;;1=2?":               {"B1^A", "1=2", ""}, // one that looks like a sentinel
		"%B1^;1=2?":                  {"", "1=2", ""},     // broken off
		";1=2":                       {},
		";?%?+?":                     {},
		";1=A?":                      {},
		";" + long + "?":             {},
		";" + long[1:] + "?":         {"", long[1:], ""},
		"%" + long + long[1:] + "x?": {"", "", ""}, // lower case is no track character
		"%" + long + long + "?":      {long + long, "", ""},
		"%" + long + long + "1?":     {},
		"1=2?":                       {},
	} {
		one, two, three := split([]byte(text))
		if got := [3]string{string(one), string(two), string(three)}; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzStripe(f *testing.F) {
	f.Add([]byte("%B4761739001010119^DOE/JANE^3012?;4761739001010119=3012?+01?"))
	f.Add([]byte(";;;;%%%%++++????E"))
	f.Fuzz(func(t *testing.T, text []byte) {
		one, two, three := split(text)
		for i, track := range [][]byte{one, two, three} {
			if len(track) > longestThree || bytes.ContainsAny(track, "%;+?") {
				t.Errorf("track %d has %d characters or a sentinel", i+1, len(track))
			}
			if track != nil && !bytes.Contains(text, track) {
				t.Errorf("track %d was not typed", i+1)
			}
		}
	})
}

func TestAStripeThatNeverEnds(t *testing.T) {
	var s stripe
	s.take(event{evKey, keySemicolon, 1})
	for range 2 * len(s.text) {
		s.take(event{evKey, 2, 1})
	}
	if got := s.tracks(); !s.swiped() || !got.Two.Empty() {
		t.Error("too many characters are no swipe that can be read")
	}
	s.wipe()
	if s.swiped() || s.text != [512]byte{} {
		t.Error("wipe left something behind")
	}
}
