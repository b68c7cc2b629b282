package simulation

import (
	"time"

	"smartreader/lan/wire"
)

// notice is how long before it is due an update is available.
const notice = 7 * 24 * time.Hour

// drawn are what a random update can be.
var drawn = []string{
	wire.SimulatedUpdateNone, wire.SimulatedUpdateAvailable, wire.SimulatedUpdateRequired, wire.SimulatedUpdateRequiredForOffline,
	wire.SimulatedUpdateLowBattery, wire.SimulatedUpdateLowBatterySucceedConnect,
}

// Connecting says which update there is, and why a POS cannot be let in.
//
//	available                  7 days' notice, counted from when it was configured
//	required                   due now; a POS is let in, offline too
//	requiredForOffline         due now; not let in offline (UNSUPPORTED_READER_VERSION)
//	lowBattery                 due now; not let in (READER_SOFTWARE_UPDATE_FAILED_BATTERY_LOW)
//	lowBatterySucceedConnect   due now, and failing; let in
//	random                     one of the others, or none, at every connect
//
// No update is ever installed: it stays until it is configured away.
func (s *Simulation) Connecting(offline bool) (*wire.ReaderUpdate, *wire.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := s.update
	if kind == wire.SimulatedUpdateRandom {
		kind = drawn[s.random.IntN(len(drawn))]
	}
	if kind == wire.SimulatedUpdateNone {
		return nil, nil
	}
	update := &wire.ReaderUpdate{DeviceSoftwareVersion: s.version, RequiredAtMs: s.setAt.UnixMilli(), EstimatedUpdateTime: wire.UpdateUnderOneMinute}
	switch {
	case kind == wire.SimulatedUpdateAvailable:
		update.RequiredAtMs = s.setAt.Add(notice).UnixMilli()
	case kind == wire.SimulatedUpdateRequiredForOffline && offline:
		return update, wire.NewError(wire.CodeUnsupportedReaderVersion, "")
	case kind == wire.SimulatedUpdateLowBattery:
		return update, wire.NewError(wire.CodeUpdateFailedBatteryLow, "")
	}
	return update, nil
}
