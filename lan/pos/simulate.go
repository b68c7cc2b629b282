package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"smartreader/lan/client"
	"smartreader/lan/wire"
)

var simulateCommand = command{
	name: "simulate", short: "set how a simulated reader behaves",
	long: `
What is not named stays as it is; without flags it only shows. Real readers
refuse it. The modes of -offline-mode and -sdk-mode are disabled (the internet
works), offlineImmediate, offlineTimeout and offlineIntermittent.

With -update lowBattery no POS can connect any more, this one neither; it ends
with: go run ./build/simulator simulate -update none`,
	flags: func(fs *flag.FlagSet) any {
		c := new(wire.SimulatorConfiguration)
		mode := func() *wire.SimulatedOfflineMode {
			if c.SimulatedOfflineMode == nil {
				c.SimulatedOfflineMode = new(wire.SimulatedOfflineMode)
			}
			return c.SimulatedOfflineMode
		}
		inputs := func() *wire.CollectInputsSimulation {
			if c.SimulatedCollectInputsResult == nil {
				c.SimulatedCollectInputsResult = &wire.CollectInputsSimulation{Result: wire.InputsSucceeded}
			}
			return c.SimulatedCollectInputsResult
		}
		fs.Func("card", "test card presented by itself: a `number` or a name such as visa; none for no card", func(s string) error {
			c.SimulatedCard = simulatedCard(s)
			return nil
		})
		fs.Func("tip", "tip the cardholder adds, in `minor-units`; 0 for none", func(s string) error {
			tip, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return errors.New("write it as a whole number of minor units")
			}
			c.SimulatedTipAmount = &tip
			return nil
		})
		fs.Func("offline-mode", "how the reader's internet is: a `mode`", func(s string) error { mode().Reader = s; return needed(s) })
		fs.Func("sdk-mode", "how the POS's internet is: a `mode`", func(s string) error { mode().SDK = s; return needed(s) })
		fs.Func("update", "newer software: `kind` available, none, required, requiredForOffline, lowBattery,\nlowBatterySucceedConnect or random", func(s string) error {
			c.AvailableReaderUpdate = &s
			return nil
		})
		fs.Func("inputs", "how collecting inputs ends: `result` succeeded or timeout", func(s string) error {
			inputs().Result = s
			return nil
		})
		fs.Func("skip", "`what` the cardholder skips of inputs: none or all", func(s string) error {
			inputs().Skip = s
			return nil
		})
		fs.BoolFunc("offline-enabled", "whether the location allows offline payments; =false for not", func(s string) error {
			on, err := strconv.ParseBool(s)
			c.OfflineEnabled = &on
			return err
		})
		return c
	},
	run: func(a *app, ctx context.Context, _ []string, flags any) error {
		p := wire.SetSimulatorConfigurationParams{RequestID: client.NewRequestID(), SimulatorConfiguration: *flags.(*wire.SimulatorConfiguration)}
		if err := p.Validate(); err != nil {
			e, _ := wire.AsError(err)
			return &usageError{"simulate", e.Message}
		}
		return a.withReader(ctx, opening{}, func(ctx context.Context, sess *session) error {
			c, err := sess.SetSimulatorConfiguration(ctx, p)
			if err != nil {
				return err
			}
			return a.say(c, simulation(c))
		})
	},
}

func needed(s string) error {
	if s == "" {
		return errors.New("name a mode")
	}
	return nil
}

func simulatedCard(s string) *wire.SimulatedCard {
	switch {
	case s == "none":
		return new(wire.SimulatedCard)
	case strings.Trim(s, "0123456789") == "":
		return &wire.SimulatedCard{TestCardNumber: s}
	}
	return &wire.SimulatedCard{TestPaymentMethod: s}
}

func simulation(c wire.SimulatorConfiguration) string {
	card, tip, enabled, mode, inputs := "none", "none", "as configured", wire.SimulatedOfflineMode{}, "succeeded"
	if s := c.SimulatedCard; s != nil {
		card = cmp.Or(s.TestCardNumber, s.TestPaymentMethod, card)
	}
	if t := c.SimulatedTipAmount; t != nil && *t > 0 {
		tip = fmt.Sprintf("%d minor units", *t)
	}
	if c.OfflineEnabled != nil && !*c.OfflineEnabled {
		enabled = "not allowed"
	}
	if c.SimulatedOfflineMode != nil {
		mode = *c.SimulatedOfflineMode
	}
	if c.SimulatedCollectInputsResult != nil {
		inputs = c.SimulatedCollectInputsResult.Result
		if c.SimulatedCollectInputsResult.Skip == wire.SkipAll {
			inputs += ", what may be skipped is skipped"
		}
	}
	update := wire.SimulatedUpdateNone
	if c.AvailableReaderUpdate != nil {
		update = *c.AvailableReaderUpdate
	}
	text := fmt.Sprintf("Card: %s. Tip: %s. Update: %s. Inputs: %s.\nOffline payments: %s. Internet of the reader: %s, of the POS: %s.\n",
		card, tip, update, inputs, enabled, internet(mode.Reader), internet(mode.SDK))
	if update == wire.SimulatedUpdateLowBattery {
		text += "No POS can connect now. To end it: go run ./build/simulator simulate -update none\n"
	}
	return text
}

// internet is a simulated offline mode in words: "disabled" sounds like an outage.
func internet(mode string) string {
	if mode == "" || mode == wire.SimulatedOnline {
		return "works"
	}
	return mode
}
