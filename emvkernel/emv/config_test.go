package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What "emv config" prints is read back as it was, and a member of a reader's configuration that means nothing
// here is no mistake.
func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "terminal.json")
	cfg, _, err := readConfig("")
	if err != nil {
		t.Fatal(err)
	}
	a := &cfg.Applications[0]
	a.FloorCurrency, a.FloorLimit, a.Capabilities, a.AdditionalCapabilities = 36, 5000, &[3]byte{1, 2, 3}, &[5]byte{1, 2, 3, 4, 5}
	a.RandomThreshold, a.RandomTarget, a.RandomMaximum, a.DefaultTDOL, a.Country = 1, 2, 3, []byte{0x9A, 3}, 276
	a.PINBypass, a.OfflineApproval, a.TACDenial = true, true, [5]byte{1}
	cfg.Terminal.AcquirerID, cfg.Terminal.Country = []byte{1, 2}, 276
	text, err := json.Marshal(fileOf(cfg))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(text), strings.Replace(string(text), `"terminal":{`, `"terminal":{"pin":{"format":"iso4","key":"online"},`, 1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if again, _, err := readConfig(path); err != nil || !reflect.DeepEqual(cfg, again) {
			t.Errorf("%v\n%+v\n%+v", err, cfg, again)
		}
	}
}

// The files in docs/emv.md are some: one for the chip, one for taps.
func TestConfigOfDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/emv.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(doc), "```json\n")[1:]
	if len(blocks) != 2 {
		t.Fatalf("%d files", len(blocks))
	}
	path := filepath.Join(t.TempDir(), "terminal.json")
	for i, args := range [][]string{{"-card", "visa"}, {"-card", "mastercard", "-contactless"}} {
		text, _, ended := strings.Cut(blocks[i], "```")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil || !ended {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
		if got := a.main(t.Context(), append([]string{"run", "-config", path}, args...)); got != exitDone || !strings.Contains(out.String(), "9F02 Amount, Authorised (Numeric): 000000001300") {
			t.Errorf("%v: exit code %d: %s", args, got, errs.String())
		}
	}
}
