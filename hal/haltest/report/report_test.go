package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/filekeys"
	"smartreader/hal/haltest/report"
	"smartreader/hal/sim"
)

type chip struct{}

func (chip) ATR() []byte { return []byte{0x3B, 0x00} }
func (chip) Reset()      {}
func (chip) Exchange(context.Context, []byte) ([]byte, error) {
	return []byte{0x6A, 0x82}, nil
}

// robot does what the lines ask a person to do, as a machine would that reads
// them from a console.
type robot struct {
	t     *testing.T
	board *sim.Board
	said  []string
}

func (r *robot) Write(p []byte) (int, error) {
	line := strings.TrimSuffix(string(p), "\n")
	r.said = append(r.said, line)
	b, ok := r.board, true
	var err error
	switch line {
	case "HAND: insert the chip card":
		err = b.Tray.Insert("card", chip{})
	case "HAND: remove the chip card":
		err = b.Tray.Remove()
	case "HAND: hold the contactless card to the reader":
		err = b.Field.Tap("card", chip{})
	case "HAND: hold two contactless cards to the reader":
		err = errors.Join(b.Field.Tap("card", chip{}), b.Field.Tap("second", chip{}))
	case "HAND: take the contactless card away":
		err = b.Field.Take()
	case "HAND: swipe the card":
		ok = b.Head.Swipe(hal.Tracks{Two: hal.NewSecret([]byte("4000000000000002=3012201"))})
	case "HAND: press key 5":
		b.Keys.Press(hal.Key5) // before anybody waits, too
	case "HAND: press key cancel":
		b.Keys.Press(hal.KeyCancel)
	case "HAND: when the PIN pad asks, enter 1234 and press enter":
		r.pin("1234")
	case "HAND: when the PIN pad asks, enter 975310 and press enter":
		r.pin("975310")
	case "HAND: when the PIN pad asks, press cancel":
		b.PINPad.Cancel()
	case "HAND: when the PIN pad asks, press enter without digits":
		b.PINPad.Bypass()
	case "HAND: when the PIN pad asks, press nothing":
		b.PINPad.Hesitate()
	case "HAND: open the case":
		b.Tamper.Trigger("case open")
	default:
		var at image.Point
		if n, _ := fmt.Sscanf(line, "HAND: touch the screen at %d,%d", &at.X, &at.Y); n == 2 {
			b.Keys.Touch(at)
			break
		}
		ok = strings.HasPrefix(line, "LOOK: ")
	}
	if !ok || err != nil {
		r.t.Errorf("%q: nobody understood, or %v", line, err)
	}
	return len(p), nil
}

func (r *robot) pin(digits string) {
	if err := r.board.PINPad.SetPIN(digits); err != nil {
		r.t.Error(err)
	}
}

// setup makes a simulated reader, a robot and what it needs.
func setup(t *testing.T) (*sim.Board, *robot, report.Options) {
	t.Helper()
	dir := t.TempDir()
	b, err := sim.Open(sim.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	b.HAL.PINPad = nil // one device is absent
	b.HAL.Missing = []hal.Missing{{Device: "PIN pad", Err: hal.ErrNotFound}}
	r := &robot{t: t, board: b}
	hands := report.Person(r, hal.Key5, hal.KeyCancel)
	hands.AddTwoCards(r)
	hands.AddOpenCase(r)
	hands.AddTouch(r)
	return b, r, report.Options{Hands: hands, Close: true, Keys: func() hal.KeyStore {
		keys, err := filekeys.Open(filepath.Join(dir, "trial"))
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}}
}

func verdicts(r *report.Report) map[string]report.Verdict {
	all := map[string]report.Verdict{}
	for _, c := range r.Checks {
		if all[c.Device] != report.Fail {
			all[c.Device] = c.Verdict
		}
	}
	return all
}

func TestGoodBoardPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, opt := setup(t)
		// A card somebody forgot is asked for first.
		if err := b.Tray.Insert("forgotten", chip{}); err != nil {
			t.Fatal(err)
		}
		told := 0
		opt.Progress = func(report.Check) { told++ }
		// An opened case is no closed one any more: closing is checked elsewhere.
		opt.Close = false
		got, err := report.Run(t.Context(), b.HAL, opt)
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict() != report.Pass || told != len(got.Checks) {
			var out strings.Builder
			got.WriteSummary(&out)
			t.Errorf("%d checks, %d told of\n%s", len(got.Checks), told, &out)
		}
		for device, verdict := range verdicts(got) {
			want := report.Pass
			if device == "pinpad" {
				want = report.Absent
			}
			if verdict != want {
				t.Errorf("%s: %s, want %s", device, verdict, want)
			}
		}
		if len(verdicts(got)) != 1+len(report.Devices()) {
			t.Errorf("devices: %v", verdicts(got))
		}
		if b.Watchdog.Kicks() == 0 {
			t.Error("the watchdog was not kicked")
		}
	})
}

func TestPINPadIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, robot, opt := setup(t)
		b.HAL.PINPad, b.HAL.Missing = b.PINPad, nil
		opt.Only, opt.Close = []string{"pinpad"}, false
		got, err := report.Run(t.Context(), b.HAL, opt)
		if err != nil {
			t.Fatal(err)
		}
		if verdicts(got)["pinpad"] != report.Pass || len(got.Checks) < 8 || len(robot.said) < 8 {
			var out strings.Builder
			got.WriteSummary(&out)
			t.Errorf("%d checks, %d prompts\n%s", len(got.Checks), len(robot.said), &out)
		}
		b.HAL.PINPad = forgetful{b.PINPad}
		if got, err = report.Run(t.Context(), b.HAL, opt); err != nil || verdicts(got)["pinpad"] != report.Fail {
			t.Errorf("a pad that tells nothing of a refused challenge: %v, %v", verdicts(got), err)
		}
	})
}

// forgetful is a PIN pad that does not tell a refused challenge from a wrong PIN.
type forgetful struct{ *sim.PINPad }

func (f forgetful) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (hal.OfflineVerdict, error) {
	v, err := f.PINPad.VerifyOffline(ctx, card, req)
	v.Challenge = false
	return v, err
}

func TestClosingIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, opt := setup(t)
		opt.Only = []string{"screen"}
		got, err := report.Run(t.Context(), b.HAL, opt)
		if err != nil {
			t.Fatal(err)
		}
		last := got.Checks[len(got.Checks)-1]
		if last.Device != "board" || last.Check != "closing ends calls" || last.Verdict != report.Pass {
			t.Errorf("the last check: %+v", last)
		}
		if b.HAL.Watchdog.Kick() == nil {
			t.Error("the board is still open")
		}
	})
}

// stuck is a slot that believes in a card for ever.
type stuck struct{ hal.ContactReader }

func (stuck) WaitRemoval(context.Context) error     { return nil }
func (stuck) Present(context.Context) (bool, error) { return true, nil }

func TestBadDevicesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, opt := setup(t)
		opt.Close = false
		b.HAL.Contact = stuck{}
		b.HAL.Serial = "has space"
		b.HAL.Missing = nil
		b.HAL.Contactless = nil
		opt.Only = []string{"contact", "contactless", "pinpad"}
		var out strings.Builder
		opt.Progress = func(c report.Check) { report.WriteRow(&out, c) }
		got, err := report.Run(t.Context(), b.HAL, opt)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.WriteSummary(&out); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"failed: contact, empty slot\nfailed: contactless, present\n",
			"Present: got true, <nil>; want false, nil", "remedy: take the card out", "was not checked",
			`no entry "contactless reader" in Missing`, `no entry "PIN pad" in Missing`, `Serial is "has space"`,
			"0 passed, 4 failed, 0 absent, 0 skipped\nCONFORMANCE: fail\n",
		} {
			if n := strings.Count(out.String(), want); n != 1 {
				t.Errorf("the report has %d times %q, want once", n, want)
			}
		}
		if t.Failed() {
			t.Log(out.String())
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	b, _, opt := setup(t)
	b.HAL.Watchdog = nil // so that the suite's call is the first one
	b.HAL.Keys = nil
	b.HAL.Screen = panicking{b.HAL.Screen}
	opt.Only, opt.Close = []string{"screen"}, false
	got, err := report.Run(t.Context(), b.HAL, opt)
	if err != nil {
		t.Fatal(err)
	}
	if v := verdicts(got); v["screen"] != report.Fail || v["board"] != report.Fail {
		t.Errorf("got %v", v)
	}
}

