package reader_test

import (
	"context"
	"errors"
	"testing"

	"smartreader/firmware/reader"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// fakeSimulator is a simulated reader's conduct in the test's hand.
type fakeSimulator struct {
	tip        int64
	sdkOffline bool
	refused    *wire.Error
	disabled   bool
}

func (f *fakeSimulator) Configure(_ context.Context, c wire.SimulatorConfiguration) (wire.SimulatorConfiguration, error) {
	if c.OfflineEnabled != nil {
		f.disabled = !*c.OfflineEnabled
	}
	return c, nil
}
func (f *fakeSimulator) Connecting(bool) (*wire.ReaderUpdate, *wire.Error) { return nil, f.refused }
func (f *fakeSimulator) OfflineEnabled() bool                              { return !f.disabled }
func (f *fakeSimulator) Tip(int64, string) int64                           { return f.tip }
func (f *fakeSimulator) ChooseApplication([]string) int                    { return 0 }
func (f *fakeSimulator) SDKOffline() bool                                  { return f.sdkOffline }
func (f *fakeSimulator) CollectInputs(context.Context, []wire.CollectInput) ([]wire.InputResult, error) {
	return []wire.InputResult{{Type: "email", Value: "someone@example.com"}}, nil
}

// D1: what a simulated reader is told is what it does; other readers refuse.
func TestSimulatorIsObeyed(t *testing.T) {
	s := openShop(t)
	sim := &fakeSimulator{tip: 200}
	s.must(s.open(func(o *reader.Options) { o.Simulator = sim }))
	s.connect()
	paid := s.pay(1000, wire.PreferOnline, "visa")
	if paid.Amount != 1200 || paid.AmountDetails == nil || paid.AmountDetails.Tip.Amount != 200 || s.platform.Totals().Approved.ByCurrency["usd"] != 1200 {
		t.Errorf("with a tip: %+v", paid)
	}
	stored := s.pay(1000, wire.ForceOffline, "visa")
	if d := stored.OfflineDetails; stored.Amount != 1200 || d.AmountDetails == nil || d.AmountDetails.Tip.Amount != 200 {
		t.Errorf("stored with a tip: %+v", stored)
	}
	off := false
	if _, err := s.conn.SetSimulatorConfiguration(t.Context(), wire.SetSimulatorConfigurationParams{
		RequestID: client.NewRequestID(), SimulatorConfiguration: wire.SimulatorConfiguration{OfflineEnabled: &off},
	}); err != nil {
		t.Error(err)
	}
	_, err := s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 100, Currency: "usd", OfflineBehavior: wire.ForceOffline})
	refusedWith(t, "force_offline where offline is off", err, wire.CodeForceOfflineDisabled, 10107)
	sim.sdkOffline = true
	if status, err := s.conn.GetOfflineStatus(t.Context()); err != nil || status.SDK.NetworkStatus != wire.NetworkOffline || status.Reader.NetworkStatus != wire.NetworkOnline {
		t.Errorf("status %+v, %v", status, err)
	}
	s.close()
	s.must(s.open())
	s.connect()
	_, err = s.conn.SetSimulatorConfiguration(t.Context(), wire.SetSimulatorConfigurationParams{RequestID: client.NewRequestID()})
	refusedWith(t, "no simulator", err, wire.CodeUnsupportedOperation, 1890)
	_, err = s.conn.CollectInputs(t.Context(), wire.CollectInputsParams{RequestID: client.NewRequestID(), Inputs: []wire.CollectInput{{Type: "text", Title: "Name"}}})
	if !errors.Is(err, wire.CodeInputsUnsupported) {
		t.Errorf("inputs without a simulator: %v", err)
	}
}
