//go:build linux

package board

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw docs/pi-wiring.svg anew")

// headerPins are the GPIO numbers of the 40-pin header of a Raspberry Pi, in
// the order of its pins; 0 is an identification line nobody uses, below that
// are power and ground. Source: Raspberry Pi documentation, "GPIO and the
// 40-pin header".
var headerPins = [40]int{
	v33, v5, 2, v5, 3, gnd, 4, 14, gnd, 15, 17, 18, 27, gnd, 22, 23, v33, 24, 10, gnd,
	9, 25, 11, 8, gnd, 7, 0, 1, 5, gnd, 6, 12, 13, gnd, 19, 16, 26, 20, gnd, 21,
}

const (
	gnd = -1
	v33 = -2
	v5  = -3
)

// The picture in docs/hardware.md is what the board's code does.
func TestWiringPictureIsTrue(t *testing.T) {
	drawn := drawWiring(t, piWiring())
	const file = "../../docs/pi-wiring.svg"
	if *update {
		if err := os.WriteFile(file, []byte(drawn), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != drawn {
		t.Errorf("%s is out of date: go test ./hal/board -run Picture -update, and look at it", file)
	}
	guide, err := os.ReadFile("../../docs/hardware.md")
	if err != nil {
		t.Fatal(err)
	}
	w := piWiring()
	for what, numbers := range map[string][]int{
		"LEDs 1 to 4": w.leds[:], "buzzer": {w.beeper}, "tamper switch": {w.tamper}, "keypad rows": w.rows, "keypad columns": w.columns,
	} {
		if !strings.Contains(string(guide), what) || !strings.Contains(string(guide), "| "+list(numbers)+" | "+list(pinsOf(t, numbers))+" |") {
			t.Errorf("docs/hardware.md does not say that %s are on GPIO %s, pins %s", what, list(numbers), list(pinsOf(t, numbers)))
		}
	}
}

func list(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ", "), "[]")
}

func pinsOf(t *testing.T, numbers []int) (pins []int) {
	t.Helper()
	for _, n := range numbers {
		found := 0
		for i, g := range headerPins {
			if g == n {
				found = i + 1
			}
		}
		if found == 0 {
			t.Fatalf("GPIO %d is not on the header", n)
		}
		pins = append(pins, found)
	}
	return pins
}

// drawWiring draws the header with what is connected to it.
func drawWiring(t *testing.T, w *wired) string {
	t.Helper()
	type wire struct{ text, colour string }
	const (
		pn532  = "#1b6ca8"
		oled   = "#7a3e9d"
		led    = "#b8860b"
		sound  = "#a33b3b"
		keypad = "#2f7d4f"
		tamper = "#444444"
	)
	wires := map[int]wire{
		14: {"PN532 RXD", pn532}, 15: {"PN532 TXD", pn532},
		2: {"OLED SDA", oled}, 3: {"OLED SCL", oled},
		w.beeper: {"buzzer +", sound}, w.tamper: {"tamper switch", tamper},
	}
	for i, n := range w.leds {
		wires[n] = wire{fmt.Sprintf("LED %d, 330 Ω", i+1), led}
	}
	for i, n := range w.rows {
		wires[n] = wire{fmt.Sprintf("keypad row %d", i+1), keypad}
	}
	for i, n := range w.columns {
		wires[n] = wire{fmt.Sprintf("keypad column %d", i+1), keypad}
	}
	power := map[int]wire{ // by the header's pins
		1: {"PN532 VCC", pn532}, 6: {"PN532 GND", pn532}, 17: {"OLED VCC", oled}, 9: {"OLED GND", oled},
		14: {"buzzer −", sound}, 30: {"LEDs, GND", led}, 39: {"tamper switch", tamper},
	}
	if len(wires) != 6+len(w.leds)+len(w.rows)+len(w.columns) {
		t.Fatal("two parts share a line")
	}
	const width, row, top, middle = 640, 26, 62, 320
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, top+20*row+20)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, top+20*row+20)
	fmt.Fprintf(&b, `<text x="%d" y="24" text-anchor="middle" font-size="16">Raspberry Pi, 40-pin header, pin 1 at the SD card's end</text>`+"\n", middle)
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="68" height="%d" rx="6" fill="#20242a"/>`+"\n", middle-34, top-18, 20*row+8)
	for i, g := range headerPins {
		left := i%2 == 0
		x, y := middle+15, top+i/2*row
		side, anchor, text := 1, "start", middle+46
		if left {
			x, side, anchor, text = middle-15, -1, "end", middle-46
		}
		name, fill := fmt.Sprintf("GPIO %d", g), "#d8b04a"
		switch g {
		case gnd:
			name, fill = "GND", "#8a8f98"
		case v33:
			name, fill = "3.3 V", "#e07a3f"
		case v5:
			name, fill = "5 V", "#c83232"
		case 0:
			name = "ID"
		case 1:
			name = "ID"
		}
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="8" fill="%s"/><text x="%d" y="%d" text-anchor="middle" font-size="9">%d</text>`, x, y, fill, x, y+3, i+1)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="%s" fill="#5a6068">%s</text>`, text, y+4, anchor, name)
		wired, used := wires[g]
		if supply, ok := power[i+1]; ok {
			if g > 0 {
				t.Fatalf("pin %d gives no power", i+1)
			}
			wired, used = supply, true
		}
		if used {
			from, to := middle+side*104, middle+side*130
			box := to
			if left {
				box = to - 172
			}
			fmt.Fprintf(&b, `<path d="M%d %dH%d" stroke="%s" stroke-width="3"/>`, from, y, to, wired.colour)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="172" height="21" rx="5" fill="%s"/>`, box, y-11, wired.colour)
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="#ffffff">%s</text>`, box+86, y+4, wired.text)
		}
		b.WriteByte('\n')
	}
	b.WriteString("</svg>\n")
	return b.String()
}
