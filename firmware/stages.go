//go:build linux

package main

import (
	"fmt"
	"os"

	"smartreader/firmware/boot"
	"smartreader/firmware/reader"
)

// stage runs this program in its other two roles, as process 1 of a device and
// on the way from there to the reader. In the reader's it returns.
func stage() {
	switch {
	case boot.Requested():
		boot.Run(boot.Options{Version: reader.Version, Released: reader.Released, Parse: deviceSettings})
	case boot.Confining():
		fmt.Fprintf(os.Stderr, "firmware: %v\n", boot.Confine())
		os.Exit(1)
	}
}

// deviceSettings reads what process 1 needs of a configuration. With an error
// it returns what can be read, and the defaults: a maker's own worker may know
// more settings, and a device shall be reached where it was told to be.
func deviceSettings(config []byte) (boot.Settings, error) {
	c, err := parseConfig(config)
	if err == nil && c.DataDir != boot.DataDir && c.DataDir != defaultConfig().DataDir {
		err = fmt.Errorf("dataDir is %s: leave it out, on a device it is %s", c.DataDir, boot.DataDir)
	}
	return boot.Settings{Board: c.Board, Listen: c.Listen, Network: c.Network, TimeServers: c.TimeServers}, err
}
