package simulation

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/build/bench"
	"smartreader/hal/sim"
	"smartreader/lan/wire"
)

func newSimulation(t *testing.T, seed uint64) *Simulation {
	t.Helper()
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { board.HAL.Close() })
	cards, err := bench.OpenCards(filepath.Join(t.TempDir(), "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Tray: board.Tray, Field: board.Field, Cards: cards, Seed: seed, UpdateVersion: "2.0.0"})
}

// configure sends a configuration as a POS writes it.
func configure(t *testing.T, s *Simulation, text string) (wire.SimulatorConfiguration, error) {
	t.Helper()
	var c wire.SimulatorConfiguration
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return s.Configure(t.Context(), c)
}

func must(t *testing.T, s *Simulation, text string) {
	t.Helper()
	if _, err := configure(t, s, text); err != nil {
		t.Fatal(err)
	}
}

const ordinary = `{"availableReaderUpdate":"none","simulatedCard":{},"simulatedTipAmount":0,"offlineEnabled":true,` +
	`"simulatedCollectInputsResult":{"result":"succeeded","skip":"none"},"simulatedOfflineMode":{"sdk":"disabled","reader":"disabled"}}`

func TestConfigureChangesWhatIsNamed(t *testing.T) {
	s := newSimulation(t, 1)
	for _, step := range []struct{ ask, want string }{
		{`{}`, ordinary},
		{`{"simulatedTipAmount":150}`, strings.Replace(ordinary, `Amount":0`, `Amount":150`, 1)},
		{`{"simulatedTipAmount":0,"offlineEnabled":false}`, strings.Replace(ordinary, `true`, `false`, 1)},
		{`{"offlineEnabled":true,"simulatedCard":{"testCardNumber":"4000000000000002"}}`, strings.Replace(ordinary, `{}`, `{"testPaymentMethod":"declined-generic"}`, 1)},
		{`{"simulatedCard":{},"simulatedOfflineMode":{"sdk":"offlineTimeout"}}`, strings.Replace(ordinary, `"sdk":"disabled"`, `"sdk":"offlineTimeout"`, 1)},
		{`{"simulatedOfflineMode":{"sdk":"disabled","reader":"offlineImmediate"}}`, strings.Replace(ordinary, `"reader":"disabled"`, `"reader":"offlineImmediate"`, 1)},
		{`{"simulatedOfflineMode":{"reader":"disabled"},"simulatedCollectInputsResult":{"result":"timeout"}}`, strings.Replace(ordinary, `succeeded`, `timeout`, 1)},
		{ordinary, ordinary},
	} {
		all, err := configure(t, s, step.ask)
		if err != nil {
			t.Fatalf("%s: %v", step.ask, err)
		}
		if got, err := json.Marshal(all); err != nil || string(got) != step.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", step.ask, err, got, step.want)
		}
	}
}

func TestConfigureRefusesWhole(t *testing.T) {
	s := newSimulation(t, 1)
	for _, ask := range []string{
		`{"simulatedTipAmount":-1}`,
		`{"offlineEnabled":false,"availableReaderUpdate":"tomorrow"}`,
		`{"offlineEnabled":false,"simulatedCard":{"testPaymentMethod":"library-card"}}`,
		`{"offlineEnabled":false,"simulatedCard":{"testCardNumber":"4111111111111111"}}`,
		`{"simulatedCollectInputsResult":{"result":"maybe"}}`,
		`{"simulatedOfflineMode":{"reader":"sometimes"}}`,
	} {
		_, err := configure(t, s, ask)
		if !errors.Is(err, wire.CodeInvalidRequiredParameter) {
			t.Errorf("%s: got %v", ask, err)
		}
		if err != nil && strings.Contains(err.Error(), "4111111111111111") {
			t.Errorf("the error shows a card number: %v", err)
		}
	}
	all, err := configure(t, s, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(all); err != nil || string(got) != ordinary {
		t.Errorf("something was changed: %s, %v", got, err)
	}
}

func TestUpdates(t *testing.T) {
	for kind, want := range map[string]struct {
		notice          time.Duration
		online, offline wire.Code
	}{
		wire.SimulatedUpdateAvailable:                {notice: 7 * 24 * time.Hour},
		wire.SimulatedUpdateRequired:                 {},
		wire.SimulatedUpdateRequiredForOffline:       {offline: wire.CodeUnsupportedReaderVersion},
		wire.SimulatedUpdateLowBattery:               {online: wire.CodeUpdateFailedBatteryLow, offline: wire.CodeUpdateFailedBatteryLow},
		wire.SimulatedUpdateLowBatterySucceedConnect: {},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(t, 1)
			must(t, s, `{"availableReaderUpdate":"`+kind+`"}`)
			due := wire.ReaderUpdate{DeviceSoftwareVersion: "2.0.0", RequiredAtMs: time.Now().Add(want.notice).UnixMilli(), EstimatedUpdateTime: wire.UpdateUnderOneMinute}
			time.Sleep(time.Hour) // the notice counts from when it was configured
			for offline, code := range map[bool]wire.Code{false: want.online, true: want.offline} {
				update, refused := s.Connecting(offline)
				if update == nil || *update != due {
					t.Errorf("%s, offline %v: got %+v, want %+v", kind, offline, update, due)
				}
				if code == "" && refused != nil || code != "" && !errors.Is(refused, code) {
					t.Errorf("%s, offline %v: got %v, want %q", kind, offline, refused, code)
				}
			}
		})
	}
	s := newSimulation(t, 1)
	if update, refused := s.Connecting(true); update != nil || refused != nil {
		t.Errorf("none: got %+v, %v", update, refused)
	}
	if e := wire.NewError(wire.CodeUnsupportedReaderVersion, ""); e.NativeErrorCode != 2872 {
		t.Errorf("needs update is number %d", e.NativeErrorCode)
	}
}

