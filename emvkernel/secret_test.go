package emvkernel_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"smartreader/emvkernel"
)

// No way of writing a secret shows it: not as text, not as numbers, not in hexadecimal, not inside a
// struct.
func TestSecretIsMasked(t *testing.T) {
	type holder struct{ PAN emvkernel.Secret }
	secret := emvkernel.Secret("4242424242424242")
	leaks := []string{"4242", "34323432", "52 50 52 50", "52, 50", "0x34, 0x32", "NDI0MjQy"}
	check := func(how, got string) {
		t.Helper()
		for _, l := range leaks {
			if strings.Contains(got, l) {
				t.Errorf("%s shows %q", how, got)
			}
		}
		if !strings.Contains(got, "[secret]") {
			t.Errorf("%s writes %q", how, got)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%p", "%T%v"} {
		if verb == "%T%v" {
			check(verb, fmt.Sprintf(verb, secret, secret))
			continue
		}
		if verb != "%p" {
			check(verb, fmt.Sprintf(verb, secret))
			check(verb+" in a struct", fmt.Sprintf(verb, holder{secret}))
			check(verb+" behind a pointer", fmt.Sprintf(verb, &secret))
		}
	}
	check("Sprint", fmt.Sprint(secret))
	check("Errorf", fmt.Errorf("card %v", secret).Error())
	check("String", secret.String())
	check("GoString", secret.GoString())

	var text bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "pan", secret, "holder", holder{secret})
	check("slog text", text.String())
	var js bytes.Buffer
	slog.New(slog.NewJSONHandler(&js, nil)).Info("x", "pan", secret, "holder", holder{secret})
	check("slog JSON", js.String())

	b, err := json.Marshal(holder{secret})
	if err != nil {
		t.Fatal(err)
	}
	check("JSON", string(b))
	b, err = json.Marshal(map[string]any{"pan": secret})
	if err != nil {
		t.Fatal(err)
	}
	check("JSON in a map", string(b))
	b, err = xml.Marshal(holder{secret})
	if err != nil {
		t.Fatal(err)
	}
	check("XML", string(b))
	var g bytes.Buffer
	if err := gob.NewEncoder(&g).Encode(holder{secret}); err != nil {
		t.Fatal(err)
	}
	check("gob", g.String())
}

func TestSecretWipe(t *testing.T) {
	s := emvkernel.Secret("4242")
	s.Wipe()
	if string([]byte(s)) != "\x00\x00\x00\x00" {
		t.Error("not wiped")
	}
}

// A transaction full of card data prints nothing of it, and neither does its log.
func TestTransactionIsMasked(t *testing.T) {
	var log bytes.Buffer
	s := newStub()
	s.data[0x57] = unhex(t, "4242424242424242D27122010000000000000F")
	s.data[0x5F20] = []byte("DOE/JANE")
	tx, err := emvkernel.NewTransaction(terminal(), payment(), s, nil, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "tx", tx, "copy", *tx, "card", tx.Card(), "data", tx.ACData())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&log, verb, tx)
		fmt.Fprintf(&log, verb, *tx)
		fmt.Fprintf(&log, verb, tx.Card())
		fmt.Fprintf(&log, verb, tx.ACData())
	}
	if log.Len() == 0 || !strings.Contains(log.String(), "emv outcome") {
		t.Error("nothing was logged")
	}
	last4 := strings.NewReplacer(`Last4:4242`, "", `Last4:"4242"`, "", "Last4=4242", "").Replace(log.String())
	for _, leak := range []string{"42424242", "3432343234", "66 66 66", "DOE", "444f45"} {
		if strings.Contains(last4, leak) {
			t.Errorf("shows %q", leak)
		}
	}
}
