//go:build linux

package main

import (
	"bytes"
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
	c := config{DataDir: "/var/lib/smartreader"}                                      // the reader's own default
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))) // some editors begin files with it
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return fmt.Errorf("%s: %w; go run ./firmware -sample prints all settings", file, err)
	}
	if dec.More() {
		return fmt.Errorf("%s: there is something after the configuration object", file)
	}
	if c.Board == "" {
		return fmt.Errorf("%s: board is empty", file)
	}
	o.board, o.dataDir, o.devices = c.Board, c.DataDir, c.Devices
	return nil
}

// config is a reader's configuration, complete, so that a misspelt setting is
// refused: it would be without effect, and a check of something else.
type config struct {
	Board   string         `json:"board"`
	DataDir string         `json:"dataDir"`
	Devices board.Settings `json:"devices"`

	Listen             ignored `json:"listen"`
	AllowedOrigins     ignored `json:"allowedOrigins"`
	PlatformURL        ignored `json:"platformUrl"`
	PlatformCAFile     ignored `json:"platformCaFile"`
	RegistrationCode   ignored `json:"registrationCode"`
	DeviceType         ignored `json:"deviceType"`
	SoftwarePINPad     ignored `json:"softwarePinPad"`
	RecordTransactions ignored `json:"recordTransactions"`
	Network            ignored `json:"network"`
	TimeServers        ignored `json:"timeServers"`
	LogLevel           ignored `json:"logLevel"`
}

// ignored is a setting that is the reader's own.
type ignored struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*ignored) UnmarshalJSON([]byte) error { return nil }

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
