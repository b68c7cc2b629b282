package hal_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"smartreader/hal"
)

const (
	digits   = "4761739001010119"
	asHex    = "343736313733"    // the same digits as hexadecimal bytes
	asNumber = "52 55 54 49 55"  // and as a list of numbers
	asBase64 = "NDc2MTczOTAwMTA" // and as base64
)

// holder hides secrets where fmt does not ask their methods.
type holder struct {
	secret hal.Secret
	tracks hal.Tracks
	Open   hal.Secret
	All    *hal.Tracks
}

func TestSecretsCannotBePrinted(t *testing.T) {
	secret := hal.NewSecret([]byte(digits))
	tracks := hal.Tracks{One: secret, Two: secret, Three: secret}
	h := holder{secret, tracks, secret, &tracks}
	for _, v := range []any{secret, &secret, tracks, &tracks, h, &h, []any{secret, tracks}, map[string]any{"a": tracks}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%c", "%U", "%08b"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("log", "value", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("log", "value", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			out.Write(b)
		}
		// gob refuses some of these, which is fine too.
		_ = gob.NewEncoder(&out).Encode(v)
		for _, leak := range []string{digits, asHex, asNumber, asBase64} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%T leaks %q", v, leak)
			}
		}
	}
}

func TestSecretIsReadableOnPurpose(t *testing.T) {
	var zero hal.Secret
	if !zero.Empty() || zero.Bytes() != nil {
		t.Error("the zero Secret is not empty")
	}
	zero.Wipe()
	b := []byte(digits)
	s := hal.NewSecret(b)
	if string(s.Bytes()) != digits {
		t.Error("Bytes does not return the data")
	}
	copied := s
	hal.Tracks{One: s}.Wipe()
	if !s.Empty() || !copied.Empty() || string(b) == digits {
		t.Error("Wipe left data behind")
	}
}

func TestEveryToneSounds(t *testing.T) {
	for tone := hal.ToneKey; tone <= hal.ToneRemove; tone++ {
		if len(tone.Beeps()) == 0 || strings.Contains(tone.String(), "unknown") {
			t.Errorf("tone %d: %v, %q", tone, tone.Beeps(), tone)
		}
	}
	if hal.Tone(0).Beeps() != nil {
		t.Error("tone 0 sounds")
	}
}
