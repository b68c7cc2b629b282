package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/build/story"
	"smartreader/firmware/platform"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// desk is a simulator that runs in this process, and a POS connected to it.
type desk struct {
	t   *testing.T
	at  bench.Endpoints
	pos *story.POS
}

// log collects what the simulator says, for when a test fails.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// newDesk starts a simulator and connects a POS to it.
func newDesk(t *testing.T, args ...string) *desk {
	t.Helper()
	d := startDesk(t, args...)
	var err error
	d.pos, err = story.NewPOS("desk-test")
	if err == nil {
		_, err = d.pos.Connect(t.Context(), d.at)
	}
	d.must(err)
	return d
}

// startDesk starts a simulator.
func startDesk(t *testing.T, args ...string) *desk {
	t.Helper()
	const any0 = "127.0.0.1:0"
	args = append([]string{"-json", "-data", t.TempDir(), "-listen", any0, "-public", any0, "-device", any0, "-control", any0}, args...)
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended, said := make(chan error, 1), &log{}
	go func() {
		err := run(ctx, args, in, said)
		in.CloseWithError(errors.Join(io.EOF, err))
		ended <- err
	}()
	d := &desk{t: t}
	t.Cleanup(func() {
		if d.pos != nil {
			d.pos.Close()
		}
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the simulator: %v", err)
		}
		if t.Failed() {
			t.Logf("the simulator said:\n%s", &said.text)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &d.at)
	}
	d.must(err)
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// simulate configures the simulator as a POS does.
func (d *desk) simulate(c wire.SimulatorConfiguration) wire.SimulatorConfiguration {
	d.t.Helper()
	all, err := d.pos.Conn().SetSimulatorConfiguration(d.t.Context(), wire.SetSimulatorConfigurationParams{RequestID: client.NewRequestID(), SimulatorConfiguration: c})
	d.must(err)
	return all
}

// mode sets the simulated offline mode of the reader.
func (d *desk) mode(reader string) {
	d.t.Helper()
	d.simulate(wire.SimulatorConfiguration{SimulatedOfflineMode: &wire.SimulatedOfflineMode{Reader: reader}})
}

// pay takes a payment with the card that presents itself.
func (d *desk) pay(amount int64, behavior string) (wire.PaymentIntent, error) {
	conn := d.pos.Conn()
	created, err := conn.CreatePaymentIntent(d.t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: amount, Currency: "usd", OfflineBehavior: behavior})
	if err != nil {
		return created, err
	}
	for {
		paid, err := conn.ProcessPaymentIntent(d.t.Context(), wire.ProcessPaymentIntentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: created.LocalID}})
		if !errors.Is(err, wire.CodeReaderBusy) && !errors.Is(err, wire.CodeCardLeftInReader) { // the last card is just being taken
			return paid, err
		}
	}
}

func (d *desk) stored(amount int64, behavior string) {
	d.t.Helper()
	p, err := d.pay(amount, behavior)
	d.must(err)
	if p.OfflineDetails == nil || p.OfflineDetails.State != wire.OfflineStored || p.Amount != amount {
		d.t.Fatalf("%d was not stored: %+v", amount, p)
	}
}

func (d *desk) approved(amount int64) {
	d.t.Helper()
	p, err := d.pay(amount, wire.PreferOnline)
	d.must(err)
	if p.OfflineDetails != nil || p.Status != wire.StatusSucceeded || p.Amount != amount {
		d.t.Fatalf("%d was not approved: %+v", amount, p)
	}
}

