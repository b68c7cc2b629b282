package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"

	"smartreader/build/bench"
	"smartreader/build/simulator/simulation"
	"smartreader/firmware/reader"
	"smartreader/hal/sim"
	"smartreader/lan/wire"
)

// startReader runs the reader over a simulated board. When ready is closed, at
// says where it is; control can move its cards and its behaviour.
func startReader(ctx context.Context, o options, board *sim.Board, ca []byte, at *bench.Endpoints, control *bench.Control, parts *bench.Parts, log *slog.Logger) (ready <-chan struct{}, err error) {
	cards, err := bench.OpenCards(filepath.Join(o.dir, "cards.json"))
	if err != nil {
		return nil, err
	}
	simulated := simulation.New(simulation.Options{
		Tray: board.Tray, Field: board.Field, Cards: cards, Seed: o.seed, UpdateVersion: reader.Version + "+simulated-update",
	})
	if _, err := simulated.Configure(ctx, wire.SimulatorConfiguration{SimulatedCard: &wire.SimulatedCard{TestPaymentMethod: o.autoCard}}); err != nil {
		return nil, bench.Usagef("-auto: %w", err)
	}
	control.Cards, control.Slot, control.Antenna = cards, board.Tray, simulated.Antenna()
	control.Simulator, control.PINPad = simulated, board.PINPad
	control.Screen = func(context.Context) ([]byte, error) { return encode(board.Screen.Frame()) }
	if err := loadPINKeys(ctx, board.HAL); err != nil {
		return nil, err
	}
	hardware := *board.HAL
	hardware.Contact, hardware.Contactless = simulated.Slot(), simulated.Antenna()
	lights := &signals{on: board.Signals, log: log}
	hardware.Signals, control.Signals = lights, lights.shown
	listener, err := bench.Listen(o.listen, "-listen")
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	parts.Run("reader", func() error {
		return reader.Run(ctx, hardware, reader.Options{
			Dir: filepath.Join(o.dir, "reader"), Listener: listener,
			PlatformURL: o.platformURL, PlatformCA: ca, RegistrationCode: o.code, DeviceType: "simulated_stripe_s700",
			Link: deskLink(), CardTimeout: o.cardTimeout, AuthorizeTimeout: o.authorizeTimeout, AcceptLoss: o.acceptLoss, Log: log,
			RecordDir: o.record, RecordClear: true, Simulator: simulated, Dial: simulated.Line().Dial,
			Ready: func(addr net.Addr, id string) {
				at.ReaderID, at.POS = id, "wss://"+addr.String()+wire.Path
				close(done)
			},
		})
	})
	return done, nil
}
