package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestEveryMethodHasParams(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range Methods() {
		if NewParams(m) == nil || seen[m] {
			t.Errorf("%s: no params, or listed twice", m)
		}
		seen[m] = true
	}
	if NewParams("nonsense") != nil {
		t.Error("params for an unknown method")
	}
}

func TestDecodeNamesTheField(t *testing.T) {
	const spki = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
	for _, test := range []struct{ method, params, want string }{
		{MethodHello, ``, "posId is missing"},
		{MethodHello, `null`, "posId is missing"},
		{MethodHello, `[]`, "params must be an object"},
		{MethodHello, `{"posId":7}`, "posId must be a string, not a number"},
		{MethodHello, `{"posId":"a b"}`, "posId must be visible ASCII"},
		{MethodHello, `{"posId":"` + strings.Repeat("x", 65) + `"}`, "posId must be at most 64"},
		{MethodConnectReader, `{"posId":"p"}`, "connectionToken or credential"},
		{MethodConnectReader, `{"posId":"p","connectionToken":"t","credential":{"payload":"eA==","signature":"eA=="}}`, "not both"},
		{MethodConnectReader, `{"posId":"p","credential":{"payload":"eA=="}}`, "credential must have payload and signature"},
		{MethodConnectReader, `{"posId":"p","connectionToken":"t","posPublicKey":"` + spki + `"}`, "posPublicKey must be an ECDSA P-256 key"},
		{MethodConnectReader, `{"posPublicKey":"not base64!"}`, "posPublicKey must be a base64 string"},
		{MethodConnectReader, `{"posPublicKey":7}`, "posPublicKey must be a base64 string"},
		{MethodConnectReader, `{"credential":{"payload":"%"}}`, "credential.payload must be a base64 string"},
		{MethodConnectReader, `{"resume":{"lastSeq":-1}}`, "resume.lastSeq must be a whole number from 0 on"},
		{MethodConnectReader, `{"failIfInUse":"yes"}`, "failIfInUse must be true or false"},
		{MethodCreatePaymentIntent, `{}`, "requestId is missing"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":0,"currency":"usd"}`, "amount must be"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":100000000,"currency":"usd"}`, "amount must be"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":1e2,"currency":"usd"}`, "amount must be a whole number"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":1}`, "currency must be"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":1,"currency":"usd","captureMethod":"later"}`, "captureMethod must be one of"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":1,"currency":"usd","offlineBehavior":"x"}`, "offlineBehavior must be one of"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":1,"currency":"usd","metadata":{"":"x"}}`, "metadata keys"},
		{MethodCreatePaymentIntent, `{"requestId":"r","amount":1,"currency":"usd","metadata":[]}`, "metadata must be an object"},
		{MethodRetrievePaymentIntent, `{}`, "id or localId or clientSecret"},
		{MethodRetrievePaymentIntent, `{"id":"a","localId":"b"}`, "only one"},
		{MethodCollectPaymentMethod, `{"requestId":"r"}`, "paymentIntent must have"},
		{MethodCollectPaymentMethod, `{"requestId":"r","paymentIntent":{"localId":"p"},"options":{"tipEligibleAmount":-1}}`, "options.tipEligibleAmount"},
		{MethodCollectPaymentMethod, `{"requestId":"r","paymentIntent":{"localId":"p"},"options":{"skipTipping":1}}`, "options.skipTipping must be true or false"},
		{MethodCancelPaymentIntent, `{"requestId":"r","paymentIntent":{"localId":"p"},"cancellationReason":"x"}`, "cancellationReason must be one of"},
		{MethodListStoredPayments, `{"limit":51}`, "limit must be"},
		{MethodListStoredPayments, `{"states":["gone"]}`, "states must name"},
		{MethodListStoredPayments, `{"states":"stored"}`, "states must be an array"},
		{MethodForwardNow, `{"requestId":""}`, "requestId is missing"},
		{MethodAcknowledgeEvents, `{"seq":-5}`, "seq must be a whole number from 0 on"},
		{MethodAcknowledgeEvents, `{"seq":18446744073709551616}`, "seq must be a whole number from 0 on"},
	} {
		err := DecodeParams([]byte(test.params), NewParams(test.method))
		e, ok := AsError(err)
		if !ok || e.Code != CodeInvalidRequiredParameter || !strings.Contains(e.Message, test.want) || e.Remedy == "" {
			t.Errorf("%s %s: %v, want %q", test.method, test.params, err, test.want)
		}
	}
}

