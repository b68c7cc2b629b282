package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/build/bench"
	"smartreader/build/qemu/machine"
	"smartreader/build/qemu/vscard"
	"smartreader/hal/pn532/pn532test"
)

func TestUsage(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown command": {[]string{"card", "juggle"}, "card juggle"},
		"unknown flag":    {[]string{"-colour"}, "colour"},
		"unknown lane":    {[]string{"-lane", "cray"}, "raspi3b"},
		"two modes":       {[]string{"-smoke", "-measure"}, "exclude"},
		"no rounds":       {[]string{"-measure", "-rounds", "0"}, "-rounds"},
	} {
		err := run(t.Context(), test.args, io.Discard, io.Discard)
		if !errors.As(err, new(bench.UsageError)) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want a usage error naming %q", name, err, test.want)
		}
	}
	var help bytes.Buffer
	if err := run(t.Context(), []string{"-help"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "ccid unplug") {
		t.Errorf("help: %v\n%s", err, &help)
	}
	err := run(t.Context(), []string{"-control", "127.0.0.1:1", "card", "tap", "visa"}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), startCommand) {
		t.Errorf("nothing is running: got %v, want the remedy", err)
	}
}

func TestWherePOSConnect(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:0": "127.0.0.1:", "0.0.0.0:0": "0.0.0.0:", ":0": "0.0.0.0:"} {
		if at, err := freeAddress(address); err != nil || !strings.HasPrefix(at.String(), want) || at.Port() == 0 {
			t.Errorf("%s: got %v, %v", address, at, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := freeAddress(l.Addr().String()); err == nil || !strings.Contains(err.Error(), "-listen") {
		t.Errorf("taken: got %v, want the flag named", err)
	}
}

// desk is a rig whose machine is off.
func desk(t *testing.T) *rig {
	t.Helper()
	cards, err := bench.OpenCards(filepath.Join(t.TempDir(), "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	field := pn532test.New()
	return &rig{cards: cards, slot: vscard.NewSlot(), field: field, tapper: tapper{field: field, cards: cards}}
}

// Every command of the usage text arrives where it should.
func TestCommandsOfAMachine(t *testing.T) {
	r := desk(t)
	api := bench.Control{Endpoints: r.endpoints, Cards: r.cards, Slot: r.slot, Antenna: &r.tapper, More: r.hands()}
	server := httptest.NewServer(api.Handler())
	defer server.Close()
	client := bench.Client{Base: server.URL + "/control/", Start: startCommand}
	for command, want := range map[string]string{
		"card tap visa":    "",
		"card tap library": "card list",
		"power off":        "", // it is off already
		"power cut":        "",
		"power up":         "there is no command",
		"ccid unplug":      "off",
		"pn532 plug":       "off",
		"key 5":            "off",
		"key any":          "cancel",
		"card juggle":      "there is no command",
	} {
		err := remote(t.Context(), client, strings.Fields(command), io.Discard)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", command, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", command, err, want)
		}
	}
	if err := remote(t.Context(), client, []string{"card", "take"}, io.Discard); err != nil || r.tapper.Tapped() != nil {
		t.Errorf("card take: %v, %q in the hand", err, r.tapper.Tapped())
	}
	if err := client.Do(t.Context(), http.MethodPost, "power", map[string]string{"do": "up"}, nil); err == nil {
		t.Error("there is a new thing to do to the power")
	}
	if err := client.Do(t.Context(), http.MethodPost, "tap", struct{}{}, nil); err == nil || !strings.Contains(err.Error(), "body") {
		t.Errorf("a card without a name: got %v", err)
	}
}

func TestHandObeys(t *testing.T) {
	r := desk(t)
	for _, line := range []string{
		"boot: worker started pid 78", "HAND: hold two contactless cards to the reader",
		"HAND: take the contactless card away", "HAND: hold the contactless card to the reader",
		"HAND: take the contactless card away", "HAND: insert the chip card",
	} {
		if err := r.obey(t.Context(), line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if r.slot.Inserted() != handCard {
		t.Errorf("%q is in the slot", r.slot.Inserted())
	}
	if err := r.obey(t.Context(), "HAND: hold the contactless card to the reader"); err == nil {
		t.Error("one card is in two places")
	}
	if err := r.obey(t.Context(), "HAND: remove the chip card"); err != nil || r.slot.Inserted() != "" {
		t.Errorf("%v, %q is in the slot", err, r.slot.Inserted())
	}
	if err := r.obey(t.Context(), "HAND: press key 5"); !errors.Is(err, machine.ErrOff) {
		t.Errorf("a key of a machine that is off: %v", err)
	}
	if err := r.obey(t.Context(), "HAND: stand on one leg"); err == nil {
		t.Error("it stood on one leg")
	}
}

// disk is a file with a partition table, every byte else the same.
func disk(t *testing.T, fill byte, starts ...uint32) string {
	t.Helper()
	b := bytes.Repeat([]byte{fill}, 40*512)
	clear(b[440:512])
	binary.LittleEndian.PutUint32(b[440:], 0x52445231)
	for i, start := range starts {
		binary.LittleEndian.PutUint32(b[446+16*i+8:], start)
	}
	file := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// New software goes on the disk, and what the reader stored stays.
func TestUpdateKeepsTheData(t *testing.T) {
	old, fresh := disk(t, 'o', 2, 10, 20, 30), disk(t, 'n', 2, 10, 20, 30)
	if err := update(old, fresh); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]byte{512: 'o', 2*512 - 1: 'o', 2 * 512: 'n', 30*512 - 1: 'n', 30 * 512: 'o', 40*512 - 1: 'o'} {
		if b[at] != want {
			t.Errorf("byte %d is %q, want %q", at, b[at], want)
		}
	}
	if err := update(old, disk(t, 'n', 2, 10, 20, 31)); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("another layout: got %v, want the remedy", err)
	}
}

func TestUnmounted(t *testing.T) {
	for name, test := range map[string]struct {
		state, incompatible uint16
		want                string
	}{
		"clean":          {1, 0x40, ""},
		"cut off":        {1, 0x44, "not unmounted"},
		"still mounted":  {0, 0x40, "not unmounted"},
		"damaged":        {3, 0x40, "damaged"},
		"something else": {1, 0, "no ext4"},
	} {
		file := disk(t, 0, 2, 10, 20, 30)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		super := b[30*512+1024:]
		if name != "something else" {
			binary.LittleEndian.PutUint16(super[0x38:], 0xEF53)
		}
		binary.LittleEndian.PutUint16(super[0x3A:], test.state)
		binary.LittleEndian.PutUint16(super[0x60:], test.incompatible)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unmounted(file); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestPicture(t *testing.T) {
	p := image.NewRGBA(image.Rect(0, 0, 30, 20))
	for x := range 10 {
		p.SetRGBA(x, 3, color.RGBA{byte(x), 0, 0, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	if size, colours, err := picture(b.Bytes()); err != nil || size != "30x20" || colours != 11 {
		t.Errorf("%s, %d colours, %v", size, colours, err)
	}
	if _, _, err := picture([]byte("no picture")); err == nil {
		t.Error("no error")
	}
}

// The reader refuses settings it does not know, so these are exactly those of
// the firmware.
func TestReaderConfig(t *testing.T) {
	data, err := readerConfig(machine.Virt, "INFO", 4482, 123)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Board, PlatformURL string
		TimeServers        []string
		Devices            map[string]string
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if c.Board != "virt" || c.PlatformURL != "https://10.0.2.2:4482" || !slices.Equal(c.TimeServers, []string{"10.0.2.2:123"}) ||
		c.Devices["pn532"] != "hsu:usb:PN532-0001" {
		t.Errorf("%s", data)
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	m := func(seconds, load float64) measurement {
		return measurement{ready: time.Duration(seconds * float64(time.Second)), load: load, memory: 256 << 20, worker: "40 MiB resident"}
	}
	if err := report(&out, "virt", []measurement{m(2, 0.01), m(9, 0.02), m(1, 0.03)}, []measurement{m(3, 0.1), m(30, 0.2), m(1, 0.1)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.00 s", "3.00 s", "1.50", "2.0 %", "10.0 %", "256 MiB", "40 MiB resident"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestTiming(t *testing.T) {
	const line = `time=2026-11-22T01:37:37.389Z level=DEBUG msg="payment timing" payment=pl_1 commands=16 card=105.5ms kernel=24.4ms platform=0s store=1.2s`
	got, ok := parseTiming(line)
	want := timing{commands: 16, bus: 105500 * time.Microsecond, kernel: 24400 * time.Microsecond, store: 1200 * time.Millisecond}
	if !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, other := range []string{"", "boot: worker: 20 MiB", strings.Replace(line, "105.5ms", "soon", 1)} {
		if _, ok := parseTiming(other); ok {
			t.Errorf("%q was taken", other)
		}
	}
	var out strings.Builder
	tellTiming(&out, "online", []timing{{commands: 16, card: time.Millisecond}, {card: 3 * time.Millisecond}, {card: 2 * time.Millisecond}})
	if text := strings.Fields(out.String()); len(text) != 8 || text[2] != "2.0" || text[7] != "2.0" {
		t.Errorf("%q", out.String())
	}
}
