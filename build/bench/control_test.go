package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/build/bench"
	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/hal/sim"
)

func newControl(t *testing.T) (*httptest.Server, *sim.Board) {
	t.Helper()
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cards, err := bench.OpenCards(filepath.Join(t.TempDir(), "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	control := bench.Control{
		Endpoints: func() bench.Endpoints { return bench.Endpoints{ReaderID: "tmr_1"} },
		Cards:     cards, Slot: board.Tray, PINPad: board.PINPad,
		Screen: func(context.Context) ([]byte, error) { return []byte("\x89PNG"), nil },
		More: map[string]func(*http.Request) error{
			"POST /control/power": func(r *http.Request) error {
				var body struct {
					On bool `json:"on"`
				}
				if err := bench.ReadBody(r, &body); err != nil {
					return err
				}
				if !body.On {
					return errors.New("no power")
				}
				return nil
			},
		},
	}
	server := httptest.NewServer(control.Handler())
	t.Cleanup(server.Close)
	return server, board
}

func TestControlAPI(t *testing.T) {
	server, board := newControl(t)
	address := strings.TrimPrefix(server.URL, "http://")
	command := func(args ...string) error {
		return bench.ClientAt(address, "start it").Run(t.Context(), args, io.Discard)
	}
	if err := command("card", "insert", "visa"); err != nil || board.Tray.Inserted() != "visa" {
		t.Errorf("insert: %v, %q is in", err, board.Tray.Inserted())
	}
	if err := command("card", "insert", "visa"); err == nil {
		t.Error("a second card went in")
	}
	if err := command("card", "remove"); err != nil || board.Tray.Inserted() != "" {
		t.Errorf("remove: %v, %q is in", err, board.Tray.Inserted())
	}
	if err := command("card", "remove"); err == nil {
		t.Error("a card came out of an empty slot")
	}
	if err := command("card", "insert", "../../etc/passwd"); err == nil || !strings.Contains(err.Error(), "card list") {
		t.Errorf("unknown card: %v", err)
	}
	file := filepath.Join(t.TempDir(), "screen.png")
	if err := command("screen", file); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Errorf("screen: %v, %d bytes", err, len(data))
	}
}

// hand notes what is tapped.
type hand struct {
	cards  []string
	held   bool
	longer time.Duration
}

func (h *hand) Hold(longer time.Duration, cards ...string) error {
	err := h.Tap(cards...)
	h.held, h.longer = true, longer
	return err
}

func (h *hand) Tap(cards ...string) error {
	h.held, h.longer = false, 0
	h.cards = h.cards[:0]
	for _, name := range cards {
		profile, ok := bench.FindCard(name)
		if !ok {
			return errors.New("no such card")
		}
		h.cards = append(h.cards, profile)
	}
	return nil
}

func (h *hand) Take() error {
	if len(h.cards) == 0 {
		return errors.New("no card is tapped")
	}
	h.cards = nil
	return nil
}

func (h *hand) Tapped() []string { return h.cards }

