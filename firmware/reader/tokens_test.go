package reader

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"smartreader/firmware/platform"
	"smartreader/lan/wire"
)

// A9: only what is the POS's own fault is told as such; the platform being away,
// busy, or at odds with the reader is not.
func TestRedeemFailuresNameWhoseFaultItIs(t *testing.T) {
	for _, test := range []struct {
		err    error
		code   wire.Code
		native int
	}{
		{&platform.Error{Status: http.StatusBadRequest, Code: platform.CodeTokenInvalid}, wire.CodeTokenErrorForwarding, 9051},
		{&platform.Error{Status: http.StatusBadRequest, Code: platform.CodeTokenLocation}, wire.CodeTokenErrorForwarding, 9051},
		{&platform.Error{Status: http.StatusConflict, Code: platform.CodeAccountMismatch}, wire.CodeAccountMismatchForwarding, 1930},
		{&platform.Error{Status: http.StatusTooManyRequests}, "", 0},
		{&platform.Error{Status: http.StatusUnauthorized}, "", 0},
		{&platform.Unreachable{Kind: platform.KindServer, Sent: true, Err: errors.New("503")}, "", 0},
	} {
		told, ok := wire.AsError(redeemFailure(test.err))
		if ok != (test.code != "") || ok && (told.Code != test.code || told.NativeErrorCode != test.native || told.Remedy == "") {
			t.Errorf("%v: told %+v", test.err, told)
		}
	}
}

// A11: a credential is due when half of its own time, or of the session's, is over.
func TestCredentialIsDueAtHalfItsTime(t *testing.T) {
	issued := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &platform.POSCredential{IssuedAtMs: issued.UnixMilli(), ExpiresAtMs: issued.AddDate(0, 0, 30).UnixMilli()}
	const day = 24 * time.Hour
	for _, test := range []struct {
		session, age time.Duration
		want         bool
	}{
		{0, 15 * day, false}, {0, 15*day + 1*time.Second, true},
		{day, 12 * time.Hour, false}, {day, 13 * time.Hour, true},
		{90 * day, 15 * day, false}, {90 * day, 16 * day, true},
		{0, -day, false}, // issued by a clock that is ahead of this one
	} {
		if got := due(c, test.session, issued.Add(test.age)); got != test.want {
			t.Errorf("session %v, %v old: %v", test.session, test.age, got)
		}
	}
}
