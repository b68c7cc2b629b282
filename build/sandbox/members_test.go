package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// What does not fit is named in plain words, and changes nothing.
func TestDecodeObject(t *testing.T) {
	for body, want := range map[string]string{
		`{"floorlimit":1}`: `there is no "floorlimit"; is "floorLimit" meant?`,
		`{"limits":[{"currency":"usd"},{"Brand":"x"}]}`: `there is no "limits[1].Brand"; is "brand" meant?`,
		`{"link":{"speed":9}}`:                          `there is no "link.speed"; there is failedAttempts, `,
		`{"floorLimit":"1"}`:                            "floorLimit must be a whole number",
		`{"floorLimit":1.5}`:                            "floorLimit must be a whole number",
		`{"pinBypass":"yes"}`:                           "pinBypass must be true or false",
		`{"limits":{}}`:                                 "limits must be a list",
		`{"limits":[{"currency":5}]}`:                   "currency must be a text",
		`[]`:                                            "it must be an object",
		`{`:                                             "it is not JSON",
		`{} {}`:                                         "it is not JSON",
	} {
		var set Settings
		if err := DecodeObject([]byte(body), &set); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Go") {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
	var set Settings
	if err := DecodeObject([]byte(fullSettings), &set); err != nil || set.Link == nil {
		t.Errorf("the full settings: %v", err)
	}
	p := openShop(t)
	if status, said := p.putSettings(`{"floorlimit":1}`); status != http.StatusBadRequest || !strings.Contains(said, "floorLimit") || p.s.Settings("").FloorLimit != nil {
		t.Errorf("%d %s", status, said)
	}
}

// What is taken is taken by encoding/json too, and nothing else.
func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{fullSettings, `{"floorLimit":1}`, `{"Location":"x"}`, `[]`, `null`, `{"limits":[null,{"brand":"visa"}],"equivalents":null}`, ``, `{"a":{"b":[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, plain Settings
		if DecodeObject(data, &strict) != nil {
			return
		}
		if err := json.Unmarshal(data, &plain); err != nil {
			t.Errorf("taken, although %v", err)
		}
		a, _ := json.Marshal(strict)
		b, _ := json.Marshal(plain)
		if string(a) != string(b) {
			t.Errorf("%s, and encoding/json reads %s", a, b)
		}
	})
}
