package bench

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"

	"smartreader/lan/wire"
)

// parseSimulate reads the flags of the command simulate. What is not given is
// left as it is.
func parseSimulate(args []string) (asked wire.SimulatorConfiguration, err error) {
	set := flag.NewFlagSet("simulate", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	var card, update, inputs, skip string
	var tip int64
	var offlineEnabled bool
	var mode wire.SimulatedOfflineMode
	set.StringVar(&card, "card", "", "")
	set.Int64Var(&tip, "tip", 0, "")
	set.BoolVar(&offlineEnabled, "offline-enabled", true, "")
	set.StringVar(&update, "update", "", "")
	set.StringVar(&inputs, "inputs", wire.InputsSucceeded, "")
	set.StringVar(&skip, "skip", "", "")
	set.StringVar(&mode.Reader, "offline-mode", "", "")
	set.StringVar(&mode.SDK, "sdk-mode", "", "")
	if err := set.Parse(args); err != nil {
		return asked, Usagef("simulate: %w", err)
	}
	if set.NArg() > 0 {
		return asked, Usagef("simulate: what is %q? A value follows its flag, as in: simulate -card visa -tip 200", set.Arg(0))
	}
	set.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "card":
			asked.SimulatedCard = &wire.SimulatedCard{TestPaymentMethod: card}
			if card == noCard {
				asked.SimulatedCard.TestPaymentMethod = ""
			}
		case "tip":
			asked.SimulatedTipAmount = &tip
		case "offline-enabled":
			asked.OfflineEnabled = &offlineEnabled
		case "update":
			asked.AvailableReaderUpdate = &update
		case "inputs", "skip":
			asked.SimulatedCollectInputsResult = &wire.CollectInputsSimulation{Result: inputs, Skip: skip}
		case "offline-mode", "sdk-mode":
			asked.SimulatedOfflineMode = &mode
		}
	})
	check := wire.SetSimulatorConfigurationParams{RequestID: "simulate", SimulatorConfiguration: asked}
	if err := check.Validate(); err != nil {
		return asked, Usagef("simulate: %w", err)
	}
	return asked, nil
}

// noCard is the card that nobody presents.
const noCard = "none"

// simulate sends what was asked for and prints the whole configuration.
func (c Client) simulate(ctx context.Context, asked wire.SimulatorConfiguration, stdout io.Writer) error {
	var all wire.SimulatorConfiguration
	if err := c.Do(ctx, http.MethodPut, "simulator", asked, &all); err != nil {
		return err
	}
	out := json.NewEncoder(stdout)
	out.SetIndent("", "  ")
	return out.Encode(all)
}