func TestRandomUpdateGoesByTheSeed(t *testing.T) {
	draw := func(seed uint64) (drawn []string) {
		s := newSimulation(t, seed)
		must(t, s, `{"availableReaderUpdate":"random"}`)
		for range 60 {
			update, refused := s.Connecting(true)
			what := "none"
			switch {
			case refused != nil:
				what = string(refused.Code)
			case update != nil && time.UnixMilli(update.RequiredAtMs).After(time.Now()):
				what = "later"
			case update != nil:
				what = "now"
			}
			drawn = append(drawn, what)
		}
		return drawn
	}
	first := draw(3)
	for _, what := range []string{"none", "later", "now", string(wire.CodeUnsupportedReaderVersion), string(wire.CodeUpdateFailedBatteryLow)} {
		if !slices.Contains(first, what) {
			t.Errorf("never %s in 60", what)
		}
	}
	if !slices.Equal(first, draw(3)) || slices.Equal(first, draw(4)) {
		t.Error("the seed does not decide")
	}
}

func TestCannedInputs(t *testing.T) {
	s := newSimulation(t, 1)
	forms := []wire.CollectInput{
		{Type: wire.InputSelection, Title: "Size", Choices: []wire.SelectionChoice{{ID: "s", Text: "Small"}, {ID: "l", Text: "Large"}}},
		{Type: wire.InputSignature, Title: "Sign", Required: true},
		{Type: wire.InputEmail, Title: "Mail", Toggles: []wire.Toggle{{Title: "News", DefaultValue: wire.ToggleDisabled}, {Title: "Terms", DefaultValue: wire.ToggleEnabled}}},
		{Type: wire.InputPhone, Title: "Phone"},
		{Type: wire.InputText, Title: "Name"},
	}
	answers := func(forms []wire.CollectInput) []wire.InputResult {
		t.Helper()
		results, err := s.CollectInputs(t.Context(), forms)
		if err != nil {
			t.Fatal(err)
		}
		return results
	}
	got := append(answers(forms), answers([]wire.CollectInput{{Type: wire.InputNumeric, Title: "Number"}})...)
	for i, want := range []string{"Small", "", "someone@example.com", "+15555551234", "Jane Doe", "2907981236"} {
		if want != "" && got[i].Value != want || got[i].Skipped {
			t.Errorf("form %d: got %+v, want %s", i, got[i], want)
		}
	}
	if got[0].SelectionID != "s" || !strings.HasPrefix(got[1].Value, "<svg ") || !strings.HasSuffix(got[1].Value, "</svg>") || !slices.Equal(got[2].Toggles, []string{"disabled", "enabled"}) {
		t.Errorf("got %+v", got)
	}
	must(t, s, `{"simulatedCollectInputsResult":{"result":"succeeded","skip":"all"}}`)
	for i, result := range answers(forms) {
		required := forms[i].Required
		if result.Skipped == required || (result.Value != "") != required || result.Toggles != nil || result.Type != forms[i].Type {
			t.Errorf("skip all, form %d: got %+v", i, result)
		}
	}
	must(t, s, `{"simulatedCollectInputsResult":{"result":"timeout"}}`)
	if _, err := s.CollectInputs(t.Context(), forms); !errors.Is(err, wire.CodeInputsTimedOut) {
		t.Errorf("timeout: got %v", err)
	}
}

func TestWhatTheHubAsks(t *testing.T) {
	s := newSimulation(t, 1)
	if s.Tip(1000, "usd") != 0 || s.SDKOffline() || !s.OfflineEnabled() {
		t.Error("something is simulated without having been asked for")
	}
	must(t, s, `{"simulatedTipAmount":150,"offlineEnabled":false,"simulatedOfflineMode":{"sdk":"offlineImmediate"}}`)
	if s.Tip(1000, "usd") != 150 || !s.SDKOffline() || s.OfflineEnabled() {
		t.Error("what was asked for is not simulated")
	}
	must(t, s, `{"simulatedOfflineMode":{"sdk":"offlineIntermittent"}}`)
	offline := 0
	for range 200 {
		if s.SDKOffline() {
			offline++
		}
	}
	if offline < 60 || offline > 140 {
		t.Errorf("intermittent: offline %d of 200 times", offline)
	}
}

// A phone fits into no slot, and is not presented there by itself either.
func TestSimulatedCardIsNoPhone(t *testing.T) {
	s := newSimulation(t, 1)
	_, err := s.Configure(t.Context(), wire.SimulatorConfiguration{SimulatedCard: &wire.SimulatedCard{TestPaymentMethod: "tap-visa-watch"}})
	if err == nil || !strings.Contains(err.Error(), "tap-visa-watch is a watch") {
		t.Errorf("got %v", err)
	}
}
