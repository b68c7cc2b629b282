//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"smartreader/firmware/boot"
	"smartreader/hal/board"
)

// Config is the reader's whole configuration file. What belongs to the
// merchant or the card schemes is not in it: that comes signed from the
// platform.
type Config struct {
	// Board is the wiring the reader runs on; an unknown one is refused with
	// the list of known ones.
	Board string `json:"board"`
	// Devices choose where the board leaves a choice; see hal/board.Settings
	// and docs/hardware.md.
	Devices board.Settings `json:"devices"`
	// DataDir holds ledger and keys. It must be on a local ext4 file system.
	DataDir string `json:"dataDir"`
	// Listen is the address POS connect to.
	Listen string `json:"listen"`
	// AllowedOrigins are the web pages that may connect, as browsers write
	// them; none by default.
	AllowedOrigins []string `json:"allowedOrigins"`
	// PlatformURL is the reader face of the payments platform, https only.
	PlatformURL string `json:"platformUrl"`
	// PlatformCAFile is a PEM file with the roots of the platform's certificate.
	PlatformCAFile string `json:"platformCaFile"`
	// RegistrationCode activates the reader at its first start.
	RegistrationCode string `json:"registrationCode"`
	// DeviceType is this kind of reader's name at the platform.
	DeviceType string `json:"deviceType"`
	// SoftwarePINPad makes a PIN pad of the board's own keys and screen, for
	// development. It refuses in live mode: a keypad on a general-purpose
	// processor is no PIN entry device.
	SoftwarePINPad bool `json:"softwarePinPad"`
	// RecordTransactions keeps what passes between kernel and card, without the
	// cardholder, in DataDir/recordings: the newest 500 transactions.
	RecordTransactions bool `json:"recordTransactions"`
	// Network says how a device gets its address. Other computers' own systems
	// see to that: there it is without effect, like TimeServers.
	Network boot.Network `json:"network"`
	// TimeServers are SNTP servers, as "host" or "host:port", for a device's
	// clock. The first that answers counts.
	TimeServers []string `json:"timeServers"`
	// LogLevel is DEBUG, INFO, WARN or ERROR. No level logs card data.
	LogLevel slog.Level `json:"logLevel"`
}

func defaultConfig() Config {
	return Config{
		Board: "desk", DataDir: "/var/lib/smartreader", Listen: ":4443", AllowedOrigins: []string{},
		PlatformURL: "https://platform.example", PlatformCAFile: "/etc/smartreader/platform-ca.pem",
		DeviceType: "smartreader_desk", LogLevel: slog.LevelInfo,
		Network: boot.Network{Nameservers: []string{}}, TimeServers: []string{"time.cloudflare.com"},
	}
}

func loadConfig(file string) (Config, error) {
	if file == "" {
		return Config{}, errors.New("no configuration: pass -config FILE; -sample prints one to start from")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// parseConfig reads a configuration over the defaults. A misspelt setting is
// an error: it would otherwise be silently without effect. Some editors begin
// UTF-8 files with a byte order mark; that is none. With an error it returns
// what could be read, and defaults.
func parseConfig(data []byte) (Config, error) {
	c := defaultConfig()
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, err
	}
	if dec.More() {
		return c, errors.New("there is something after the configuration object")
	}
	switch "" {
	case c.Board:
		return c, errors.New("board is empty")
	case c.DataDir:
		return c, errors.New("dataDir is empty")
	case c.PlatformURL:
		return c, errors.New("platformUrl is empty")
	case c.PlatformCAFile:
		return c, errors.New("platformCaFile is empty: without it the platform cannot be recognised")
	}
	if err := c.Network.Check(); err != nil {
		return c, err
	}
	return c, nil
}
