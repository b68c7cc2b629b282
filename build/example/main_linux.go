// Command reader is the card reader of ACME, an invented maker of hardware:
// their own program, around the reader of the smartreader module and a board of
// their own. It runs on any Linux, and as /init of a device's initramfs.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"smartreader/firmware/boot"
	"smartreader/firmware/reader"
)

// version and released are those of ACME's firmware.
const version = "1.0.0"

var released = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func main() {
	switch { // process 1 of a device, on the way to the worker, the worker
	case boot.Requested():
		boot.Run(boot.Options{Version: "acme " + version, Released: released, Parse: deviceSettings})
	case boot.Confining():
		fmt.Fprintln(os.Stderr, "acme:", boot.Confine())
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "acme:", err)
		os.Exit(1)
	}
}

// config is ACME's own configuration file; it shares no setting with that of
// the smartreader's own firmware but those they want.
type config struct {
	Serial           string       `json:"serial"` // printed on the case
	SlotPort         string       `json:"slotPort"`
	Screen           string       `json:"screen"` // a framebuffer, empty: no screen
	DataDir          string       `json:"dataDir"`
	Listen           string       `json:"listen"`
	PlatformURL      string       `json:"platformUrl"`
	PlatformCAFile   string       `json:"platformCaFile"`
	RegistrationCode string       `json:"registrationCode"`
	Network          boot.Network `json:"network"`
	TimeServers      []string     `json:"timeServers"`
}

func parse(data []byte) (config, error) {
	c := config{
		SlotPort: "/dev/ttyS1", Screen: "/dev/fb0", Listen: ":4443",
		DataDir: boot.DataDir, PlatformCAFile: boot.SettingsDir + "/platform-ca.pem",
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&c); err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	if c.Serial == "" || c.PlatformURL == "" {
		return c, errors.New("configuration: serial and platformUrl must be set")
	}
	return c, c.Network.Check()
}

// deviceSettings are what process 1 needs to know.
func deviceSettings(data []byte) (boot.Settings, error) {
	c, err := parse(data)
	return boot.Settings{Board: "acme", Listen: c.Listen, Network: c.Network, TimeServers: c.TimeServers}, err
}

// run is the reader.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	set := flag.NewFlagSet("reader", flag.ContinueOnError)
	set.SetOutput(stderr)
	file := set.String("config", boot.SettingsDir+"/reader.json", "configuration `file`")
	if err := set.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	c, err := parse(data)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(c.PlatformCAFile)
	if err != nil {
		return err
	}
	// A core file would hold card data.
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	board, err := open(c)
	if err != nil {
		return err
	}
	defer board.Close()
	for _, m := range board.Missing {
		log.Warn("device missing", "device", m.Device, "reason", m.Err)
	}
	options := reader.Options{
		Dir: c.DataDir, Listen: c.Listen, PlatformURL: c.PlatformURL, PlatformCA: ca,
		RegistrationCode: c.RegistrationCode, DeviceType: "acme_terminal", Log: log,
	}
	return reader.Run(ctx, *board, options)
}
