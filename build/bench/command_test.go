package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/build/sandbox"
	"smartreader/lan/wire"
)

// recorder notes what a client asks of a control API.
type recorder struct {
	status int // of the answers; 0: 200
	asked  []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.asked = append(r.asked, fmt.Sprintf("%s %s %s", q.Method, strings.TrimPrefix(q.URL.Path, "/control/"), body))
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
	_, _ = io.WriteString(w, "{}")
}

func TestFaultCommands(t *testing.T) {
	for command, want := range map[string]string{
		"latency 200ms 2s":        `faults/latency {"maxMs":2000,"minMs":200}`,
		"latency 5 10":            `faults/latency {"maxMs":10,"minMs":5}`,
		"http 503":                `faults/http {"status":503}`,
		"http 503 3":              `faults/http {"count":3,"status":503}`,
		"rate-limit 30 2":         `faults/rate_limit {"count":2,"retryAfterSeconds":30}`,
		"reset":                   `faults/reset {}`,
		"lose-next-answer 2":      `faults/lose_answer {"count":2}`,
		"wrong-certificate on":    `faults/wrong_certificate {"on":true}`,
		"wrong-certificate off":   `faults/wrong_certificate {"on":false}`,
		"captive-portal on":       `faults/captive_portal {"on":true}`,
		"captive-portal on plain": `faults/captive_portal {"kind":"plain","on":true}`,
		"forget-keys":             `faults/forget_keys {}`,
		"clock -24h":              `faults/clock {"offsetMs":-86400000}`,
		"clear":                   `faults/clear {}`,
	} {
		asks(t, "fault "+command, "POST platform/"+want)
	}
	for _, command := range []string{"sunspots", "latency", "latency 1s", "latency fast slow", "http", "http many", "http -1", "http 503 1 1", "clock", "captive-portal maybe", "clear all"} {
		refusesCommand(t, "fault "+command)
	}
	refusesCommand(t, "fault")
}

