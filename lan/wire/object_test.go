package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Absent is absent and null is null: POS code tells the phases of a payment by it.
func TestPhaseRules(t *testing.T) {
	created, err := json.Marshal(PaymentIntent{LocalID: "pl_1", Status: StatusRequiresPaymentMethod, Amount: 5, Currency: "usd"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id":null`, `"offlineDetails":null`, `"charges":[]`} {
		if !strings.Contains(string(created), want) {
			t.Errorf("%s lacks %s", created, want)
		}
	}
	stored, err := json.Marshal(PaymentIntent{LocalID: "pl_1", Status: StatusSucceeded, OfflineDetails: &OfflineDetails{
		State: OfflineStored, RequiresUpload: true, Sequence: 3,
		CardPresentDetails: &CardPresentDetails{Brand: "visa", ReceiptDetails: &ReceiptDetails{DedicatedFileName: "A0"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"paymentMethod", "clientSecret", "accountType", "authorizationCode", "authorizationResponseCode", "cardholderName"} {
		if strings.Contains(string(stored), never) {
			t.Errorf("%s has %s before authorization", stored, never)
		}
	}
	if status, _ := json.Marshal(OfflineStatus{}); string(status) != `{"sdk":{"networkStatus":"","offlinePaymentsCount":0,"offlinePaymentAmountsByCurrency":{}},"reader":null}` {
		t.Errorf("%s", status)
	}
}

func TestErrors(t *testing.T) {
	for code, native := range Codes() {
		e := NewError(code, "")
		if e.Message == "" || e.Remedy == "" || e.NativeErrorCode != native {
			t.Errorf("%s: %+v", code, e)
		}
		switch e.Retry {
		case RetrySame, RetryCollectAgain, RetryNever:
		default:
			t.Errorf("%s: retry %q", code, e.Retry)
		}
	}
	base := NewError(CodeReaderBusy, "")
	changed := base.WithNative(1).WithRemedy("r").WithRetry(RetryNever).WithPaymentIntent(PaymentIntent{})
	if base.NativeErrorCode != 3010 || base.PaymentIntent != nil || changed.Remedy != "r" {
		t.Error("With changed the original")
	}
	wrapped := fmt.Errorf("hub: %w", changed)
	if !errors.Is(wrapped, CodeReaderBusy) || errors.Is(wrapped, CodeCanceled) {
		t.Error("errors.Is by code")
	}
}

// Lists that are empty are [] on the wire: null would break a POS that counts.
func TestEmptyListsAreArrays(t *testing.T) {
	for _, test := range []struct {
		v    any
		want string
	}{
		{ExplainOfflinePolicyResult{}, `{"allowed":false,"rules":[]}`},
		{ExportLedgerResult{}, `{"lines":[]}`},
		{RescuePaymentsResult{}, `{"payments":[]}`},
		{CollectInputsResult{}, `{"results":[]}`},
		{CollectInputsResult{Results: []InputResult{{Type: InputText, Skipped: true}}}, `{"results":[{"type":"text","skipped":true}]}`},
		{SimulatorConfiguration{}, `{}`},
	} {
		if got, err := json.Marshal(test.v); err != nil || string(got) != test.want {
			t.Errorf("%T: %s, %v", test.v, got, err)
		}
	}
}

// The numbers POS code ported from the SDKs compares with.
func TestCodesHaveTheSDKsNumbers(t *testing.T) {
	public := map[Code]int{
		"NOT_CONNECTED_TO_READER": 1100, "ALREADY_CONNECTED_TO_READER": 1110, "INVALID_REQUIRED_PARAMETER": 1920,
		"INVALID_CLIENT_SECRET": 1560, "UNSUPPORTED_OPERATION": 1890, "UNEXPECTED_OPERATION": 5008,
		"CONFIRM_INVALID_PAYMENT_INTENT": 1530, "CONNECTION_TOKEN_PROVIDER_ERROR": 1510,
		"CONNECTION_TOKEN_PROVIDER_ERROR_WHILE_FORWARDING": 9051, "ACCOUNT_ID_MISMATCH_WHILE_FORWARDING": 1930,
		"OFFLINE_TESTMODE_PAYMENT_IN_LIVEMODE": 1937, "OFFLINE_LIVEMODE_PAYMENT_IN_TESTMODE": 1938,
		"INVALID_TIP_PARAMETER": 1950, "COLLECT_INPUTS_INVALID_PARAMETER": 1997, "COLLECT_INPUTS_UNSUPPORTED": 1998,
		"CANCELED": 2020, "READER_SOFTWARE_UPDATE_FAILED_BATTERY_LOW": 2650, "READER_SOFTWARE_UPDATE_FAILED_INTERRUPTED": 2660,
		"CARD_INSERT_NOT_READ": 2810, "CARD_SWIPE_NOT_READ": 2820, "CARD_READ_TIMED_OUT": 2830, "CARD_REMOVED": 2840,
		"CARD_LEFT_IN_READER": 2850, "OFFLINE_PAYMENTS_DATABASE_TOO_LARGE": 2860, "READER_CONNECTION_NOT_AVAILABLE_OFFLINE": 2870,
		"LOCATION_CONNECTION_NOT_AVAILABLE_OFFLINE": 2871, "UNSUPPORTED_READER_VERSION": 2872, "MISSING_PREREQUISITE": 2873,
		"NO_LAST_SEEN_ACCOUNT": 2880, "AMOUNT_EXCEEDS_MAX_OFFLINE_AMOUNT": 2890, "INVALID_OFFLINE_CURRENCY": 2891,
		"MISSING_EMV_DATA": 2892, "COLLECT_INPUTS_TIMED_OUT": 2971, "OFFLINE_ENCRYPTION_KEYS_UNAVAILABLE": 2973,
		"READER_BUSY": 3010, "READER_COMMUNICATION_ERROR": 3060, "READER_COMMUNICATION_SSL_ERROR": 3060,
		"READER_SOFTWARE_UPDATE_FAILED": 3800, "READER_SOFTWARE_UPDATE_FAILED_READER_ERROR": 3830,
		"READER_SOFTWARE_UPDATE_FAILED_SERVER_ERROR": 3840, "READER_CONNECTED_TO_ANOTHER_DEVICE": 3880,
		"READER_MISSING_ENCRYPTION_KEYS": 3980, "READER_TAMPERED": 4100, "GENERIC_READER_ERROR": 5001,
		"COLLECT_INPUTS_APPLICATION_ERROR": 5004, "DECLINED_BY_STRIPE_API": 6000, "DECLINED_BY_READER": 6500,
		"CARD_NOT_SUPPORTED": 6510, "CARD_SWIPE_NOT_AVAILABLE": 6900, "INTERAC_NOT_SUPPORTED_OFFLINE": 6901,
		"OFFLINE_AND_CARD_EXPIRED": 6902, "OFFLINE_TRANSACTION_DECLINED": 6903, "OFFLINE_COLLECT_AND_CONFIRM_MISMATCH": 6904,
		"ONLINE_PIN_NOT_SUPPORTED_OFFLINE": 6905, "TEST_CARD_IN_LIVEMODE": 6906, "STRIPE_API_CONNECTION_ERROR": 9000,
		"REQUEST_TIMED_OUT": 9010, "STRIPE_API_ERROR": 9020, "STRIPE_API_RESPONSE_DECODING_ERROR": 9030, "SESSION_EXPIRED": 9060,
		"NOT_CONNECTED_TO_INTERNET_AND_REQUIRE_ONLINE_SET": 10106, "FORCE_OFFLINE_WITH_FEATURE_DISABLED": 10107,
		// Without a number in the SDKs.
		"OFFLINE_PAYMENT_INTENT_NOT_FOUND": 0,
	}
	ours := map[Code]bool{
		"IDEMPOTENCY_MISMATCH": true, "INTERRUPTED": true, "INVALID_MESSAGE": true, "MESSAGE_TOO_LARGE": true, "UNKNOWN_METHOD": true,
		"TOO_MANY_REQUESTS": true, "AUTHENTICATION_FAILED": true, "LEDGER_DAMAGED": true, "CLOCK_NOT_SET": true,
	}
	codes := Codes()
	for code, number := range public {
		if got, ok := codes[code]; !ok || got != number {
			t.Errorf("%s: %d, %t, want %d", code, got, ok, number)
		}
	}
	for code, number := range codes {
		if _, known := public[code]; !known && (!ours[code] || number != 0) {
			t.Errorf("%s (%d) is neither the SDKs' nor ours", code, number)
		}
	}
}
