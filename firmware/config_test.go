//go:build linux

package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestSampleIsReadBack(t *testing.T) {
	data, err := json.Marshal(defaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig(data)
	if err != nil || !reflect.DeepEqual(c, defaultConfig()) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestConfigErrorsNameTheSetting(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"misspelt":   {`{"plattformUrl": "x"}`, "plattformUrl"},
		"wrong type": {`{"listen": 4443}`, "listen"},
		"empty":      {`{"board": ""}`, "board"},
		"no CA":      {`{"platformCaFile": ""}`, "platformCaFile"},
		"two":        {`{} {}`, "after"},
		"network":    {`{"network": {"address": "10.0.2.77"}}`, "10.0.2.77"},
		"not JSON":   {`board = desk`, "invalid character"},
	} {
		if _, err := parseConfig([]byte(test.in)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error naming %q", name, err, test.want)
		}
	}
}

// Windows' Notepad begins files with a byte order mark and ends lines its own way.
func TestConfigFromAnyEditor(t *testing.T) {
	if c, err := parseConfig([]byte("\ufeff{\r\n\"listen\": \":5443\"\r\n}\r\n")); err != nil || c.Listen != ":5443" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"board":"desk","logLevel":"WARN"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := parseConfig(again); err != nil || !reflect.DeepEqual(c, second) {
			t.Errorf("%+v became %+v, %v", c, second, err)
		}
	})
}