// A card is in one place at a time: in the slot, or in the hand that taps.
func TestTapByControl(t *testing.T) {
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	cards, err := bench.OpenCards(filepath.Join(t.TempDir(), "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{}
	server := httptest.NewServer(bench.Control{
		Endpoints: func() bench.Endpoints { return bench.Endpoints{} }, Cards: cards, Slot: board.Tray, Antenna: h,
	}.Handler())
	defer server.Close()
	client := bench.Client{Base: server.URL + "/control/", Start: "start it"}
	for _, step := range []struct {
		command, want string // of an error; empty: none
		inHand        []string
	}{
		{"card take", "no card", nil},
		{"card tap 4242424242424242", "", []string{"visa"}},
		{"card tap visa_debit mastercard", "", []string{"visa-debit", "mastercard"}},
		{"card tap visa 4242424242424242", "only one", []string{"visa-debit", "mastercard"}},
		{"card tap library-card", "no such card", nil},
		{"card tap visa", "", []string{"visa"}},
		{"card insert visa", "card take", []string{"visa"}},
		{"card reset 4242424242424242", "card take", []string{"visa"}},
		{"card insert amex", "", []string{"visa"}},
		{"card tap amex", "card remove", []string{"visa"}},
		{"card tap visa amex", "card remove", []string{"visa"}},
		{"card hold visa amex", "card remove", []string{"visa"}},
		{"card hold visa mastercard 6s", "not 0s to 5s", []string{"visa"}},
		{"card hold visa mastercard visa-debit", "one card or two", []string{"visa"}},
		{"card hold visa mastercard 1500ms", "", []string{"visa", "mastercard"}},
		{"card insert mastercard", "card take", []string{"visa", "mastercard"}},
		{"card take", "", nil},
		{"card remove", "", nil},
		{"card insert visa", "", nil},
	} {
		err := client.Run(t.Context(), strings.Fields(step.command), io.Discard)
		if (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("%s: got %v, want %q", step.command, err, step.want)
		}
		var status bench.Status
		if err := client.Do(t.Context(), http.MethodGet, "status", nil, &status); err != nil || !slices.Equal(status.Tapped, step.inHand) {
			t.Errorf("%s: %q in the hand, %v", step.command, status.Tapped, err)
		}
	}
	for command, want := range map[string]hand{
		"card hold mastercard":           {[]string{"mastercard"}, true, 0},
		"card hold mastercard 2s":        {[]string{"mastercard"}, true, 2 * time.Second},
		"card hold mastercard amex 0s":   {[]string{"mastercard", "amex"}, true, 0},
		"card tap mastercard visa-debit": {[]string{"mastercard", "visa-debit"}, false, 0},
	} {
		if err := client.Run(t.Context(), strings.Fields(command), io.Discard); err != nil || !reflect.DeepEqual(*h, want) {
			t.Errorf("%s: %+v, %v", command, *h, err)
		}
	}
	for _, body := range []string{`{}`, `{"with": "visa"}`, `{"card": "amex", "hold": true, "slowMs": 5001}`, `{"card": "amex", "hold": true, "slowMs": -1}`, `{"card": "amex", "slowMs": 1}`, `{"card": "visa", "and": "amex"}`, `[]`} {
		response, err := http.Post(server.URL+"/control/tap", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", body, response.Status)
		}
	}
}

// A card that is tapped twice is one card: it remembers the first tap. One that was
// used otherwise meanwhile goes on from there.
func TestTappedCardIsTheSame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cards.json")
	cards, err := bench.OpenCards(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := cards.Tap("library-card"); err == nil || !strings.Contains(err.Error(), "card list") {
		t.Errorf("an unknown card: %v", err)
	}
	const aid = "A0000000031010"
	pay := func(chip emvkernel.Transceiver) {
		t.Helper()
		config := emvtest.TerminalConfig()
		transaction, err := emvkernel.NewTransaction(&config, emvkernel.Params{
			Amount: 100, Currency: 840, Exponent: 2, Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		}, chip, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := transaction.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, first, err := cards.Tap("visa")
	if err != nil {
		t.Fatal(err)
	}
	inserted, err := cards.Card("visa")
	if err != nil {
		t.Fatal(err)
	}
	pay(inserted)
	_, again, err := cards.Tap("4242424242424242")
	if err != nil {
		t.Fatal(err)
	}
	if got := again.State().Applications[aid].ATC; got != 1 || first.State().Applications[aid].ATC != 0 {
		t.Errorf("after an insertion the tapped card counts %d", got)
	}
}

// One that is torn off the field in the middle of a payment, once, is torn once.
func TestTornCardIsTornOnce(t *testing.T) {
	cards, err := bench.OpenCards(filepath.Join(t.TempDir(), "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []error{emvtest.ErrTorn, nil} {
		_, chip, err := cards.Tap("tap-visa-torn-select-ppse")
		if err != nil {
			t.Fatal(err)
		}
		chip.Reset()
		if _, err := chip.Exchange(t.Context(), []byte("\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00")); !errors.Is(err, want) {
			t.Errorf("tap %d: %v, want %v", n+1, err, want)
		}
	}
}

// The whole list has every card once, below the heading it belongs to; the short one those of Stripe's
// simulators, and it counts the rest.
func TestCardList(t *testing.T) {
	server, _ := newControl(t)
	client := bench.Client{Base: server.URL + "/control/"}
	var out bytes.Buffer
	if err := client.Run(t.Context(), []string{"card", "list"}, &out); err != nil {
		t.Fatal(err)
	}
	cards := strings.Count(out.String(), "\n  ")
	if want := fmt.Sprintf("and %d more to test readers with: card list all", len(emvtest.Profiles())-cards); cards != len(emvtest.PaymentMethods()) || !strings.Contains(out.String(), want) {
		t.Errorf("short: %d cards of %d:\n%s", cards, len(emvtest.PaymentMethods()), &out)
	}
	out.Reset()
	if err := client.Run(t.Context(), []string{"card", "list", "all"}, &out); err != nil {
		t.Fatal(err)
	}
	heading, under := "", map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, indented := strings.CutPrefix(line, "  ")
		if !indented {
			heading = line
			continue
		}
		name, about, _ := strings.Cut(name, " ")
		if under[name] != "" || strings.TrimSpace(about) == "" {
			t.Errorf("%s is there twice, or says nothing: %q", name, line)
		}
		under[name] = heading
	}
	if len(under) != len(emvtest.Profiles()) {
		t.Errorf("%d cards of %d:\n%s", len(under), len(emvtest.Profiles()), &out)
	}
	for name, want := range map[string]string{"visa": "They pay", "offline-pin-cvm": "They want", "declined-lost-card": "The issuer declines", "sda": "They pay, each", "broken-dda": "Something is odd",
		"tap-visa-phone": "Made to be tapped: the issuer", "tap-visa-declines": "Made to be tapped: refused", "tap-amex": "Made to be tapped: refused",
		"offline-approves": "They pay, each", "velocity-within": "They pay, each", "pin-bypassed": "They work, and", "usage-not-allowed": "They work, and",
		"domestic-only": "For other payments", "cvm-cash": "For other payments", "pulled-at-script-after": "Something is odd"} {
		if !strings.HasPrefix(under[name], want) {
			t.Errorf("%s is under %q", name, under[name])
		}
	}
}

// A card that can be called by a number is listed with it, and comes before its variants.
func TestCardListNamesNumbers(t *testing.T) {
	server, _ := newControl(t)
	client := bench.Client{Base: server.URL + "/control/"}
	var list []struct{ Name, Number string }
	if err := client.Do(t.Context(), http.MethodGet, "cards", nil, &list); err != nil {
		t.Fatal(err)
	}
	at, numbers := map[string]int{}, 0
	for i, card := range list {
		at[card.Name] = i
		if card.Number == "" {
			continue
		}
		numbers++
		if profile, ok := bench.FindCard(card.Number); !ok || profile != card.Name {
			t.Errorf("%s is listed with %s, which is %s", card.Name, card.Number, profile)
		}
	}
	if numbers != len(emvtest.PaymentMethods()) || at["visa"] > at["visa-debit"] || at["discover"] > at["discover2"] {
		t.Errorf("%d numbers, visa at %d, visa-debit at %d", numbers, at["visa"], at["visa-debit"])
	}
	var out bytes.Buffer
	if err := client.Run(t.Context(), []string{"card", "list"}, &out); err != nil || !strings.Contains(out.String(), "4242424242424242  Visa credit") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// A phone that was unlocked, or a card that was torn, is as new after a reset, and
// counts on: what one test left behind does not change the next one.
func TestResetOfWhatWasTapped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cards.json")
	const aid, phone, torn = "A0000000031010", "tap-visa-phone-locked", "tap-visa-torn-select-ppse"
	left := fmt.Sprintf(`{%q: {"applications": {%q: {"atc": 7, "unlocked": true, "torn": "01", "update": "02"}}}}`, phone, aid)
	if err := os.WriteFile(file, []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	cards, err := bench.OpenCards(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, unlocked, err := cards.Tap(phone); err != nil || !unlocked.State().Applications[aid].Unlocked {
		t.Fatalf("%v, not as it was left", err)
	}
	if err := cards.Reset(phone, board.Tray); err != nil {
		t.Fatal(err)
	}
	_, locked, err := cards.Tap(phone)
	if err != nil {
		t.Fatal(err)
	}
	if got := locked.State().Applications[aid]; got != (emvtest.ApplicationState{ATC: 7}) {
		t.Errorf("afterwards it remembers %+v", got)
	}
	for range 2 {
		_, chip, err := cards.Tap(torn)
		if err != nil {
			t.Fatal(err)
		}
		chip.Reset()
		if _, err := chip.Exchange(t.Context(), []byte("\x00\xA4\x04\x00\x0E2PAY.SYS.DDF01\x00")); !errors.Is(err, emvtest.ErrTorn) {
			t.Errorf("a card that tears was reset, and gives %v", err)
		}
		if err := cards.Reset(torn, board.Tray); err != nil {
			t.Fatal(err)
		}
	}
	if err := cards.Insert(phone, board.Tray); err == nil || !strings.Contains(err.Error(), "card tap "+phone) {
		t.Errorf("a phone went into the slot: %v", err)
	}
}

// A reset gives the PIN tries back and nothing else: a counter that began anew would make the next payment a
// copied card's.
func TestCardReset(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cards.json")
	const aid = "A0000000031010"
	left := fmt.Sprintf(`{"visa": {"draws": 5, "applications": {%q: {"atc": 7, "lastOnlineATC": 6, "pinFailures": 3}}}}`, aid)
	if err := os.WriteFile(file, []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	cards, err := bench.OpenCards(file)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(bench.Control{Endpoints: func() bench.Endpoints { return bench.Endpoints{} }, Cards: cards, Slot: board.Tray}.Handler())
	defer server.Close()
	client := bench.Client{Base: server.URL + "/control/"}
	reset := func(card string) error { return client.Run(t.Context(), []string{"card", "reset", card}, io.Discard) }
	if err := client.Insert(t.Context(), "visa"); err != nil {
		t.Fatal(err)
	}
	if err := reset("visa"); err == nil || !strings.Contains(err.Error(), "card remove") {
		t.Errorf("in the slot: %v", err)
	}
	if err := client.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Remove(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "there is no card") {
		t.Errorf("an empty slot: %v", err)
	}
	if err := reset("library-card"); err == nil || !strings.Contains(err.Error(), "library-card") {
		t.Errorf("an unknown card: %v", err)
	}
	if err := reset("4242424242424242"); err != nil {
		t.Fatal(err)
	}
	again, err := bench.OpenCards(file)
	if err != nil {
		t.Fatal(err)
	}
	card, err := again.Card("visa")
	if err != nil {
		t.Fatal(err)
	}
	if got := card.State(); got.Draws != 5 || got.Applications[aid] != (emvtest.ApplicationState{ATC: 7, LastOnlineATC: 6}) {
		t.Errorf("afterwards it remembers %+v", got)
	}
}

func TestFindCard(t *testing.T) {
	for name, want := range map[string]string{
		"visa": "visa", "visa-debit": "visa-debit", "visa_debit": "visa-debit", "4000056655665556": "visa-debit", "378282246310005": "amex",
		"charge_declined": "declined-generic", "charge_declined_lost_card": "declined-lost-card", "4000000000009995": "declined-insufficient-funds",
		"t0": "t0", "": "", "charge_declined_by_grandma": "", "4111111111111111": "", "../visa": "",
	} {
		if got, ok := bench.FindCard(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", name, got, ok)
		}
	}
	for name, want := range map[string]string{"visa": "visa", "4111111111111111": "ending in 1111", "": ""} {
		if got := bench.MaskCard(name); got != want {
			t.Errorf("%q: printed as %q", name, got)
		}
	}
	cards, err := bench.OpenCards(filepath.Join(t.TempDir(), "cards.json"))
	if err != nil {
		t.Fatal(err)
	}
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer board.HAL.Close()
	if err := cards.Insert("4242424242424242", board.Tray); err != nil || board.Tray.Inserted() != "visa" {
		t.Errorf("by number: %v, %q is in", err, board.Tray.Inserted())
	}
}

func TestStatusAndMore(t *testing.T) {
	server, _ := newControl(t)
	client := bench.Client{Base: server.URL + "/control/", Start: "start it"}
	var status bench.Status
	if err := client.Do(t.Context(), http.MethodPost, "power", map[string]bool{"on": true}, &status); err != nil || status.Endpoints.ReaderID != "tmr_1" {
		t.Errorf("got %+v, %v", status, err)
	}
	if err := client.Do(t.Context(), http.MethodPost, "power", map[string]bool{}, nil); err == nil || err.Error() != "no power" {
		t.Errorf("got %v", err)
	}
	if err := client.Do(t.Context(), http.MethodPost, "tap", map[string]string{}, nil); err == nil || !strings.Contains(err.Error(), "start it") {
		t.Errorf("another program's command: got %v, want the remedy", err)
	}
	for body, want := range map[string]int{`{"on": true}`: http.StatusOK, `{}`: http.StatusConflict, `{"on": 1}`: http.StatusBadRequest, ``: http.StatusBadRequest} {
		response, err := http.Post(server.URL+"/control/power", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%q: got %s, want %d", body, response.Status, want)
		}
	}
	if err := client.Run(t.Context(), []string{"card", "juggle"}, io.Discard); !errors.As(err, new(bench.UsageError)) {
		t.Errorf("got %v, want a usage error", err)
	}
	server.Close()
	if err := client.Run(t.Context(), []string{"status"}, io.Discard); err == nil || !strings.Contains(err.Error(), "start it") {
		t.Errorf("got %v, want the remedy", err)
	}
}

func TestControlAPIRefusesWebPages(t *testing.T) {
	server, _ := newControl(t)
	for name, change := range map[string]func(*http.Request){
		"a page's script": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"DNS rebinding":   func(r *http.Request) { r.Host = "evil.example" },
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/control/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s got %s", name, response.Status)
		}
	}
}

// A card's transaction counter goes on after a restart of the simulator.
func TestCardsRemember(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cards.json")
	counters := []uint16{}
	for range 2 {
		board, err := sim.Open(sim.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		cards, err := bench.OpenCards(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := cards.Insert("visa", board.Tray); err != nil {
			t.Fatal(err)
		}
		card, err := board.Tray.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		config := emvtest.TerminalConfig()
		transaction, err := emvkernel.NewTransaction(&config, emvkernel.Params{
			Amount: 100, Currency: 840, Exponent: 2, Time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
		}, card, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if outcome, err := transaction.Collect(t.Context()); err != nil || outcome.Kind != emvkernel.OnlineRequest {
			t.Fatalf("got %+v, %v", outcome, err)
		}
		memory, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var states map[string]*emvtest.State
		if err := json.Unmarshal(memory, &states); err != nil {
			t.Fatal(err)
		}
		for _, app := range states["visa"].Applications {
			counters = append(counters, app.ATC)
		}
		board.HAL.Close()
	}
	if !slices.Equal(counters, []uint16{1, 2}) {
		t.Errorf("the counter went %v", counters)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.OpenCards(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("damaged memory: got %v, want an error naming the file", err)
	}
}

// One part that fails ends all; having been asked to stop is no failure.
func TestParts(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct{ end, want error }{{broken, broken}, {nil, nil}} {
		ctx, parts := bench.NewParts(t.Context())
		parts.Run("waiting", func() error { <-ctx.Done(); return ctx.Err() })
		parts.Run("ending", func() error { return test.end })
		if err := parts.Wait(ctx); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("got %v, want %v", err, test.want)
		}
	}
	ctx, parts := bench.NewParts(t.Context())
	parts.Run("waiting", func() error { <-ctx.Done(); return nil })
	parts.Stop(broken)
	if err := parts.Wait(ctx); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestListenersStayOnLoopback(t *testing.T) {
	if _, err := bench.ListenLoopback(":0", "-public"); !errors.As(err, new(bench.UsageError)) {
		t.Errorf("got %v, want a usage error", err)
	}
	l, err := bench.ListenLoopback("127.0.0.1:0", "-public")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := bench.Listen(l.Addr().String(), "-device"); err == nil || !strings.Contains(err.Error(), "-device") {
		t.Errorf("got %v, want the flag named", err)
	}
}

func TestPINByControl(t *testing.T) {
	pad := &fingers{}
	server := httptest.NewServer(bench.Control{Endpoints: func() bench.Endpoints { return bench.Endpoints{} }, PINPad: pad}.Handler())
	t.Cleanup(server.Close)
	client := bench.ClientAt(strings.TrimPrefix(server.URL, "http://"), "start it")
	for _, what := range []string{"wrong", "bypass", "cancel", "timeout", "4321"} {
		if err := client.Run(t.Context(), []string{"pin", what}, io.Discard); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if want := []string{"wrong 1", "bypass", "cancel", "time out", "PIN 4321"}; !slices.Equal(pad.did, want) {
		t.Errorf("the cardholder did %q, want %q", pad.did, want)
	}
	if err := client.Run(t.Context(), []string{"pin", "right"}, io.Discard); err == nil || !strings.Contains(err.Error(), "digits") {
		t.Errorf("neither a deed nor a PIN: %v", err)
	}
}

type fingers struct{ did []string }

func (f *fingers) SetPIN(digits string) error {
	if strings.Trim(digits, "0123456789") != "" {
		return errors.New("a PIN consists of digits")
	}
	f.did = append(f.did, "PIN "+digits)
	return nil
}
func (f *fingers) EnterWrong(n int) { f.did = append(f.did, fmt.Sprint("wrong ", n)) }
func (f *fingers) Bypass()          { f.did = append(f.did, "bypass") }
func (f *fingers) Cancel()          { f.did = append(f.did, "cancel") }
func (f *fingers) TimeOut()         { f.did = append(f.did, "time out") }
