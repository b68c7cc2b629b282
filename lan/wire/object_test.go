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
