//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestDeviceSettings(t *testing.T) {
	s, err := deviceSettings([]byte(`{"board":"none","listen":":5443","dataDir":"/data/reader","timeServers":["10.0.2.2:123"],"network":{"address":"10.0.2.77/24"}}`))
	if err != nil || s.Board != "none" || s.Listen != ":5443" || len(s.TimeServers) != 1 || s.Network.Address != "10.0.2.77/24" {
		t.Errorf("got %+v, %v", s, err)
	}
	// The defaults need no change on a device.
	if _, err := deviceSettings([]byte(`{}`)); err != nil {
		t.Error(err)
	}
	// With an error, a device still has a network to be reached and mended by.
	for config, want := range map[string]string{`{"unknown":1}`: "unknown", `{"dataDir":"/x"}`: "/data/reader"} {
		if s, err := deviceSettings([]byte(config)); err == nil || !strings.Contains(err.Error(), want) || s.Listen != ":4443" {
			t.Errorf("%s: got %+v, %v", config, s, err)
		}
	}
	// It is still where it was told to be: a maker's own worker may know more.
	s, err = deviceSettings([]byte(`{"acme":{"colour":"red"},"listen":":5443","timeServers":["10.0.2.2"],"network":{"address":"10.0.2.77/24"}}`))
	if err == nil || s.Listen != ":5443" || len(s.TimeServers) != 1 || s.Network.Address != "10.0.2.77/24" {
		t.Errorf("with a setting unknown to this firmware: got %+v, %v", s, err)
	}
}