type panicking struct{ hal.Screen }

func (panicking) Bounds() image.Rectangle { panic("driver bug") }

func TestWithoutHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, opt := setup(t)
		opt.Hands, opt.Keys = report.Hands{}, nil
		got, err := report.Run(t.Context(), b.HAL, opt)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]report.Verdict{
			"board": report.Pass, "keys": report.Skipped, "watchdog": report.Pass, "tamper": report.Pass,
			"screen": report.Pass, "signals": report.Pass, "contact": report.Skipped, "contactless": report.Skipped,
			"swipe": report.Skipped, "input": report.Skipped, "pinpad": report.Absent,
		}
		if v := verdicts(got); fmt.Sprint(v) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", v, want)
		}
	})
}

// stuckDog never comes back from a kick, until it is let go.
type stuckDog struct{ let chan struct{} }

func (d stuckDog) Kick() error {
	<-d.let
	return nil
}

// A watchdog that hangs is a failure, and not the end of the report.
func TestStuckWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, opt := setup(t)
		dog := stuckDog{make(chan struct{})}
		b.HAL.Watchdog = dog
		opt.Only, opt.Close = []string{"watchdog", "screen"}, false
		ended := make(chan *report.Report)
		go func() {
			r, _ := report.Run(t.Context(), b.HAL, opt)
			ended <- r
		}()
		select {
		case got := <-ended:
			if v := verdicts(got); v["watchdog"] != report.Fail || v["screen"] != report.Pass {
				t.Errorf("got %v", v)
			}
			close(dog.let)
		case <-time.After(10 * time.Minute):
			t.Error("the run hangs")
			close(dog.let)
			<-ended
		}
	})
}

func TestSummaryNamesTheBoard(t *testing.T) {
	for want, r := range map[string]report.Report{
		"board desk, serial number D-1: 0 passed": {Board: "desk", Serial: "D-1"},
		"board ccid: 0 passed":                    {Board: "ccid"}, // one device, to try its driver
	} {
		var out strings.Builder
		if err := r.WriteSummary(&out); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}

// unpluggedSlot is supported and not plugged in.
type unpluggedSlot struct{ hal.ContactReader }

func (unpluggedSlot) Present(context.Context) (bool, error) {
	return false, fmt.Errorf("plug in the slot: %w", hal.ErrNotFound)
}

func TestUnpluggedIsAbsentUnlessItIsNamed(t *testing.T) {
	for want, only := range map[report.Verdict][]string{report.Absent: nil, report.Fail: {"contact"}} {
		synctest.Test(t, func(t *testing.T) {
			b, _, opt := setup(t)
			b.HAL.Contact = unpluggedSlot{}
			opt.Hands, opt.Only, opt.Close = report.Hands{}, only, false
			got, err := report.Run(t.Context(), b.HAL, opt)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			for _, c := range got.Checks {
				report.WriteRow(&out, c)
			}
			if v := verdicts(got)["contact"]; v != want || !strings.Contains(out.String(), "plug in the slot") {
				t.Errorf("named %v: %s, want %s\n%s", only, v, want, &out)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	b, _, opt := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := report.Run(ctx, b.HAL, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestUnknownDevice(t *testing.T) {
	b, _, opt := setup(t)
	opt.Only = []string{"toaster"}
	if _, err := report.Run(t.Context(), b.HAL, opt); err == nil || !strings.Contains(err.Error(), "contactless, swipe") {
		t.Errorf("got %v, want the names there are", err)
	}
}

func TestJSON(t *testing.T) {
	out, err := json.Marshal(report.Report{Board: "b", Serial: "s", Checks: []report.Check{
		{Device: "screen", Check: "size", Verdict: report.Fail, Detail: []string{"got, want"}, Remedy: "look", Seconds: 1.5},
	}})
	want := `{"board":"b","serial":"s","checks":[{"device":"screen","check":"size","verdict":"fail","detail":["got, want"],"remedy":"look","seconds":1.5}]}`
	if err != nil || string(out) != want {
		t.Errorf("got %s, %v", out, err)
	}
}
