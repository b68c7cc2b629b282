package reader_test

import (
	"path/filepath"
	"strings"
	"testing"

	"smartreader/lan/client"
	"smartreader/lan/wire"
	"smartreader/store/disktest"
)

// A disk that turns read-only stops payments, and the reader says so: its status
// answers, to POS that connect only now as well. That nothing told is lost then
// is shown by TestRealDiskTurnsReadOnly in store.
func TestReaderWhoseDiskFailsStillAnswers(t *testing.T) {
	if !disktest.OwnMounts(t) {
		return
	}
	_, mount := disktest.Disk(t, 256)
	s := openShop(t)
	s.dir = filepath.Join(mount, "reader")
	s.must(s.open())
	credential := s.connect().Credential
	s.cut()
	s.pay(1900, wire.PreferOnline, "visa")

	disktest.Break(t, mount)
	_, err := s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 100, Currency: "usd"})
	if err == nil {
		t.Fatal("a payment was taken on a broken disk")
	}
	pos := s.dial() // the other connection ends with its first event that cannot be acknowledged
	defer pos.Close()
	if _, err := pos.Connect(t.Context(), client.ConnectOptions{Credential: credential}); err != nil {
		t.Fatalf("a POS that comes now: %v", err)
	}
	_, err = pos.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 100, Currency: "usd"})
	if e, ok := wire.AsError(err); !ok || e.Code != wire.CodeGenericReaderError || !strings.Contains(e.Message, "disk failed") || e.Remedy == "" {
		t.Errorf("a payment on a broken disk: %v", err)
	}
	status, err := pos.GetOfflineStatus(t.Context())
	if err != nil || status.Reader.OfflinePaymentsCount != 1 || status.Reader.OfflinePaymentAmountsByCurrency["usd"] != 1900 {
		t.Errorf("status %+v, %v", status.Reader, err)
	}
	described, err := pos.GetReader(t.Context())
	if err != nil || !strings.Contains(described.Refusing, "disk failed") {
		t.Errorf("reader %+v, %v", described, err)
	}
}
