//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"smartreader/hal"
	"smartreader/hal/board"
	"smartreader/hal/haltest/report"
)

// options are what to check, and with whose help.
type options struct {
	board, device string
	devices       board.Settings
	dataDir       string // where a worker makes the folder for the trial

	only                                        []string
	keys                                        []hal.Key
	json, unattended, touch, twoCards, openCase bool
}

// load takes what it needs from a reader's configuration. The rest is the
// reader's own.
func (o *options) load(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c struct {
		Board   string         `json:"board"`
		DataDir string         `json:"dataDir"`
		Devices board.Settings `json:"devices"`
	}
	c.DataDir = "/var/lib/smartreader" // the reader's own default
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if c.Board == "" {
		return fmt.Errorf("%s: board is empty", file)
	}
	o.board, o.dataDir, o.devices = c.Board, c.DataDir, c.Devices
	return nil
}

// kinds are the kinds of devices that a board.Single has.
func kinds(spec string) []string {
	device, _, _ := strings.Cut(spec, "=")
	switch device {
	case "ccid":
		return []string{"contact"}
	case "pn532":
		return []string{"contactless"}
	case "fb", "ssd1306":
		return []string{"screen"}
	case "evdev":
		return []string{"input"}
	case "panel":
		return []string{"signals", "input"}
	}
	return []string{device} // "swipe", "watchdog", or what board.Single refuses
}

func (o *options) parseKeys(list string) error {
	if list == "" {
		return nil
	}
names:
	for name := range strings.SplitSeq(list, ",") {
		for key := hal.Key0; key <= hal.KeyDown; key++ {
			if key.String() == name {
				o.keys = append(o.keys, key)
				continue names
			}
		}
		return fmt.Errorf("there is no key %q; there are 0 to 9, enter, cancel, clear, up, down", name)
	}
	if len(o.keys) < 2 {
		return fmt.Errorf("-keys needs two keys at least, or none")
	}
	return nil
}

// hands are a person who reads prompts, or nobody.
func (o *options) hands(prompts io.Writer) report.Hands {
	if o.unattended {
		return report.Hands{}
	}
	h := report.Person(prompts, o.keys...)
	if o.touch {
		h.AddTouch(prompts)
	}
	if o.twoCards {
		h.AddTwoCards(prompts)
	}
	if o.openCase {
		h.AddOpenCase(prompts)
	}
	return h
}
