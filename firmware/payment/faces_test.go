package payment

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
	"time"
)

// facesOf is what the cardholder sees of each refusal that comes after the card
// was asked for. Invariant 10: what only an outage causes looks like what also
// happens without one.
var facesOf = map[Code]FaceKind{
	// Nothing was paid, and nothing is wrong.
	Canceled: FaceCanceled, CardReadTimedOut: FaceCanceled, ConfirmInvalid: FaceCanceled,
	// Another way of presenting the card may do.
	CardInsertNotRead: FaceTryAgain, CardRemoved: FaceTryAgain, CardSwipeNotAvailable: FaceTryAgain, MissingEMVData: FaceTryAgain,
	// This card does not do, whoever says so and why.
	DeclinedByPlatform: FaceDeclined, DeclinedByReader: FaceDeclined, OfflineDeclined: FaceDeclined,
	CardNotSupported: FaceNotAccepted, TestCardInLivemode: FaceNotAccepted,
	OfflineCardExpired: FaceNotAccepted, OnlinePINNotOffline: FaceNotAccepted, InteracNotOffline: FaceNotAccepted,
	// This payment does not do now.
	AmountExceedsMaxOffline: FaceNotAccepted, InvalidOfflineCurrency: FaceNotAccepted, DatabaseTooLarge: FaceNotAccepted,
	RequireOnlineNotConnected: FaceNotAccepted, OfflineMismatch: FaceNotAccepted, NotConnectedToInternet: FaceNotAccepted,
	ForceOfflineDisabled: FaceNotAccepted, TestmodePaymentInLivemode: FaceNotAccepted, LivemodePaymentInTestmode: FaceNotAccepted,
	// The shop has to do something.
	CertificateError: FaceError, GenericReaderError: FaceError, PlatformError: FaceError, OfflineKeysUnavailable: FaceError,
	LedgerDamaged: FaceError, InvalidParameter: FaceError,
}

// neverFaced are refused before a card is asked for, and leave the screen alone.
var neverFaced = []Code{AlreadyCompleted, CardLeftInReader, IdempotencyMismatch, Interrupted, IntentNotFound, ReaderBusy, UnexpectedOperation}

func TestEveryRefusalHasItsFace(t *testing.T) {
	for code, want := range facesOf {
		if got := faceOf(&Error{Code: code}); got != want {
			t.Errorf("%s shows %d, want %d", code, got, want)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[Code]bool{}
	for code := range facesOf {
		known[code] = true
	}
	for _, code := range neverFaced {
		known[code] = true
	}
	count := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Code" {
			return true
		}
		code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if count++; !known[Code(code)] {
			t.Errorf("nobody has decided what the cardholder sees of %s", code)
		}
		return true
	})
	if count != len(known) {
		t.Errorf("error.go has %d codes, %d are decided", count, len(known))
	}
}

// The contract's times.
func TestShippedTimes(t *testing.T) {
	o := New(Options{}).opt
	for name, test := range map[string]struct{ got, want time.Duration }{
		"confirm after collect": {o.ConfirmTimeout, 30 * time.Second},
		"card":                  {o.CardTimeout, 2 * time.Minute},
		"PIN":                   {o.PINTimeout, 90 * time.Second},
		"issuer":                {o.AuthorizeTimeout, 15 * time.Second},
		"velocity window":       {Limit{}.window(), 24 * time.Hour},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
}
