package main

import (
	"errors"
	"reflect"
	"testing"

	"smartreader/build/story"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// Code written for the SDKs' simulated reader looks at offlineStatus.sdk: there
// it finds the reader's numbers, pushed and asked for, from the first stored
// payment to the last forwarded one.
func TestSDKStatusMirrorsTheReader(t *testing.T) {
	d := newDesk(t, "-auto", "visa")
	check := func(network string, count int, sum int64) {
		t.Helper()
		amounts := wire.Amounts{}
		if sum > 0 {
			amounts["usd"] = sum
		}
		want := wire.OfflineStatusDetails{NetworkStatus: network, OfflinePaymentsCount: count, OfflinePaymentAmountsByCurrency: amounts}
		d.await("the status", func(b *story.Books) bool {
			return reflect.DeepEqual(b.Status, wire.OfflineStatus{SDK: want, Reader: &want})
		})
		asked, err := d.pos.Conn().GetOfflineStatus(t.Context())
		d.must(err)
		if !reflect.DeepEqual(asked.SDK, want) || !reflect.DeepEqual(*asked.Reader, want) {
			t.Errorf("asked: %+v, %+v, want %+v", asked.SDK, *asked.Reader, want)
		}
	}
	check(wire.NetworkOnline, 0, 0)
	d.mode(wire.SimulatedOfflineImmediate)
	check(wire.NetworkOffline, 0, 0)

	// The documented way to bound the risk: no more than so much without internet.
	const bound = 5000
	behavior := func(amount int64) string {
		var waiting int64
		d.pos.Look(func(b *story.Books) { waiting = b.Status.SDK.OfflinePaymentAmountsByCurrency["usd"] })
		if waiting+amount > bound {
			return wire.RequireOnline
		}
		return wire.PreferOnline
	}
	d.stored(2000, behavior(2000))
	check(wire.NetworkOffline, 1, 2000)
	d.stored(3000, behavior(3000))
	check(wire.NetworkOffline, 2, 5000)
	if _, err := d.pay(100, behavior(100)); !errors.Is(err, wire.CodeRequireOnline) {
		t.Errorf("over the bound: %v", err)
	}
	check(wire.NetworkOffline, 2, 5000)
	d.mode(wire.SimulatedOnline)
	check(wire.NetworkOnline, 0, 0)

	// The two sides' internet is cut separately.
	sdk := func(mode string) wire.OfflineStatus {
		t.Helper()
		d.simulate(wire.SimulatorConfiguration{SimulatedOfflineMode: &wire.SimulatedOfflineMode{SDK: mode}})
		status, err := d.pos.Conn().GetOfflineStatus(t.Context())
		d.must(err)
		return status
	}
	for _, mode := range []string{wire.SimulatedOfflineImmediate, wire.SimulatedOfflineTimeout} {
		if s := sdk(mode); s.SDK.NetworkStatus != wire.NetworkOffline || s.Reader.NetworkStatus != wire.NetworkOnline {
			t.Errorf("%s: %+v, %+v", mode, s.SDK, *s.Reader)
		}
	}
	d.approved(1500) // the reader has its internet
	if s := sdk(wire.SimulatedOnline); s.SDK.NetworkStatus != wire.NetworkOnline {
		t.Errorf("restored: %+v", s.SDK)
	}
}

// What is configured stays until it is configured away: a payment resets
// nothing, which is what the mobile SDKs' simulator does.
func TestNothingResetsAfterAPayment(t *testing.T) {
	d := newDesk(t)
	tip, update := int64(250), wire.SimulatedUpdateAvailable
	want := d.simulate(wire.SimulatorConfiguration{
		SimulatedCard: &wire.SimulatedCard{TestCardNumber: "5555555555554444"}, SimulatedTipAmount: &tip, AvailableReaderUpdate: &update,
		SimulatedCollectInputsResult: &wire.CollectInputsSimulation{Result: wire.InputsSucceeded, Skip: wire.SkipAll},
	})
	for range 2 {
		p, err := d.pay(1000, wire.PreferOnline)
		if err != nil || p.Amount != 1250 || p.PaymentMethod.CardPresent.Last4 != "4444" {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if got := d.simulate(wire.SimulatorConfiguration{}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v became %+v", want, got)
	}
	// A payment that skips tipping has no tip, whatever the cardholder would give.
	conn := d.pos.Conn()
	created, err := conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 1000, Currency: "usd"})
	d.must(err)
	p, err := conn.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{
		RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: created.LocalID}, Options: wire.CollectOptions{SkipTipping: true},
	})
	if err != nil || p.Amount != 1000 {
		t.Errorf("skipTipping: %d, %v", p.Amount, err)
	}
	forms, err := conn.CollectInputs(t.Context(), wire.CollectInputsParams{RequestID: client.NewRequestID(), Inputs: []wire.CollectInput{
		{Type: wire.InputEmail, Title: "Receipt to"}, {Type: wire.InputPhone, Title: "Call at", Required: true},
	}})
	if err != nil || len(forms.Results) != 2 || !forms.Results[0].Skipped || forms.Results[1].Skipped || forms.Results[1].Value != "+15555551234" {
		t.Errorf("skip all: %+v, %v", forms, err)
	}
}

// The documented failures of an offline connect, as the documentation says to
// provoke them, and the updates that let a POS in.
func TestSimulatedConnectFailures(t *testing.T) {
	d := newDesk(t)
	yes, no := true, false
	d.simulate(wire.SimulatorConfiguration{OfflineEnabled: &no})
	d.mode(wire.SimulatedOfflineImmediate)
	d.network(wire.NetworkOffline)
	var refused *wire.Error
	if _, err := d.offlineConnect(); !errors.As(err, &refused) || refused.Code != wire.CodeNotConnectedToInternet || refused.NativeErrorCode != 9000 {
		t.Errorf("where the Location does not allow it: %v", err)
	}
	d.command("simulate", "-offline-enabled=true")
	_, err := d.offlineConnect()
	d.must(err)
	d.simulate(wire.SimulatorConfiguration{OfflineEnabled: &yes})
	for _, kind := range []string{wire.SimulatedUpdateAvailable, wire.SimulatedUpdateLowBatterySucceedConnect} {
		d.simulate(wire.SimulatorConfiguration{AvailableReaderUpdate: &kind})
		if connected, err := d.offlineConnect(); err != nil || connected.Update == nil {
			t.Errorf("%s: %+v, %v", kind, connected.Update, err)
		}
	}
}
