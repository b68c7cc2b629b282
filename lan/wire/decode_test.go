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
		{MethodForwardNow, `{"requestId":"r","paymentIntent":{}}`, "paymentIntent must have"},
		{MethodCollectPaymentMethod, `{"requestId":"r","paymentIntent":{"localId":"p"},"options":{"offlineLimits":{"maxAmount":-1}}}`, "options.offlineLimits.maxAmount must be"},
		{MethodProcessPaymentIntent, `{"requestId":"r","paymentIntent":{"localId":"p"},"options":{"offlineLimits":{"maxCount":-1}}}`, "options.offlineLimits.maxCount must not be negative"},
		{MethodProcessPaymentIntent, `{"requestId":"r","paymentIntent":{"localId":"p"},"options":{"offlineLimits":{"maxStored":-1}}}`, "options.offlineLimits.maxStored must not be negative"},
		{MethodProcessPaymentIntent, `{"requestId":"r","paymentIntent":{"localId":"p"},"options":{"offlineLimits":{"maxAgeMs":-1}}}`, "options.offlineLimits.maxAgeMs must be from 0 to 100 years"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"usd","offlineLimits":{"maxAgeMs":9223372036854775807}}`, "offlineLimits.maxAgeMs must be from 0 to 100 years"},
		{MethodConnectReader, `{"providesTokens":"yes"}`, "providesTokens must be true or false"},
		{MethodVoidStoredPayment, `{"paymentIntent":{"localId":"p"}}`, "requestId is missing"},
		{MethodVoidStoredPayment, `{"requestId":"r"}`, "paymentIntent must have"},
		{MethodExplainOfflinePolicy, `{"currency":"usd"}`, "amount must be"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"USD"}`, "currency must be"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"usd","readMethod":"chip"}`, "readMethod must be one of contact_emv"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"usd","offlineBehavior":"x"}`, "offlineBehavior must be one of"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"usd","brand":"a b"}`, "brand must be visible"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"usd","cvm":"a b"}`, "cvm must be one of none, signature"},
		{MethodExplainOfflinePolicy, `{"amount":1,"currency":"usd","offlineLimits":{"maxAmount":100000000}}`, "offlineLimits.maxAmount must be from 0"},
		{MethodExportLedger, `{"after":"a b"}`, "after must be visible"},
		{MethodExportLedger, `{"after":"x","rescue":true}`, "rescue can be given with the first page only"},
		{MethodExportLedger, `{"rescue":1}`, "rescue must be true or false"},
		{MethodRescuePayments, `{"requestId":"r"}`, "payments must be 1 to 2"},
		{MethodRescuePayments, `{"requestId":"r","payments":[{},{},{}]}`, "payments must be 1 to 2"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + rescuable("tmr_2", "1") + `,{"readerId":"tmr_1"}]}`, "payments[1].localId is missing"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + rescuable("", "1") + `]}`, "payments[0].readerId is missing"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + rescuable("tmr_2", "0") + `]}`, "payments[0].storedAtMs must be"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + strings.Replace(rescuable("tmr_2", "1"), "AAAA", "", 1) + `]}`, "payments[0].signature must be 64 bytes"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + strings.Replace(rescuable("tmr_2", "1"), `"ZW4="`, `""`, 1) + `]}`, "payments[0].entry must be 1 to"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + strings.Replace(rescuable("tmr_2", "1"), `"ZQ=="`, `"`+strings.Repeat("AAAA", MaxEnvelope/3+1)+`"`, 1) + `]}`, "payments[0].envelope must be 1 to"},
		{MethodRescuePayments, `{"requestId":"r","payments":[` + rescuable("tmr_2", "1") + `,` + rescuable("tmr_2", "2") + `]}`, "payments must not name a payment twice"},
		{MethodRescuePayments, `{"payments":[` + rescuable("tmr_2", "1") + `]}`, "requestId is missing"},
		{MethodSetSimulatorConfiguration, `{}`, "requestId is missing"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","availableReaderUpdate":"soon"}`, "availableReaderUpdate must be one of available, none, required"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","availableReaderUpdate":""}`, "availableReaderUpdate must be one of"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedTipAmount":-1}`, "simulatedTipAmount must be from 0"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedTipAmount":100000000}`, "simulatedTipAmount must be from 0"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedTipAmount":"1"}`, "simulatedTipAmount must be a whole number"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedOfflineMode":{"sdk":1}}`, "simulatedOfflineMode.sdk must be a string"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedOfflineMode":{"sdk":"off"}}`, "simulatedOfflineMode.sdk must be one of disabled"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedOfflineMode":{"reader":"off"}}`, "simulatedOfflineMode.reader must be one of"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedCard":{"testCardNumber":"4242 4242"}}`, "testCardNumber must be 12 to 19 digits"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedCard":{"testCardNumber":"4242424242424242","testPaymentMethod":"visa"}}`, "not both"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedCard":{"testPaymentMethod":"a b"}}`, "simulatedCard.testPaymentMethod must be visible"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedCollectInputsResult":{}}`, "simulatedCollectInputsResult.result must be one of succeeded, timeout"},
		{MethodSetSimulatorConfiguration, `{"requestId":"r","simulatedCollectInputsResult":{"result":"timeout","skip":"some"}}`, "simulatedCollectInputsResult.skip must be one of none, all"},
		{MethodAcknowledgeEvents, `{"seq":-5}`, "seq must be a whole number from 0 on"},
		{MethodAcknowledgeEvents, `{"seq":18446744073709551616}`, "seq must be a whole number from 0 on"},
	} {
		err := DecodeParams([]byte(test.params), NewParams(test.method))
		e, ok := AsError(err)
		if !ok || e.Code != CodeInvalidRequiredParameter || !strings.Contains(e.Message, test.want) || e.Remedy == "" || strings.Contains(e.Message, "SimulatorConfiguration") {
			t.Errorf("%s %s: %v, want %q", test.method, test.params, err, test.want)
		}
	}
}

