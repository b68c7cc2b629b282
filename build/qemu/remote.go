package main

import (
	"context"
	"io"
	"net/http"
	"strings"

	"smartreader/build/bench"
)

// remote carries out a command on the reader that runs: those of every reader,
// and those that only a machine has.
func remote(ctx context.Context, c bench.Client, args []string, stdout io.Writer) error {
	post := func(path string, body any) error { return c.Do(ctx, http.MethodPost, path, body, nil) }
	switch command := strings.Join(args, " "); {
	case len(args) == 2 && args[0] == "key":
		return post("key", map[string]string{"key": args[1]})
	case command == "ccid unplug", command == "ccid plug", command == "pn532 unplug", command == "pn532 plug":
		return post("plug", map[string]any{"device": args[0], "on": args[1] == "plug"})
	case command == "power cut", command == "power off", command == "power on":
		c.Patience = bootTime
		return post("power", map[string]string{"do": args[1]})
	}
	return c.Run(ctx, args, stdout)
}

// keys are the reader's keys by what QEMU calls them on a numeric keypad.
var keys = map[string]string{
	"0": "kp_0", "1": "kp_1", "2": "kp_2", "3": "kp_3", "4": "kp_4",
	"5": "kp_5", "6": "kp_6", "7": "kp_7", "8": "kp_8", "9": "kp_9",
	"enter": "kp_enter", "cancel": "esc", "clear": "backspace",
}

// hands are what can be done to a machine, for the control API.
func (r *rig) hands() map[string]func(*http.Request) error {
	return map[string]func(*http.Request) error{
		"POST /control/key": func(q *http.Request) error {
			var body struct {
				Key string `json:"key"`
			}
			if err := bench.ReadBody(q, &body); err != nil {
				return err
			}
			return r.press(q.Context(), body.Key)
		},
		"POST /control/plug": func(q *http.Request) error {
			var body struct {
				Device string `json:"device"`
				On     bool   `json:"on"`
			}
			if err := bench.ReadBody(q, &body); err != nil {
				return err
			}
			return r.plug(q.Context(), body.Device, body.On)
		},
		"POST /control/power": func(q *http.Request) error {
			var body struct {
				Do string `json:"do"`
			}
			if err := bench.ReadBody(q, &body); err != nil {
				return err
			}
			return r.power(q.Context(), body.Do)
		},
	}
}
