package lantest

import (
	"context"

	"smartreader/lan"
	"smartreader/lan/wire"
)

// CollectInputs implements lan.Reader: with Hold it waits for Present.
func (r *Reader) CollectInputs(ctx context.Context, _ *lan.Caller, p wire.CollectInputsParams) (wire.CollectInputsResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return wire.CollectInputsResult{}, wire.NewError(wire.CodeReaderBusy, "")
	}
	if err := r.wait(ctx); err != nil {
		return wire.CollectInputsResult{}, err
	}
	var result wire.CollectInputsResult
	for _, in := range p.Inputs {
		out := wire.InputResult{Type: in.Type, Value: "Jane Doe"}
		if in.Type == wire.InputSelection {
			out.Value, out.SelectionID = in.Choices[0].Text, in.Choices[0].ID
		}
		for _, t := range in.Toggles {
			out.Toggles = append(out.Toggles, t.DefaultValue)
		}
		result.Results = append(result.Results, out)
	}
	return result, nil
}

// SetSimulatorConfiguration implements lan.Reader: it remembers, and cuts the
// platform as it is told.
func (r *Reader) SetSimulatorConfiguration(_ context.Context, _ *lan.Caller, p wire.SetSimulatorConfigurationParams) (wire.SimulatorConfiguration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, set := &r.simulate, p.SimulatorConfiguration
	if set.AvailableReaderUpdate != nil {
		now.AvailableReaderUpdate = set.AvailableReaderUpdate
	}
	if set.SimulatedCard != nil {
		now.SimulatedCard = set.SimulatedCard
	}
	if set.SimulatedTipAmount != nil {
		now.SimulatedTipAmount = set.SimulatedTipAmount
	}
	if set.OfflineEnabled != nil {
		now.OfflineEnabled = set.OfflineEnabled
	}
	if set.SimulatedCollectInputsResult != nil {
		now.SimulatedCollectInputsResult = set.SimulatedCollectInputsResult
	}
	if m := set.SimulatedOfflineMode; m != nil {
		now.SimulatedOfflineMode = m
		r.offline = m.Reader != "" && m.Reader != wire.SimulatedOnline
	}
	return *now, nil
}