// rescuable is one payment of another reader, as JSON.
func rescuable(reader, storedAtMs string) string {
	return `{"readerId":"` + reader + `","localId":"pl_1","naturalKey":"nk","storedAtMs":` + storedAtMs + `,"envelope":"ZQ==","entry":"ZW4=","signature":"` + strings.Repeat("A", 86) + `=="}`
}

func TestInputsAreChecked(t *testing.T) {
	inputs := func(members string) string { return `{"requestId":"r","inputs":[` + members + `]}` }
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, test := range []struct{ params, want string }{
		{inputs(``), "inputs must be 1 to 5"},
		{inputs(strings.Repeat(`{},`, 5) + `{}`), "inputs must be 1 to 5"},
		{inputs(`{"type":"text","title":"t"},{"title":"t"}`), "inputs[1].type must be one of email"},
		{inputs(`{"type":"text"}`), "inputs[0].title is missing"},
		{inputs(`{"type":"text","title":"` + long(41) + `"}`), "inputs[0].title must be at most 40"},
		{inputs(`{"type":"text","title":"t","description":"` + long(501) + `"}`), "inputs[0].description must be at most 500"},
		{inputs(`{"type":"text","title":"t","skipButton":"` + long(15) + `"}`), "inputs[0].skipButton must be at most 14"},
		{inputs(`{"type":"text","title":"t","submitButton":"` + long(31) + `"}`), "inputs[0].submitButton must be at most 30"},
		{inputs(`{"type":"text","title":"t","choices":[{"id":"a","text":"A"}]}`), "inputs[0].choices belong to a selection"},
		{inputs(`{"type":"selection","title":"t"}`), "inputs[0].choices must be 1 to 4"},
		{inputs(`{"type":"selection","title":"t","choices":[{},{},{},{},{}]}`), "inputs[0].choices must be 1 to 4"},
		{inputs(`{"type":"selection","title":"t","choices":[{"text":"A"}]}`), "inputs[0].choices[0].id is missing"},
		{inputs(`{"type":"selection","title":"t","choices":[{"id":"a"}]}`), "inputs[0].choices[0].text is missing"},
		{inputs(`{"type":"selection","title":"t","choices":[{"id":"a","text":"` + long(31) + `"}]}`), "inputs[0].choices[0].text must be at most 30"},
		{inputs(`{"type":"selection","title":"t","choices":[{"id":"` + long(51) + `","text":"A"}]}`), "inputs[0].choices[0].id must be at most 50"},
		{inputs(`{"type":"selection","title":"t","choices":[{"id":"a","text":"A","style":"big"}]}`), "inputs[0].choices[0].style must be primary or secondary"},
		{inputs(`{"type":"selection","title":"t","choices":[{"id":"a","text":"A"},{"id":"a","text":"B"}]}`), "inputs[0].choices[1].id is used twice"},
		{inputs(`{"type":"text","title":"t","toggles":[{},{},{}]}`), "inputs[0].toggles must be at most 2"},
		{inputs(`{"type":"text","title":"t","toggles":[{"title":"x"}]}`), "inputs[0].toggles[0].defaultValue must be enabled or disabled"},
		{inputs(`{"type":"text","title":"t","toggles":[{"defaultValue":"enabled"}]}`), "inputs[0].toggles[0].title or description"},
		{inputs(`{"type":"text","title":"t","toggles":[{"defaultValue":"enabled","title":"` + long(51) + `"}]}`), "inputs[0].toggles[0].title must be at most 50"},
	} {
		err := DecodeParams([]byte(test.params), NewParams(MethodCollectInputs))
		e, ok := AsError(err)
		if !ok || e.Code != CodeInputsInvalidParameter || e.NativeErrorCode != 1997 || !strings.Contains(e.Message, test.want) || e.Remedy == "" {
			t.Errorf("%.120s: %v, want %q", test.params, err, test.want)
		}
	}
	good := `{"requestId":"r","inputs":[{"type":"selection","title":"` + long(40) + `","choices":[{"id":"a","text":"A","style":"primary"}],"toggles":[{"title":"x","defaultValue":"disabled"}]},{"type":"signature","title":"Sign","required":true}]}`
	if err := DecodeParams([]byte(good), NewParams(MethodCollectInputs)); err != nil {
		t.Error(err)
	}
	if e, ok := AsError(DecodeParams([]byte(`{"inputs":[{"type":"text","title":"t"}]}`), NewParams(MethodCollectInputs))); !ok || e.Code != CodeInvalidRequiredParameter {
		t.Errorf("without requestId: %v", e)
	}
}