func (d *desk) await(what string, ok func(*story.Books) bool) {
	d.t.Helper()
	if err := d.pos.Await(d.t.Context(), time.Minute, ok); err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

func (d *desk) network(status string) {
	d.t.Helper()
	d.await(status, func(b *story.Books) bool { return b.Status.Reader.NetworkStatus == status })
}

// offlineConnect connects as a POS without internet does: by credential.
func (d *desk) offlineConnect() (wire.ConnectReaderResult, error) {
	at := d.at
	at.Public = "http://127.0.0.1:1"
	return d.pos.Connect(d.t.Context(), at)
}

// number makes a card present itself, by its number.
func (d *desk) number(number string) {
	d.t.Helper()
	d.simulate(wire.SimulatorConfiguration{SimulatedCard: &wire.SimulatedCard{TestCardNumber: number}})
}

// command runs a command of the command line.
func (d *desk) command(args ...string) {
	d.t.Helper()
	d.must(bench.Client{Base: d.at.Control}.Run(d.t.Context(), args, io.Discard))
}

// in is the desk of a subtest.
func (d *desk) in(t *testing.T) *desk {
	same := *d
	same.t = t
	return &same
}

func (d *desk) platformStatus() sandbox.Status {
	d.t.Helper()
	status, err := bench.Client{Base: d.at.Control}.Platform(d.t.Context())
	d.must(err)
	return status
}

func card(name string) wire.SimulatorConfiguration {
	return wire.SimulatorConfiguration{SimulatedCard: &wire.SimulatedCard{TestPaymentMethod: name}}
}

// A till's own test: cards by number, an outage the till asks for, and the
// decline that comes when the payment is forwarded.
func TestSimulatedOutage(t *testing.T) {
	d := newDesk(t, "-auto", "4242424242424242")
	d.approved(1000)
	d.mode(wire.SimulatedOfflineImmediate)
	d.stored(2000, wire.PreferOnline)
	d.network(wire.NetworkOffline)
	if _, err := d.pay(2100, wire.RequireOnline); !errors.Is(err, wire.CodeRequireOnline) {
		t.Errorf("require_online: got %v", err)
	}
	d.number("4000000000000002")
	d.stored(2200, wire.PreferOnline)
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == 2 && b.Status.Reader.OfflinePaymentsCount == 0 })
	declined := 0
	d.pos.Look(func(b *story.Books) {
		for id, e := range b.Reasons {
			if e != nil && b.Payments[id].Amount == 2200 && e.DeclineCode == "generic_decline" {
				declined++
			}
		}
	})
	if declined != 1 {
		t.Errorf("%d payments declined, want that of 22.00", declined)
	}
	d.totals(2, 3000)
}

// totals checks what was charged.
func (d *desk) totals(count int, amount int64) {
	d.t.Helper()
	status := d.platformStatus()
	t := status.Totals
	if t.Approved.Count != count || t.Approved.ByCurrency["usd"] != amount || t.Duplicates != 0 || t.Failed != 0 || len(status.Gaps) != 0 {
		d.t.Errorf("charged %+v, gaps %v; want %d of together %d", t, status.Gaps, count, amount)
	}
}

// On a line on which half of the requests fail, every payment ends, and is
// charged once.
func TestIntermittentLine(t *testing.T) {
	d := newDesk(t, "-auto", "visa", "-authorize-timeout", "3s", "-seed", "4")
	d.mode(wire.SimulatedOfflineIntermittent)
	var sum int64
	for i := range int64(8) {
		p, err := d.pay(1000+100*i, wire.PreferOnline)
		d.must(err)
		if p.Status != wire.StatusSucceeded {
			t.Fatalf("payment %d is %s", i, p.Status)
		}
		sum += p.Amount
	}
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool {
		return b.Status.Reader.OfflinePaymentsCount == 0 && b.Status.Reader.NetworkStatus == wire.NetworkOnline
	})
	d.totals(8, sum)
}

// A line that hangs is noticed too, and nobody at the counter waits 15 s.
func TestLineThatHangs(t *testing.T) {
	d := newDesk(t, "-auto", "visa", "-authorize-timeout", "2s")
	d.mode(wire.SimulatedOfflineTimeout)
	start := time.Now()
	d.stored(1500, wire.PreferOnline)
	if took := time.Since(start); took > 14*time.Second {
		t.Errorf("the payment took %v", took)
	}
	d.network(wire.NetworkOffline)
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == 1 && b.Status.Reader.OfflinePaymentsCount == 0 })
	d.totals(1, 1500)
}

// A tip is charged with the rest.
func TestSimulatedTip(t *testing.T) {
	d := newDesk(t, "-auto", "visa")
	tip := int64(300)
	d.simulate(wire.SimulatorConfiguration{SimulatedTipAmount: &tip})
	p, err := d.pay(1000, wire.PreferOnline)
	if err != nil || p.Amount != 1300 || p.OfflineDetails != nil {
		t.Errorf("10.00 online and a tip of 3.00 became %d, %v", p.Amount, err)
	}
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	p, err = d.pay(2000, wire.PreferOnline)
	if err != nil || p.Amount != 2300 {
		t.Errorf("20.00 and a tip of 3.00 became %d, %v", p.Amount, err)
	}
	d.mode(wire.SimulatedOnline)
	d.await("forwarded", func(b *story.Books) bool { return len(b.Told) == 1 && b.Status.Reader.OfflinePaymentsCount == 0 })
	d.totals(2, 3600)
}

