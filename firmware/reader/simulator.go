package reader

import (
	"context"

	"smartreader/lan"
	"smartreader/lan/wire"
)

// Simulator is how a simulated reader is told to behave. Its methods may be
// called concurrently.
type Simulator interface {
	// Configure changes the simulation and returns all of it. A *wire.Error is
	// told to the POS.
	Configure(ctx context.Context, c wire.SimulatorConfiguration) (wire.SimulatorConfiguration, error)
	// Connecting is asked before a POS is let in: the update there is, and why
	// the POS cannot be let in.
	Connecting(offline bool) (*wire.ReaderUpdate, *wire.Error)
	// OfflineEnabled false: as if the Location did not allow offline payments.
	OfflineEnabled() bool
	// Tip is what the cardholder adds to amount.
	Tip(amount int64, currency string) int64
	// SDKOffline says whether the POS's side has no internet.
	SDKOffline() bool
	// ChooseApplication is the cardholder's choice among the card's applications,
	// and consent where there is only one.
	ChooseApplication(labels []string) int
	// CollectInputs answers the forms.
	CollectInputs(ctx context.Context, inputs []wire.CollectInput) ([]wire.InputResult, error)
}

func (s service) SetSimulatorConfiguration(ctx context.Context, c *lan.Caller, p wire.SetSimulatorConfigurationParams) (wire.SimulatorConfiguration, error) {
	r := s.r
	if r.opt.Simulator == nil {
		return wire.SimulatorConfiguration{}, wire.NewError(wire.CodeUnsupportedOperation, "this is no simulated reader")
	}
	return remember(ctx, r, c, wire.MethodSetSimulatorConfiguration, p.RequestID, func() (wire.SimulatorConfiguration, error) {
		all, err := r.opt.Simulator.Configure(ctx, p.SimulatorConfiguration)
		if err != nil {
			return all, err
		}
		if config := r.configured(); config != nil {
			r.setConfiguration(config) // offlineEnabled is part of what payments go by
		}
		r.greet() // the status may have changed
		return all, nil
	})
}

// CollectInputs has forms answered on the reader. Only the simulator can: no
// board has keys for it yet.
func (s service) CollectInputs(ctx context.Context, _ *lan.Caller, p wire.CollectInputsParams) (wire.CollectInputsResult, error) {
	if s.r.opt.Simulator == nil {
		return wire.CollectInputsResult{}, wire.NewError(wire.CodeInputsUnsupported, "")
	}
	results, err := s.r.opt.Simulator.CollectInputs(ctx, p.Inputs)
	return wire.CollectInputsResult{Results: results}, err
}