// The commands do at the platform what they say.
func TestFaultsReachThePlatform(t *testing.T) {
	platform, err := sandbox.New(sandbox.Options{Dir: t.TempDir(), Public: listen(t), Device: listen(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer platform.Close()
	server := httptest.NewServer(Control{Endpoints: func() Endpoints { return Endpoints{} }, Platform: platform}.Handler())
	defer server.Close()
	client := Client{Base: server.URL + "/control/"}
	for command, is := range map[string]func(sandbox.Faults) bool{
		"net cut": func(f sandbox.Faults) bool { return f.Unreachable },
		"fault latency 200ms 2s": func(f sandbox.Faults) bool {
			return f.Latency != nil && f.Latency.MinMs == 200 && f.Latency.MaxMs == 2000
		},
		"fault http 502":   func(f sandbox.Faults) bool { return f.HTTP != nil && f.HTTP.Status == 502 && f.HTTP.Next == 0 },
		"fault http 503 3": func(f sandbox.Faults) bool { return f.HTTP != nil && f.HTTP.Next == 3 },
		"fault rate-limit 30 2": func(f sandbox.Faults) bool {
			return f.RateLimit != nil && f.RateLimit.RetryAfterSeconds == 30 && f.RateLimit.Next == 2
		},
		"fault reset":                   func(f sandbox.Faults) bool { return f.Resets == 1 },
		"fault lose-next-answer":        func(f sandbox.Faults) bool { return f.LoseAnswers == 1 },
		"fault lose-next-answer 4":      func(f sandbox.Faults) bool { return f.LoseAnswers == 4 },
		"fault wrong-certificate on":    func(f sandbox.Faults) bool { return f.WrongCertificate },
		"fault captive-portal on":       func(f sandbox.Faults) bool { return f.CaptivePortal == sandbox.PortalPage },
		"fault captive-portal on plain": func(f sandbox.Faults) bool { return f.CaptivePortal == sandbox.PortalPlain },
		"fault clock -24h":              func(f sandbox.Faults) bool { return f.ClockOffsetMs == -24*3600*1000 },
		"fault forget-keys":             func(f sandbox.Faults) bool { return f == sandbox.Faults{} },
	} {
		if err := client.Run(t.Context(), strings.Fields(command), io.Discard); err != nil || !is(platform.Status().Faults) {
			t.Errorf("%s: %v, faults %+v", command, err, platform.Status().Faults)
		}
		over := []string{"fault", "clear"}
		if command == "net cut" {
			over = []string{"net", "restore"}
		}
		if err := client.Run(t.Context(), over, io.Discard); err != nil || platform.Status().Faults != (sandbox.Faults{}) {
			t.Errorf("%v after %s: %v, faults %+v", over, command, err, platform.Status().Faults)
		}
	}
	if err := client.Run(t.Context(), []string{"fault", "http", "200"}, io.Discard); err == nil {
		t.Error("status 200 passes for a fault")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestSimulateCommand(t *testing.T) {
	for command, want := range map[string]string{
		"":                        `{}`,
		" -card visa -tip 200":    `{"simulatedCard":{"testPaymentMethod":"visa"},"simulatedTipAmount":200}`,
		" -card none":             `{"simulatedCard":{}}`,
		" -tip 0":                 `{"simulatedTipAmount":0}`,
		" -offline-enabled=false": `{"offlineEnabled":false}`,
		" -update required":       `{"availableReaderUpdate":"required"}`,
		" -inputs timeout":        `{"simulatedCollectInputsResult":{"result":"timeout"}}`,
		" -skip all":              `{"simulatedCollectInputsResult":{"result":"succeeded","skip":"all"}}`,
		" -offline-mode offlineTimeout -sdk-mode disabled": `{"simulatedOfflineMode":{"sdk":"disabled","reader":"offlineTimeout"}}`,
	} {
		asks(t, "simulate"+command, "PUT simulator "+want)
	}
	for _, command := range []string{"-card", "-tip much", "-tip -1", "-update tomorrow", "-offline-mode on", "-inputs perhaps", "-colour blue", "visa"} {
		refusesCommand(t, "simulate "+command)
	}
}

// asks checks what a command makes of the control API.
func asks(t *testing.T, command, want string) {
	t.Helper()
	api := &recorder{}
	server := httptest.NewServer(api)
	defer server.Close()
	if err := (Client{Base: server.URL + "/control/"}).Run(t.Context(), strings.Fields(command), io.Discard); err != nil {
		t.Errorf("%s: %v", command, err)
	}
	if !reflect.DeepEqual(api.asked, []string{want}) {
		t.Errorf("%s: asked %q, want %q", command, api.asked, want)
	}
}

func refusesCommand(t *testing.T, command string) {
	t.Helper()
	if _, err := (Client{}).Command(strings.Fields(command), io.Discard); !errors.As(err, new(UsageError)) {
		t.Errorf("%s: got %v, want a usage error", command, err)
	}
}

// simulator is told things and answers with the last.
type simulator struct{ told []wire.SimulatorConfiguration }

func (s *simulator) Configure(_ context.Context, c wire.SimulatorConfiguration) (wire.SimulatorConfiguration, error) {
	if c.OfflineEnabled != nil && !*c.OfflineEnabled {
		return c, wire.NewError(wire.CodeInvalidRequiredParameter, "never")
	}
	s.told = append(s.told, c)
	tip := int64(7)
	return wire.SimulatorConfiguration{SimulatedTipAmount: &tip}, nil
}

func TestSimulatorOverTheControlAPI(t *testing.T) {
	told := &simulator{}
	server := httptest.NewServer(Control{Endpoints: func() Endpoints { return Endpoints{} }, Simulator: told}.Handler())
	defer server.Close()
	client := Client{Base: server.URL + "/control/", Start: "start it"}
	var out strings.Builder
	if err := client.Run(t.Context(), []string{"simulate", "-card", "amex"}, &out); err != nil {
		t.Fatal(err)
	}
	if len(told.told) != 1 || told.told[0].SimulatedCard.TestPaymentMethod != "amex" || !strings.Contains(out.String(), `"simulatedTipAmount": 7`) {
		t.Errorf("told %+v, printed %s", told.told, &out)
	}
	var all wire.SimulatorConfiguration
	if err := client.Do(t.Context(), http.MethodGet, "simulator", nil, &all); err != nil || all.SimulatedTipAmount == nil {
		t.Errorf("asking: %v, %+v", err, all)
	}
	if got := told.told[1]; got != (wire.SimulatorConfiguration{}) {
		t.Errorf("asking changed %+v", got)
	}
	if err := client.Run(t.Context(), []string{"simulate", "-offline-enabled=false"}, io.Discard); err == nil || !strings.Contains(err.Error(), "never") {
		t.Errorf("refused: got %v", err)
	}
	before := len(told.told)
	misspelt := map[string]int{"simulatedTip": 200}
	if err := client.Do(t.Context(), http.MethodPut, "simulator", misspelt, nil); err == nil || !strings.Contains(err.Error(), "simulatedTip") || len(told.told) != before {
		t.Errorf("a member that does not exist: got %v, told %d times", err, len(told.told)-before)
	}
	real := httptest.NewServer(Control{Endpoints: func() Endpoints { return Endpoints{} }}.Handler())
	defer real.Close()
	client.Base = real.URL + "/control/"
	if err := client.Run(t.Context(), []string{"simulate"}, io.Discard); err == nil || !strings.Contains(err.Error(), "start it") {
		t.Errorf("a real reader: got %v, want the remedy", err)
	}
}

func TestScriptIsPlayedInTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outage")
	text := "# a short outage\n0s net cut\n\n1.5s\tfault  lose-next-answer 2 # told apart by blanks\n1.5s card remove\n1m simulate -card visa\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := ReadScript(file)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]time.Duration{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		transport := transportFunc(func(q *http.Request) *http.Response {
			got[strings.TrimPrefix(q.URL.Path, "/control/")] = time.Since(start)
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("{}"))}
		})
		client := Client{Base: "http://reader/control/", transport: transport}
		if err := script.Play(t.Context(), client, io.Discard); err != nil {
			t.Error(err)
		}
	})
	want := map[string]time.Duration{
		"platform/unreachable": 0, "platform/faults/lose_answer": 1500 * time.Millisecond, "card": 1500 * time.Millisecond, "simulator": time.Minute,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("played %v, want %v", got, want)
	}
}

