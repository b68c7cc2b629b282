package simulation

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"smartreader/build/bench"
	"smartreader/hal/sim"
	"smartreader/lan/wire"
)

// Options are what a Simulation is made of.
type Options struct {
	Tray  *sim.Tray
	Field *sim.Field
	Cards *bench.Cards
	// Seed decides everything random. One seed and the same calls give the
	// same behaviour.
	Seed uint64
	// UpdateVersion is the software version that simulated updates have.
	UpdateVersion string
}

// Simulation is the behaviour of one simulated reader. Its methods may be
// called concurrently.
type Simulation struct {
	slot    *Slot
	antenna *Antenna
	line    *Line
	version string

	mu      sync.Mutex
	random  *rand.Rand
	card    string // the profile of the simulated card; empty: none
	tip     int64  // minor units
	enabled bool   // offlineEnabled
	update  string // a wire.SimulatedUpdate* value
	setAt   time.Time
	inputs  wire.CollectInputsSimulation
	sdk     string // a wire.Simulated* offline mode
}

// New returns a simulation in which nothing is out of the ordinary: no card by
// itself, no tip, no update, online.
func New(o Options) *Simulation {
	return &Simulation{
		slot: &Slot{Tray: o.Tray, cards: o.Cards}, antenna: &Antenna{Field: o.Field, cards: o.Cards},
		line: newLine(o.Seed), version: o.UpdateVersion,
		random: rand.New(rand.NewPCG(o.Seed, 1)), enabled: true, update: wire.SimulatedUpdateNone,
		inputs: wire.CollectInputsSimulation{Result: wire.InputsSucceeded, Skip: wire.SkipNone}, sdk: wire.SimulatedOnline,
	}
}

// Slot is the reader's card slot, for hal.Board.
func (s *Simulation) Slot() *Slot { return s.slot }

// Antenna is the reader's contactless reader, for hal.Board.
func (s *Simulation) Antenna() *Antenna { return s.antenna }

// Line is the reader's line to the internet; its Dial is for reader.Options.
func (s *Simulation) Line() *Line { return s.line }

// Configure changes what c names and returns everything as it is then. A
// *wire.Error says what is wrong with c; nothing was changed then. The card is
// returned by its name only: the result is kept on disk, where no card number
// belongs.
func (s *Simulation) Configure(_ context.Context, c wire.SimulatorConfiguration) (wire.SimulatorConfiguration, error) {
	asked := wire.SetSimulatorConfigurationParams{RequestID: "configure", SimulatorConfiguration: c}
	if err := asked.Validate(); err != nil {
		return wire.SimulatorConfiguration{}, err
	}
	card, err := findCard(c.SimulatedCard)
	if err != nil {
		return wire.SimulatorConfiguration{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.SimulatedCard != nil {
		if err := s.slot.SetCard(card); err != nil {
			return wire.SimulatorConfiguration{}, wire.Errorf(wire.CodeGenericReaderError, "the simulated card: %v", err)
		}
		s.card = card
	}
	if c.SimulatedTipAmount != nil {
		s.tip = *c.SimulatedTipAmount
	}
	if c.OfflineEnabled != nil {
		s.enabled = *c.OfflineEnabled
	}
	if c.AvailableReaderUpdate != nil {
		s.update, s.setAt = *c.AvailableReaderUpdate, time.Now()
	}
	if in := c.SimulatedCollectInputsResult; in != nil {
		s.inputs = wire.CollectInputsSimulation{Result: in.Result, Skip: cmp.Or(in.Skip, wire.SkipNone)}
	}
	if mode := c.SimulatedOfflineMode; mode != nil {
		s.sdk = cmp.Or(mode.SDK, s.sdk)
		if mode.Reader != "" {
			s.line.SetMode(mode.Reader)
		}
	}
	return s.all(), nil
}

// all returns every member. The caller holds mu.
func (s *Simulation) all() wire.SimulatorConfiguration {
	update, tip, enabled, inputs := s.update, s.tip, s.enabled, s.inputs
	return wire.SimulatorConfiguration{
		AvailableReaderUpdate: &update, SimulatedCard: &wire.SimulatedCard{TestPaymentMethod: s.card},
		SimulatedTipAmount: &tip, OfflineEnabled: &enabled, SimulatedCollectInputsResult: &inputs,
		SimulatedOfflineMode: &wire.SimulatedOfflineMode{SDK: s.sdk, Reader: s.line.Mode()},
	}
}

// findCard returns the profile of a card, empty when none is named.
func findCard(c *wire.SimulatedCard) (profile string, err error) {
	if c == nil {
		return "", nil
	}
	name := cmp.Or(c.TestCardNumber, c.TestPaymentMethod)
	if name == "" {
		return "", nil
	}
	profile, ok := bench.FindCard(name)
	if !ok {
		return "", wire.Errorf(wire.CodeInvalidRequiredParameter, "simulatedCard: there is no test card %s", bench.MaskCard(name)).
			WithRemedy("give the number of a test card, the name of a test payment method, or a name from: card list")
	}
	if err := bench.Insertable(profile); err != nil {
		return "", wire.Errorf(wire.CodeInvalidRequiredParameter, "simulatedCard: %v", err).WithRemedy("name a card: this one goes in by itself, and nothing is tapped by itself")
	}
	return profile, nil
}

// OfflineEnabled is false when the Location is to look as if it did not allow
// offline payments.
func (s *Simulation) OfflineEnabled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enabled
}

// Tip is what the cardholder adds: the same minor units whatever the amount.
func (s *Simulation) Tip(int64, string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tip
}

// SDKOffline says whether the POS's side has no internet. The requests of that
// side are not made here, so nothing hangs; an intermittent one is offline
// about every other time somebody asks.
func (s *Simulation) SDKOffline() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.sdk {
	case wire.SimulatedOnline:
		return false
	case wire.SimulatedOfflineIntermittent:
		return s.random.IntN(2) == 0
	default:
		return true
	}
}
