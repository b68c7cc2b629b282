package platform

import (
	"bytes"
	"encoding/json"
	"testing"
)

func FuzzConfig(f *testing.F) {
	payload, err := json.Marshal(goodConfig(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"version":1,"applications":[{}],"caKeys":[{}],"sealKeys":[{"id":"x"}]}`))
	f.Add(bytes.Replace(payload, []byte(`"840`), []byte(`"-1`), 1))
	f.Add(bytes.Replace(payload, []byte(`"kernel":"c3"`), []byte(`"kernel":"insert"`), 1))
	f.Add(bytes.Replace(payload, []byte(`"kernelId":4`), []byte(`"kernelId":260`), 1))
	f.Add(bytes.Replace(payload, []byte(`"limits":[{"currency":"usd","floor":0,"cvmRequired":0},`), []byte(`"limits":[null,`), 1))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := DecodeConfig(payload)
		if err != nil {
			return
		}
		once, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeConfig(once)
		if err != nil {
			t.Fatalf("a valid configuration does not survive: %v", err)
		}
		if twice, _ := json.Marshal(again); !bytes.Equal(once, twice) {
			t.Fatalf("not stable:\n%s\n%s", once, twice)
		}
	})
}

// FuzzSigned: whatever arrives as a signed document, only the one that was
// signed verifies.
func FuzzSigned(f *testing.F) {
	key, _ := newSigner(f)
	good, err := Sign(LabelConfig, key, []byte(`{"version":1}`))
	if err != nil {
		f.Fatal(err)
	}
	wire, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add([]byte(`{"payload":"","signature":"AAAA"}`))
	f.Add([]byte(`{"payload":null}`))
	f.Fuzz(func(t *testing.T, wire []byte) {
		var s Signed
		if json.Unmarshal(wire, &s) != nil {
			return
		}
		if Verify(LabelConfig, &key.PublicKey, s) == nil && !bytes.Equal(s.Payload, good.Payload) {
			t.Fatalf("a document that was never signed verifies: %q", s.Payload)
		}
		OpenConfig(&key.PublicKey, s)
		OpenCredential(&key.PublicKey, s)
	})
}

func FuzzVerdict(f *testing.F) {
	f.Add([]byte(`{"naturalKey":"` + aKey + `","status":"approved","chargeId":"ch_1","intent":{"id":"pi_1","status":"succeeded"}}`))
	f.Add([]byte(`{"naturalKey":"` + aKey + `","status":"failed","code":"payment_already_charged","existing":{"status":"approved"}}`))
	f.Add([]byte(`{"status":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var v Verdict
		if json.Unmarshal(body, &v) != nil || verdictFor(aKey)(&v) != nil {
			return
		}
		if v.NaturalKey != aKey || v.Status == StatusApproved && (v.ChargeID == "" || v.Intent == nil) {
			t.Fatalf("accepted %+v", v)
		}
		once, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var again Verdict
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatal(err)
		}
		if twice, _ := json.Marshal(again); !bytes.Equal(once, twice) {
			t.Fatalf("not stable:\n%s\n%s", once, twice)
		}
	})
}

func FuzzNaturalKey(f *testing.F) {
	for _, s := range []string{aKey, "tmr_1.12.0007.a1b2c3d4e5f60708", "a.01.0000.0000000000000000", "....", "a.1.+001.0000000000000000", "a/b.1.0001.0000000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseNaturalKey(s)
		if err == nil && k.String() != s {
			t.Fatalf("%q reads as %q", s, k)
		}
	})
}
