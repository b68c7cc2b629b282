//go:build linux

package board

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"smartreader/hal"
	"smartreader/hal/evdev"
	"smartreader/hal/haltest"
	"smartreader/hal/watchdog"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestEveryNameOpens(t *testing.T) {
	for _, name := range Names() {
		b, err := Open(name, t.TempDir(), Settings{}, quiet())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b.Name != name || b.Keys == nil || !strings.HasPrefix(b.Serial, strings.ToUpper(name)+"-") {
			t.Errorf("%s: name %q, serial %q, keys %v", name, b.Name, b.Serial, b.Keys)
		}
		// None is silently absent.
		for _, d := range []struct {
			there bool
			name  string
		}{
			{b.Contact != nil, chipSlot}, {b.Contactless != nil, antenna}, {b.Swipe != nil, stripeReader}, {b.PINPad != nil, pinPad},
			{b.Screen != nil, screen}, {b.Input != nil, keys}, {b.Signals != nil, lights}, {b.Tamper != nil, tamperSwitch}, {b.Watchdog != nil, watchdogTimer},
		} {
			if d.there == (missing(b, d.name) != "") {
				t.Errorf("%s: %s: there %v, missing %q", name, d.name, d.there, missing(b, d.name))
			}
		}
		for _, m := range b.Missing {
			if !errors.Is(m.Err, hal.ErrNotFound) && !errors.Is(m.Err, hal.ErrUnsupported) {
				t.Errorf("%s: %s: %v", name, m.Device, m.Err)
			}
			// It is read to people: no words of programs.
			if text := m.Err.Error(); text != hal.AdviceOf(m.Err) || packagePrefix.MatchString(text) {
				t.Errorf("%s: people read %q", name, text)
			}
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
}

var packagePrefix = regexp.MustCompile(`\b(hal|board|fb|ssd1306|sysfs[a-z0-9-]*|tty|pn532|evdev|watchdog): `)

// A board that is a reader has its keys for itself: what is typed at a PIN must
// reach nobody else. At a desk the keyboard stays its user's.
func TestWhichBoardsTakeTheKeysAway(t *testing.T) {
	want := map[string][]bool{ // for every evdev input: alone
		"desk": {false}, "none": nil, "pi": {true}, "raspi3b": {true}, "virt": {true},
	}
	for _, b := range boards {
		for _, setting := range []string{"", "evdev", "supervised"} {
			var got []bool
			supervisor, keys := "", setting
			if setting == "supervised" { // the reader's own image: process 1 needs the power key
				supervisor, keys = "9", ""
			}
			t.Setenv(watchdog.Variable, supervisor)
			a := newAssembly(b.name, t.TempDir(), Settings{Keys: keys}, quiet())
			a.root = fstest.MapFS{}
			a.evdev = func(o evdev.Options) *evdev.Input {
				got = append(got, o.Alone)
				return evdev.NewInput(o)
			}
			b.assemble(a)
			if err := a.finish().Close(); err != nil {
				t.Error(err)
			}
			want, known := want[b.name]
			if b.name == "desk" && keys == "" {
				want = nil // it has keys only if the settings say so
			}
			if supervisor != "" && want != nil {
				want = []bool{false}
			}
			if !known || !slices.Equal(got, want) {
				t.Errorf("%s with devices.keys %q: got %v, want %v", b.name, setting, got, want)
			}
		}
	}
}

func TestUnknownNameListsTheKnown(t *testing.T) {
	_, err := Open("toaster", t.TempDir(), Settings{}, quiet())
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "desk, none") {
		t.Errorf("got %v, want ErrUnknown with the names", err)
	}
}

func TestMissingDevicesAreLogged(t *testing.T) {
	var out strings.Builder
	if _, err := Open("none", t.TempDir(), Settings{}, slog.New(slog.NewTextHandler(&out, nil))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"secure element", "not for real cards", "chip card reader"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestKeysAndSerialSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first, err := Open("desk", dir, Settings{}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	haltest.KeyStore(t, func() hal.KeyStore {
		b, err := Open("desk", dir, Settings{}, quiet())
		if err != nil {
			t.Fatal(err)
		}
		if b.Serial != first.Serial {
			t.Errorf("serial number %q became %q", first.Serial, b.Serial)
		}
		return b.Keys
	})
}

func TestDamagedSerialIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	for _, content := range []string{"", "x", "has space", strings.Repeat("A", 33)} {
		if err := os.WriteFile(filepath.Join(dir, "serial"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open("none", dir, Settings{}, quiet()); err == nil {
			t.Errorf("a serial number %q was accepted or replaced", content)
		}
	}
	if _, err := Open("none", "", Settings{}, quiet()); err == nil {
		t.Error("a board without a folder opened")
	}
}

func assembled(t *testing.T, root fstest.MapFS, s Settings, assemble func(*assembly)) (*hal.Board, string) {
	t.Helper()
	var log strings.Builder
	a := newAssembly("test", t.TempDir(), s, slog.New(slog.NewTextHandler(&log, nil)))
	a.root = root
	assemble(a)
	b := a.finish()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return b, log.String()
}

func missing(b *hal.Board, device string) string {
	for _, m := range b.Missing {
		if m.Device == device {
			return m.Err.Error()
		}
	}
	return ""
}

func TestWhatCouldBeADeviceIsNamed(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	b, log := assembled(t, fstest.MapFS{
		"sys/bus/usb/devices/1-2/idVendor":            file("076b\n"),
		"sys/bus/usb/devices/1-2/idProduct":           file("3031\n"),
		"sys/bus/usb/devices/1-2/product":             file("OMNIKEY 3x21\n"),
		"sys/bus/usb/devices/1-2:1.0/bInterfaceClass": file("0b\n"),
		"sys/bus/usb/devices/1-3:1.0/bInterfaceClass": file("03\n"),
		"dev/ttyUSB0":      file(""),
		"dev/input/event3": file(""),
		"dev/fb0":          file(""),
	}, Settings{}, desk)
	if b.Contact == nil || !strings.Contains(log, "076b:3031") || !strings.Contains(log, "OMNIKEY 3x21") {
		t.Errorf("chip card reader %v; log:\n%s", b.Contact, log)
	}
	for device, want := range map[string]string{
		"contactless reader":     "/dev/ttyUSB0",
		"magnetic stripe reader": "/dev/input/event3",
		"screen":                 "/dev/fb0",
		"keys":                   "devices.keys",
	} {
		if got := missing(b, device); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", device, got, want)
		}
	}
}

func TestNothingPluggedInIsAReaderThatWaits(t *testing.T) {
	b, log := assembled(t, fstest.MapFS{}, Settings{}, desk)
	if b.Contact == nil || !strings.Contains(log, "no chip card reader is plugged in") {
		t.Errorf("chip card reader %v; log:\n%s", b.Contact, log)
	}
}

func TestSwitchedOffIsLeftOut(t *testing.T) {
	s := Settings{CCID: off, PN532: off, Screen: off, Swipe: off, Keys: off, Tamper: off, Signals: off}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	b, _ := assembled(t, fstest.MapFS{}, s, pi)
	if b.Contact != nil || b.Contactless != nil || b.Screen != nil || b.Swipe != nil || b.Input != nil || b.Signals != nil || b.Tamper != nil {
		t.Errorf("a device is in use: %+v", b)
	}
	if got := missing(b, "contactless reader"); !strings.Contains(got, "switched off by devices.pn532") {
		t.Errorf("contactless reader: %q", got)
	}
}

// "off" is no part of a name: an "Office Keyboard" stays one.
func TestNoStripeReaderExcludesNoKeyboard(t *testing.T) {
	for setting, want := range map[string]string{"": "", off: "", "usb:0801:0001": "usb:0801:0001"} {
		a := newAssembly("test", t.TempDir(), Settings{Swipe: setting}, quiet())
		if got := a.swipeMatch(); got != want {
			t.Errorf("devices.swipe %q: keys leave out %q", setting, got)
		}
	}
}

func TestASettingTheBoardCannotFollowIsSaid(t *testing.T) {
	all := Settings{CCID: "08e6:3437", PN532: "i2c:/dev/i2c-1", Screen: "fb:/dev/fb0", Swipe: "usb:0801:0001", Keys: "evdev", Tamper: "gpio", Signals: "gpio"}
	b, _ := assembled(t, fstest.MapFS{}, all, none)
	for device, setting := range map[string]string{
		chipSlot: "ccid", antenna: "pn532", screen: "screen", stripeReader: "swipe", keys: "keys", tamperSwitch: "tamper", lights: "signals",
	} {
		if got := missing(b, device); !strings.Contains(got, "devices."+setting) {
			t.Errorf("%s: %q does not name the setting", device, got)
		}
	}
	b, _ = assembled(t, fstest.MapFS{}, Settings{Tamper: off, Keys: off}, desk)
	for _, device := range []string{tamperSwitch, keys} {
		if got := missing(b, device); !strings.Contains(got, "switched off by") {
			t.Errorf("%s: %q", device, got)
		}
	}
}

func TestTheHeartbeatEndsWithTheBoard(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// The board's own copy: it is closed when nobody has the board any more.
	fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(watchdog.Variable, strconv.Itoa(fd))
	b, err := Open("none", t.TempDir(), Settings{}, quiet())
	if err != nil || b.Watchdog == nil {
		t.Fatalf("no heartbeat: %v, %v", err, missing(b, watchdogTimer))
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("children would keep the supervisor's pipe open: flags %#x, %v", flags, err)
	}
	if err := b.Watchdog.Kick(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Watchdog.Kick(); !errors.Is(err, hal.ErrHalted) {
		t.Errorf("after Close: got %v, want hal.ErrHalted", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, good := range []Settings{
		{}, {CCID: "08e6:3437", PN532: "hsu:/dev/ttyUSB0", Screen: "fb:/dev/fb0", Swipe: "usb:0801:0001", Keys: "gpio", Tamper: "gpio", Signals: "gpio"},
		{PN532: "hsu:usb:PN532-0001", Screen: "ssd1306:/dev/i2c-1"}, {PN532: "i2c:/dev/i2c-1"}, {PN532: "spi:/dev/spidev0.0"},
	} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for name, bad := range map[string]Settings{
		"pn532": {PN532: "/dev/ttyUSB0"}, "screen": {Screen: "fb:fb0"}, "swipe": {Swipe: "usb:801:1"}, "keys": {Keys: "yes"}, "tamper": {Tamper: "26"}, "ccid": {CCID: "a b"},
	} {
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), "devices."+name) {
			t.Errorf("%+v: %v", bad, err)
		}
		if _, err := Open("none", t.TempDir(), bad, quiet()); err == nil {
			t.Errorf("%+v: the board opened", bad)
		}
	}
}

func TestSingleDevice(t *testing.T) {
	for _, spec := range []string{"ccid", "ccid=08e6:3437", "pn532=hsu:/dev/ttyUSB7", "evdev", "swipe=usb:0801:0001", "fb=/dev/fb7", "watchdog=/dev/watchdog7"} {
		b, err := Single(spec, quiet())
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: Close: %v", spec, err)
		}
	}
	for _, spec := range []string{"", "toaster", "pn532", "pn532=ttyUSB0", "fb="} {
		if _, err := Single(spec, quiet()); err == nil {
			t.Errorf("%q was accepted", spec)
		}
	}
}

// input is keys in a test's hand.
type input chan hal.Key

func (i input) Next(ctx context.Context) (hal.InputEvent, error) {
	select {
	case k, ok := <-i:
		if !ok {
			return hal.InputEvent{}, hal.ErrNotFound
		}
		return hal.InputEvent{Key: k}, nil
	case <-ctx.Done():
		return hal.InputEvent{}, ctx.Err()
	}
}

func TestTwoInputsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		first, second := make(input, 1), make(input, 1)
		both := &either{inputs: []hal.Input{first, second}, log: slog.New(slog.NewTextHandler(&log, nil))}
		second <- hal.Key7
		if e, err := both.Next(t.Context()); err != nil || e.Key != hal.Key7 {
			t.Errorf("got %v, %v", e.Key, err)
		}
		close(first) // unplugged: the other still works
		for range 2 {
			go func() {
				synctest.Wait()
				second <- hal.KeyCancel
			}()
			if e, err := both.Next(t.Context()); err != nil || e.Key != hal.KeyCancel {
				t.Errorf("got %v, %v", e.Key, err)
			}
		}
		if n := strings.Count(log.String(), "some keys do not work"); n != 1 {
			t.Errorf("told %d times that one of two inputs fails, want once", n)
		}
		close(second)
		if _, err := both.Next(t.Context()); !errors.Is(err, hal.ErrNotFound) {
			t.Errorf("got %v, want hal.ErrNotFound", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		both = &either{inputs: []hal.Input{make(input), make(input)}, log: quiet()}
		if _, err := both.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}
