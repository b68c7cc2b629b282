package main

import (
	"context"
	"errors"
	"fmt"

	"smartreader/build/sandbox"
	"smartreader/hal"
	"smartreader/hal/softpad"
)

// loadPINKeys gives the simulated PIN pad the sandbox's test keys, once: they are
// used up from then on, like real ones.
func loadPINKeys(ctx context.Context, board *hal.Board) error {
	keys, err := sandbox.PINKeys(board.Serial)
	if err != nil {
		return err
	}
	keeper, ok := board.Keys.(hal.SecretKeeper)
	if !ok {
		return errors.New("the simulated board keeps no secrets")
	}
	for _, k := range keys {
		kind := softpad.TDESDUKPT
		if k.AES {
			kind = softpad.AESDUKPT
		}
		err := softpad.Load(ctx, keeper, softpad.Injection{Name: k.Name, Kind: kind, InitialKey: hal.NewSecret(k.InitialKey), Serial: k.Serial})
		if err != nil && !errors.Is(err, hal.ErrKeyExists) {
			return fmt.Errorf("load the PIN pad's test keys: %w", err)
		}
	}
	return nil
}