func TestTipOptionsAreChecked(t *testing.T) {
	collect := func(options string) error {
		return DecodeParams([]byte(`{"requestId":"r","paymentIntent":{"localId":"p"},"options":`+options+`}`), NewParams(MethodCollectPaymentMethod))
	}
	if e, ok := AsError(collect(`{"skipTipping":true,"tipEligibleAmount":5}`)); !ok || e.Code != CodeInvalidTipParameter || e.NativeErrorCode != 1950 {
		t.Errorf("contradiction: %v", e)
	}
	for _, good := range []string{`{"skipTipping":true}`, `{"tipEligibleAmount":5}`, `{"skipTipping":true,"tipEligibleAmount":0}`} {
		if err := collect(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// What the reader asks a POS and what the POS answers are checked too.
func TestFetchConnectionToken(t *testing.T) {
	for reason, ok := range map[string]bool{TokenForConnect: true, TokenForForwarding: true, "": false, "fun": false} {
		if err := (&FetchConnectionTokenParams{Reason: reason}).Validate(); (err == nil) != ok {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	for token, ok := range map[string]bool{"pst_1": true, strings.Repeat("x", maxToken): true, "": false, strings.Repeat("x", maxToken+1): false, "a\nb": false, "é": false} {
		if err := (&FetchConnectionTokenResult{ConnectionToken: token}).Validate(); (err == nil) != ok {
			t.Errorf("token %.20q: %v", token, err)
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
	f.Add(MethodRescuePayments, []byte(`{"requestId":"r","payments":[`+rescuable("tmr_2", "1")+`]}`))
	f.Add(MethodExportLedger, []byte(`{"after":"7"}`))
	f.Add(MethodForwardNow, []byte(`{"requestId":"r","paymentIntent":{"id":"pi_1"}}`))
	f.Add(MethodExplainOfflinePolicy, []byte(`{"amount":1,"currency":"usd","brand":"visa","readMethod":"contact_emv","cvm":"none","offlineLimits":{"maxAmount":5,"maxAgeMs":1}}`))
	f.Add(MethodCollectInputs, []byte(`{"requestId":"r","inputs":[{"type":"selection","title":"t","choices":[{"id":"a","text":"A"}],"toggles":[{"title":"x","defaultValue":"enabled"}]}]}`))
	f.Add(MethodSetSimulatorConfiguration, []byte(`{"requestId":"r","availableReaderUpdate":"none","simulatedCard":{"testCardNumber":"4242424242424242"},"simulatedTipAmount":0,"offlineEnabled":false,"simulatedCollectInputsResult":{"result":"timeout"},"simulatedOfflineMode":{"sdk":"","reader":"offlineTimeout"}}`))
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