type transportFunc func(*http.Request) *http.Response

func (f transportFunc) RoundTrip(q *http.Request) (*http.Response, error) { return f(q), nil }

func TestScriptStopsAtWhatFails(t *testing.T) {
	api := &recorder{status: http.StatusConflict}
	server := httptest.NewServer(api)
	defer server.Close()
	script, err := parseScript("day", "0s card remove\n0s net cut")
	if err != nil {
		t.Fatal(err)
	}
	err = script.Play(t.Context(), Client{Base: server.URL + "/control/"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "day:1: card remove") || len(api.asked) != 1 {
		t.Errorf("got %v after %q", err, api.asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late, err := parseScript("day", "1h net cut")
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Play(ctx, Client{}, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: got %v", err)
	}
}

func TestWrongScripts(t *testing.T) {
	for text, where := range map[string]string{
		"net cut": "day:1", "5 net cut": "day:1", "-1s net cut": "day:1", "1s": "day:1", "\n1s net mend": "day:2", "2s net cut\n1s net restore": "day:2",
		"1s fault http": "day:1", "0s simulate -update soon": "day:1",
	} {
		_, err := parseScript("day", text)
		if !errors.As(err, new(UsageError)) || !strings.Contains(err.Error(), where) {
			t.Errorf("%q: got %v, want a usage error at %s", text, err, where)
		}
	}
	if _, err := ReadScript(filepath.Join(t.TempDir(), "missing")); !errors.As(err, new(UsageError)) {
		t.Errorf("no file: got %v", err)
	}
}

// Whatever a script says, it is refused, or every line of it can be run and
// comes in its order.
func FuzzScript(f *testing.F) {
	for _, text := range []string{"", "5s net cut\n10s net restore", "0s simulate -card visa -tip 1 # tip", "1h fault clock -24h\n1h fault http 503 3", "9s screen x.png", "1s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		script, err := parseScript("day", text)
		if err != nil {
			if !errors.As(err, new(UsageError)) || script != nil {
				t.Errorf("got %v, %v", script, err)
			}
			return
		}
		last := time.Duration(0)
		for _, l := range script {
			if _, err := (Client{}).Command(l.command, io.Discard); err != nil || l.at < last {
				t.Errorf("%s: %v at %v after %v: %v", l.where, l.command, l.at, last, err)
			}
			last = l.at
		}
	})
}

// People add -help and -control behind the command.
func TestFlagsBehindTheCommand(t *testing.T) {
	parse := func(args ...string) (control string, rest []string, help string, err error) {
		var said bytes.Buffer
		rest, err = Parse("x", "how to use it\n", func(f *flag.FlagSet) { f.StringVar(&control, "control", "here", "") }, args, &said)
		return control, rest, said.String(), err
	}
	for _, args := range [][]string{
		{"-control", "there", "card", "insert", "visa"}, {"card", "insert", "visa", "-control", "there"},
		{"card", "insert", "--control=there", "visa"},
	} {
		if control, rest, _, err := parse(args...); err != nil || control != "there" || strings.Join(rest, " ") != "card insert visa" {
			t.Errorf("%q: %s %q, %v", args, control, rest, err)
		}
	}
	if _, _, help, err := parse("fault", "latency", "-help"); !errors.Is(err, flag.ErrHelp) || !strings.HasPrefix(help, "how to use it") {
		t.Errorf("help: %q, %v", help, err)
	}
	if _, _, _, err := parse("status", "-control"); !errors.As(err, new(UsageError)) {
		t.Errorf("without a value: %v", err)
	}
	if control, rest, _, err := parse("fault", "clock", "-24h"); err != nil || control != "here" || len(rest) != 3 {
		t.Errorf("a negative value: %q, %v", rest, err)
	}
}

func TestErrorsOfTheControlAPIAreSentences(t *testing.T) {
	for body, want := range map[string]string{
		`{"error": "no card"}`: "no card",
		`{"error": {"code": "invalid_request", "message": "no kind"}}`: "no kind",
		`{}`: "",
		`x`:  "",
	} {
		if got := failure([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// The commands that are shown work as they are, wherever things run.
func TestAnnounceNamesAddresses(t *testing.T) {
	at := Endpoints{ReaderID: "tmr_1", POS: defaultPOS, Public: defaultPublic, Control: defaultControl}
	said := func(e Endpoints) string {
		var b strings.Builder
		if err := e.Announce(&b, "Ready.", "simulator"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if s := said(at); !strings.Contains(s, "./lan/pos connect\n") || !strings.Contains(s, "  simulator card insert") || !strings.Contains(s, "simulator net cut") {
		t.Errorf("at the default addresses:\n%s", s)
	}
	at = Endpoints{ReaderID: "tmr_1", POS: "wss://127.0.0.1:5/v1/terminal", Public: "http://127.0.0.1:6", Control: "http://127.0.0.1:7/control/"}
	if s := said(at); !strings.Contains(s, "connect -reader wss://127.0.0.1:5/v1/terminal -backend http://127.0.0.1:6\n") ||
		!strings.Contains(s, "simulator -control 127.0.0.1:7 card insert visa") {
		t.Errorf("elsewhere:\n%s", s)
	}
	if s := said(Endpoints{Public: defaultPublic, Control: defaultControl}); !strings.HasPrefix(s, "Ready.\n") || strings.Contains(s, "lan/pos") {
		t.Errorf("without a reader:\n%s", s)
	}
}

// Half a command is completed.
func TestHalfACommandIsExplained(t *testing.T) {
	for command, want := range map[string]string{
		"pin": "it is: pin wrong, bypass, cancel, timeout or 4 to 12 digits", "pin weird": "it is: pin wrong, bypass", "pin 123": "4 to 12 digits",
		"card": "card insert NAME", "card insert": "card insert NAME", "card tap": "card hold NAME [NAME] [TIME], card take", "card tap a b c": "card tap NAME", "card reset": "card reset NAME", "net": "net cut, net restore", "net mend": "net cut, net restore",
		"screen": "screen FILE.png", "fault": "there is captive-portal, clear,", "fault sunspots": "there is captive-portal, clear,",
		"fault latency 3s 1s": "3s is more than 1s; it is: fault latency MIN MAX", "dance": `there is no command "dance"`,
		"tap visa": `is "card tap visa" meant?`, "hold visa 2s": `is "card hold visa 2s" meant?`,
	} {
		_, err := Client{}.Command(strings.Fields(command), io.Discard)
		if !errors.As(err, new(UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a usage error with %q", command, err, want)
		}
	}
}