func TestWholePaymentIntentIsAReference(t *testing.T) {
	pi, err := json.Marshal(PaymentIntent{LocalID: "pl_1", Amount: 5})
	if err != nil {
		t.Fatal(err)
	}
	p := new(ConfirmPaymentIntentParams)
	if err := DecodeParams([]byte(`{"requestId":"r","paymentIntent":`+string(pi)+`}`), p); err != nil || p.PaymentIntent.LocalID != "pl_1" || p.PaymentIntent.ID != nil {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestDepth(t *testing.T) {
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if CheckDepth(deep(MaxDepth)) != nil || CheckDepth(deep(MaxDepth+1)) == nil {
		t.Error("the limit is not the limit")
	}
	if CheckDepth([]byte(`{"a":"`+strings.Repeat("[", 100)+`\"[["}`)) != nil {
		t.Error("brackets in strings count")
	}
}

// Decoding never panics, and what it accepts survives encoding and decoding.
func FuzzDecodeParams(f *testing.F) {
	for _, m := range Methods() {
		f.Add(m, []byte(`{}`))
		f.Add(m, []byte(`{"requestId":"r","posId":"p","amount":1,"currency":"usd","paymentIntent":{"localId":"pl_1","id":null},"seq":1,"limit":3,"states":["stored"],"id":"pi_1"}`))
	}
	f.Add(MethodConnectReader, []byte(`{"posId":"p","connectionToken":"t","resume":{"lastSeq":3},"posPublicKey":"eA==","signature":"eA=="}`))
	f.Add(MethodCreatePaymentIntent, []byte(`{"requestId":"r","amount":1,"currency":"usd","metadata":{"a":"\u0000\ud800"}}`))
	f.Fuzz(func(t *testing.T, method string, data []byte) {
		p := NewParams(method)
		if p == nil {
			return
		}
		CheckDepth(data)
		if err := DecodeParams(data, p); err != nil {
			if e, ok := AsError(err); !ok || e.Code == "" || e.Message == "" || e.Remedy == "" {
				t.Fatalf("error without code, message or remedy: %v", err)
			}
			return
		}
		once, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q := NewParams(method)
		if err := DecodeParams(once, q); err != nil {
			t.Fatalf("%s is not accepted again: %v", once, err)
		}
		if twice, err := json.Marshal(q); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}

// What comes from the reader is decoded by clients.
func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"type":"paymentIntentForwarded","seq":3,"paymentIntent":{"id":"pi_1","charges":[{"id":"ch"}],"offlineDetails":{"state":"forwarded","receiptProof":{"index":3,"entry":"eA=="}}},"error":{"code":"X"}}`))
	f.Add([]byte(`{"offlineStatus":{"reader":null,"sdk":{"offlinePaymentAmountsByCurrency":{"usd":1}}},"lease":{"posId":"p"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		once, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again Event
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatal(err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}

// The limits hold in bytes of JSON too, so that a payment can always be sealed:
// JSON spells some characters with six bytes.
func TestDescriptiveTextIsBounded(t *testing.T) {
	texts := func(description, value string, keys int) error {
		p := &CreatePaymentIntentParams{RequestID: "r", Amount: 1, Currency: "usd", Description: description, Metadata: map[string]string{}}
		for i := range keys {
			p.Metadata[string(rune('a'+i))] = value
		}
		return p.Validate()
	}
	for _, test := range []struct {
		name, description, value string
		keys                     int
		refused                  string
	}{
		{"plain", strings.Repeat("d", MaxDescription), strings.Repeat("v", MaxMetadataValue), 15, ""},
		{"metadata too long", "", strings.Repeat("v", MaxMetadataValue), 17, "metadata must be at most 8192 bytes"},
		{"metadata too long escaped", "", strings.Repeat("<", MaxMetadataValue), 3, "metadata must be at most 8192 bytes"},
		{"long description escaped", strings.Repeat("<", MaxDescription), "", 1, ""},
		{"too long together", strings.Repeat("<", MaxDescription), strings.Repeat("v", MaxMetadataValue), 13, "at most 12288 bytes together"},
	} {
		err := texts(test.description, test.value, test.keys)
		if (err == nil) != (test.refused == "") || (err != nil && !strings.Contains(err.Error(), test.refused)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