func TestSimulatedLocationAndCardholder(t *testing.T) {
	d := newDesk(t)
	no, yes := false, true
	d.simulate(card("visa"))
	d.approved(2100)

	d.simulate(wire.SimulatorConfiguration{OfflineEnabled: &no})
	if _, err := d.pay(2200, wire.ForceOffline); !errors.Is(err, wire.CodeForceOfflineDisabled) {
		t.Errorf("force_offline where the Location does not allow it: %v", err)
	}
	d.simulate(wire.SimulatorConfiguration{OfflineEnabled: &yes})
	d.stored(2200, wire.ForceOffline)

	ask := wire.CollectInputsParams{RequestID: client.NewRequestID(), Inputs: []wire.CollectInput{{Type: wire.InputEmail, Title: "Receipt to"}}}
	got, err := d.pos.Conn().CollectInputs(t.Context(), ask)
	d.must(err)
	if len(got.Results) != 1 || got.Results[0].Value != "someone@example.com" {
		t.Errorf("the form was answered %+v", got)
	}
	d.simulate(wire.SimulatorConfiguration{SimulatedCollectInputsResult: &wire.CollectInputsSimulation{Result: wire.InputsTimeout}})
	ask.RequestID = client.NewRequestID()
	if _, err := d.pos.Conn().CollectInputs(t.Context(), ask); !errors.Is(err, wire.CodeInputsTimedOut) {
		t.Errorf("nobody at the form: %v", err)
	}
}

func TestSimulatedUpdates(t *testing.T) {
	d := newDesk(t)
	update := func(kind string) {
		t.Helper()
		d.simulate(wire.SimulatorConfiguration{AvailableReaderUpdate: &kind})
	}
	update(wire.SimulatedUpdateRequired)
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	connected, err := d.offlineConnect()
	if err != nil || connected.Update == nil || connected.Connection != wire.ConnectedOffline {
		t.Fatalf("required, offline: %+v, %v", connected.Update, err)
	}
	update(wire.SimulatedUpdateRequiredForOffline)
	var refused *wire.Error
	if _, err := d.offlineConnect(); !errors.As(err, &refused) || refused.Code != wire.CodeUnsupportedReaderVersion || refused.NativeErrorCode != 2872 {
		t.Errorf("required for offline, offline: %v", err)
	}
	// Nobody is connected who could change it: that is what the control API is for.
	d.command("simulate", "-offline-mode", "disabled", "-update", "lowBattery")
	if _, err := d.pos.Connect(t.Context(), d.at); !errors.Is(err, wire.CodeUpdateFailedBatteryLow) {
		t.Errorf("low battery: %v", err)
	}
	d.command("simulate", "-update", "none")
	if connected, err := d.offlineConnect(); err != nil || connected.Update != nil {
		t.Errorf("none: %+v, %v", connected.Update, err)
	}
}

// The simulator plays its script, and ends when that goes wrong.
func TestScriptIsPlayed(t *testing.T) {
	script := filepath.Join(t.TempDir(), "day")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("0s simulate -card visa   # nobody else puts one in\n1h card remove\n")
	d := newDesk(t, "-script", script)
	d.approved(1100)

	write("0s card remove\n")
	const any0 = "127.0.0.1:0"
	err := run(t.Context(), []string{"-json", "-data", t.TempDir(), "-listen", any0, "-public", any0, "-device", any0, "-control", any0, "-script", script}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "day:1: card remove") {
		t.Errorf("no card to remove: got %v, want an error naming the line", err)
	}
}

// The cardholder at the simulated PIN pad errs, and pays with the same payment then: in both formats, and
// with the keys where they were when the simulator was started again.
func TestSimulatedOnlinePIN(t *testing.T) {
	data := t.TempDir()
	for _, till := range []string{"till-1", "till-2"} {
		t.Run(till, func(t *testing.T) {
			d := startDesk(t, "-data", data, "-auto", "4001000360000005")
			var err error
			d.pos, err = story.NewPOS(till)
			d.must(err)
			for _, format := range []string{platform.PINFormat4, platform.PINFormat0} {
				d.must(bench.Client{Base: d.at.Control}.Do(t.Context(), http.MethodPut, "platform/offline", map[string]string{"pinFormat": format}, nil))
				_, err = d.pos.Connect(t.Context(), d.at) // the reader reads its configuration
				d.must(err)
				d.command("pin", "wrong")
				_, err = d.pay(1000, wire.RequireOnline)
				refused, _ := wire.AsError(err)
				if refused == nil || refused.DeclineCode != "incorrect_pin" || refused.Retry != wire.RetryCollectAgain || !strings.Contains(refused.Remedy, "try the PIN again") || refused.PaymentIntent == nil {
					t.Fatalf("%s, wrong PIN: %v", format, err)
				}
				for {
					paid, err := d.pos.Conn().ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{
						RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: refused.PaymentIntent.LocalID},
					})
					if errors.Is(err, wire.CodeReaderBusy) || errors.Is(err, wire.CodeCardLeftInReader) { // the card is just being taken
						continue
					}
					d.must(err)
					if paid.Status != wire.StatusSucceeded || paid.PaymentMethod.CardPresent.ReceiptDetails.CardholderVerificationMethod != "online_pin" {
						t.Errorf("%s, right PIN: %+v", format, paid)
					}
					break
				}
			}
		})
	}
}
