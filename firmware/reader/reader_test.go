package reader_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smartreader/build/sandbox"
	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/reader"
	"smartreader/hal"
	"smartreader/lan/client"
	"smartreader/lan/wire"
	"smartreader/store"
)

func TestPaymentThroughAnOutage(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	if c := s.connect(); c.Connection != wire.ConnectedOnline || c.Reader.Location == nil || c.Credential == nil {
		t.Errorf("connected as %+v", c)
	}
	online := s.pay(1250, wire.PreferOnline, "visa")
	if online.ID == nil || online.OfflineDetails != nil || online.Status != wire.StatusSucceeded || len(online.Charges) != 1 || online.PaymentMethod == nil {
		t.Errorf("online: %+v", online)
	}
	s.must(s.platform.SetUnreachable(true))
	s.await(func(e wire.Event) bool {
		return e.OfflineStatus != nil && e.OfflineStatus.Reader.NetworkStatus == wire.NetworkOffline
	})
	stored := s.pay(2000, wire.PreferOnline, "mastercard")
	d := stored.OfflineDetails
	switch {
	case stored.ID != nil, stored.ClientSecret != "", stored.PaymentMethod != nil, len(stored.Charges) != 0:
		t.Errorf("a stored payment has what only the platform can give: %+v", stored)
	case d == nil || !d.RequiresUpload || d.State != wire.OfflineStored || d.Sequence != 2 || d.ReceiptProof == nil:
		t.Errorf("offline details: %+v", d)
	case d.CardPresentDetails.Last4 != "4444" || d.CardPresentDetails.Brand != "mastercard" || d.CardPresentDetails.ReceiptDetails.AuthorizationResponseCode != "":
		t.Errorf("card: %+v", d.CardPresentDetails)
	}
	if stuck := s.await(func(e wire.Event) bool { return e.Type == wire.EventForwardingFailure }); stuck.Error == nil || stuck.Error.Remedy == "" || stuck.Seq == 0 {
		t.Errorf("forwardingFailure: %+v", stuck)
	}
	s.must(s.platform.SetUnreachable(false))
	told := s.await(func(e wire.Event) bool { return e.Type == wire.EventPaymentIntentForwarded })
	if pi := told.PaymentIntent; pi.LocalID != stored.LocalID || pi.ID == nil || pi.OfflineDetails.RequiresUpload || told.Error != nil {
		t.Errorf("told %+v", told)
	}
	if totals := s.platform.Totals(); totals.Approved.Count != 2 || totals.Deferred.ByCurrency["usd"] != 2000 || totals.Duplicates != 0 {
		t.Errorf("the platform has %+v", totals)
	}
}

// One truth for a decline after forwarding, the same in the event and when asked.
func TestDeclineAfterForwardingIsOneTruth(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	stored := s.pay(2000, wire.ForceOffline, "declined-stolen-card")
	told := s.await(func(e wire.Event) bool { return e.Type == wire.EventPaymentIntentForwarded })
	if told.Error == nil || told.Error.DeclineCode != "stolen_card" || told.PaymentIntent.Status != wire.StatusRequiresPaymentMethod {
		t.Errorf("told %+v", told)
	}
	asked, err := s.conn.RetrievePaymentIntent(t.Context(), wire.RetrievePaymentIntentParams{LocalID: stored.LocalID})
	s.must(err)
	if asked.Status != told.PaymentIntent.Status || asked.OfflineDetails.State != wire.OfflineDeclined || asked.LastPaymentError.DeclineCode != "stolen_card" {
		t.Errorf("asked: %+v", asked)
	}
}

// Invariant 2: a repeated request gives the first outcome, also after a restart.
func TestRepeatedRequestGetsTheFirstOutcome(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	create := wire.CreatePaymentIntentParams{RequestID: "r-create", Amount: 700, Currency: "usd", OfflineBehavior: wire.ForceOffline}
	first, err := s.conn.CreatePaymentIntent(t.Context(), create)
	s.must(err)
	process := wire.ProcessPaymentIntentParams{RequestID: "r-process", PaymentIntent: wire.IntentRef{LocalID: first.LocalID}}
	s.must(s.platform.SetUnreachable(true))
	s.insert("visa")
	_, err = s.conn.ProcessPaymentIntent(t.Context(), process)
	s.must(err)
	s.take()
	again := func(when string) {
		t.Helper()
		second, err := s.conn.CreatePaymentIntent(t.Context(), create)
		if err != nil || second.LocalID != first.LocalID {
			t.Errorf("%s: create gave %v, %v", when, second.LocalID, err)
		}
		paid, err := s.conn.ProcessPaymentIntent(t.Context(), process)
		if err != nil || paid.OfflineDetails == nil || paid.OfflineDetails.Sequence != 1 {
			t.Errorf("%s: process gave %+v, %v", when, paid, err)
		}
		other := create
		other.Amount = 800
		if _, err := s.conn.CreatePaymentIntent(t.Context(), other); !errors.Is(err, wire.CodeIdempotencyMismatch) {
			t.Errorf("%s: another body gave %v", when, err)
		}
	}
	again("at once")
	s.must(s.platform.SetUnreachable(false))
	s.await(func(e wire.Event) bool { return e.Type == wire.EventPaymentIntentForwarded })
	s.close()
	s.must(s.open())
	s.connect()
	again("after a restart")
	if totals := s.platform.Totals(); totals.Approved.Count != 1 {
		t.Errorf("charged %d times", totals.Approved.Count)
	}
}

// A refusal is an outcome too: it is remembered and not tried again.
func TestRepeatedRequestGetsTheFirstRefusal(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	pi := s.create(500, wire.PreferOnline)
	s.insert("declined-generic")
	process := wire.ProcessPaymentIntentParams{RequestID: "r1", PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}}
	for range 2 {
		_, err := s.conn.ProcessPaymentIntent(t.Context(), process)
		e, ok := wire.AsError(err)
		if !ok || e.Code != wire.CodeDeclined || e.DeclineCode != "generic_decline" || e.PaymentIntent == nil || e.NativeErrorCode != 6000 {
			t.Errorf("got %v", err)
		}
	}
	if n := s.platform.Totals().Declined.Count; n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestConnectRefusals(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	used := s.token()
	good := s.dial()
	defer good.Close()
	result, err := good.Connect(t.Context(), client.ConnectOptions{ConnectionToken: used})
	s.must(err)
	tampered := *result.Credential
	tampered.Payload = bytes.Replace(bytes.Clone(tampered.Payload), []byte("till-1"), []byte("till-9"), 1)
	for name, test := range map[string]struct {
		with client.ConnectOptions
		want wire.Code
	}{
		"token used twice":    {client.ConnectOptions{ConnectionToken: used}, wire.CodeConnectionTokenError},
		"invented token":      {client.ConnectOptions{ConnectionToken: "pst_nonsense"}, wire.CodeConnectionTokenError},
		"tampered credential": {client.ConnectOptions{Credential: &tampered}, wire.CodeMissingPrerequisite},
		"other location":      {client.ConnectOptions{Credential: result.Credential, LocationID: "tml_elsewhere"}, wire.CodeLocationNotAvailableOffline},
	} {
		conn := s.dial()
		_, err := conn.Connect(t.Context(), test.with)
		e, ok := wire.AsError(err)
		if !ok || e.Code != test.want || e.Remedy == "" {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		conn.Close()
	}
	s.posID = "till-2" // another POS with the first one's credential
	conn := s.dial()
	defer conn.Close()
	if _, err := conn.Connect(t.Context(), client.ConnectOptions{Credential: result.Credential}); !errors.Is(err, wire.CodeAuthenticationFailed) {
		t.Errorf("borrowed credential: got %v", err)
	}
	s.must(s.platform.SetUnreachable(true))
	if _, err := conn.Connect(t.Context(), client.ConnectOptions{ConnectionToken: "pst_any"}); !errors.Is(err, wire.CodeNotConnectedToInternet) {
		t.Errorf("token offline: got %v", err)
	}
}

// Invariant 3: no card number on disk, in logs, or on the LAN.
func TestNoCardNumberLeavesTheReader(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.pay(1250, wire.PreferOnline, "visa")
	s.payByTap(1300, wire.PreferOnline, "mastercard")
	s.must(s.platform.SetUnreachable(true))
	s.payByTap(1400, wire.ForceOffline, "visa")
	s.pay(2000, wire.ForceOffline, "mastercard")
	s.pay(2100, wire.ForceOffline, "amex")
	list, err := s.conn.ListStoredPayments(t.Context(), wire.ListStoredPaymentsParams{})
	s.must(err)
	s.note(list)
	s.close()

	sinks := map[string][]byte{"the log": s.log.Bytes(), "the LAN": bytes.Join(s.heard, nil)}
	s.must(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		sinks[path] = data
		return err
	}))
	total := 0
	for name, data := range sinks {
		total += len(data)
		for _, pan := range []string{"4242424242424242", "5555555555554444", "378282246310005"} {
			if leak := findNumber(data, pan); leak != "" {
				t.Errorf("%s holds card number %s…: %s", name, pan[:6], leak)
			}
		}
	}
	if len(sinks) < 6 || total < 10_000 || !bytes.Contains(sinks["the LAN"], []byte("4444")) {
		t.Errorf("searched only %d places with %d bytes: the scan itself is broken", len(sinks), total)
	}
	if findNumber([]byte{0x57, 0x12, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0xD2}, "4242424242424242") == "" {
		t.Error("the scan does not find a packed number")
	}
}

// findNumber looks for a card number as text, which hex text is too, and as
// packed digits.
func findNumber(data []byte, pan string) string {
	for form, pattern := range map[string][]byte{"text": []byte(pan), "packed": pack(pan)} {
		if bytes.Contains(data, pattern) {
			return form
		}
	}
	return ""
}

func pack(digits string) []byte {
	if len(digits)%2 == 1 {
		digits = digits[:len(digits)-1] // the half byte may be followed by F or D
	}
	var b []byte
	for i := 0; i < len(digits); i += 2 {
		b = append(b, (digits[i]-'0')<<4|(digits[i+1]-'0'))
	}
	return b
}

// Never an empty start in place of a broken one.
func TestCorruptDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.must(s.platform.SetUnreachable(true))
	s.pay(2000, wire.ForceOffline, "visa")
	s.close()
	s.must(s.open()) // once more, so that tables are written
	s.close()

	manifest := filepath.Join(s.ledger(), "db", "MANIFEST")
	if _, err := os.Stat(manifest); err != nil {
		manifest = findFile(t, s.ledger(), "MANIFEST")
	}
	s.must(os.Remove(manifest))
	before := files(t, s.ledger())
	err := s.open()
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), s.dir) {
		t.Errorf("got %v, want ErrCorrupt naming the folder", err)
	}
	for _, name := range before {
		if !slices.Contains(files(t, s.ledger()), name) {
			t.Errorf("%s was deleted", name)
		}
	}
}

func findFile(t *testing.T, dir, name string) (found string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			found = path
		}
		return err
	})
	if found == "" {
		t.Fatalf("no %s in %s", name, dir)
	}
	return found
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// Invariant 4: a database that lost its tail is noticed. New payments are
// refused with a reason, what is left is forwarded, and only the operator's
// word lets the reader go on.
func TestCutTailRefusesPaymentsAndForwardsTheRest(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.must(s.platform.SetUnreachable(true))
	s.pay(2000, wire.ForceOffline, "visa")
	s.close() // writes a table: the first payment is safe in it
	s.must(s.open())
	conn := s.dial()
	conn.Close()
	s.must(s.platform.SetUnreachable(false))
	s.connect()
	s.must(s.platform.SetUnreachable(true))
	before := snapshot(t, s.ledger())
	s.pay(3000, wire.ForceOffline, "mastercard")
	head := snapshot(t, s.ledger())
	s.close()
	restore(t, s.ledger(), before, head)
	s.must(s.platform.SetUnreachable(false))

	s.must(s.open())
	s.connect()
	_, err := s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: "r1", Amount: 100, Currency: "usd"})
	if e, ok := wire.AsError(err); !ok || e.Code != wire.CodeLedgerDamaged {
		t.Fatalf("got %v, want %s", err, wire.CodeLedgerDamaged)
	}
	told := s.await(func(e wire.Event) bool { return e.Type == wire.EventPaymentIntentForwarded })
	if told.PaymentIntent.Amount != 2000 {
		t.Errorf("forwarded %d", told.PaymentIntent.Amount)
	}
	s.close()

	s.must(s.open(func(o *reader.Options) { o.AcceptLoss = "till roll checked by hand" }))
	s.connect()
	s.pay(400, wire.PreferOnline, "visa")
	if gaps := s.platform.Gaps(s.id); len(gaps) != 1 {
		t.Errorf("the platform misses %v, want the lost sequence", gaps)
	}
}

// snapshot copies a folder's files.
func snapshot(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	copied := map[string][]byte{}
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		copied[name] = data
	}
	return copied
}

// restore puts the database back to an earlier moment, but keeps the head
// slots of a later one: what a lost log tail looks like.
func restore(t *testing.T, dir string, database, slots map[string][]byte) {
	t.Helper()
	for _, name := range files(t, dir) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range database {
		if strings.Contains(filepath.Base(name), "head") {
			data = slots[name]
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Invariant 7, in the whole shop: something else than the platform answers.
func TestWrongPlatformCertificateTakesNothingUnseen(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	first := s.connect()
	s.close()
	other, err := sandbox.New(sandbox.Options{Dir: t.TempDir(), Public: s.listen(), Device: s.listen()})
	s.must(err)
	defer other.Close()
	s.must(s.open(func(o *reader.Options) { o.PlatformCA = other.CAPEM() })) // what answers now is not what this CA knows
	s.conn = s.dial()
	_, err = s.conn.Connect(t.Context(), client.ConnectOptions{Credential: first.Credential})
	s.must(err)
	s.await(func(e wire.Event) bool {
		return e.OfflineStatus != nil && e.OfflineStatus.Reader.NetworkStatus == wire.NetworkOffline
	})
	pi := s.create(1000, wire.PreferOnline)
	s.insert("visa")
	if paid, err := s.process(pi); !errors.Is(err, wire.CodeCertificateError) {
		t.Errorf("prefer_online: %s, %v", paid.Status, err)
	}
	forced := s.create(1000, wire.ForceOffline)
	if _, err := s.process(forced); err != nil {
		t.Errorf("force_offline: %v", err)
	}
}

// A tampered reader loses its keys and stops. Its ledger stays on the disk,
// sealed as ever.
func TestTamperErasesKeysAndStops(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.must(s.platform.SetUnreachable(true))
	s.pay(2000, wire.ForceOffline, "visa")
	s.conn.Close()
	s.conn = nil
	s.board.Tamper.Trigger("case opened")
	if err := <-s.ended; err == nil || !strings.Contains(err.Error(), "case opened") {
		t.Errorf("ended with %v", err)
	}
	s.ended <- nil
	s.close()
	if err := s.open(); !errors.Is(err, hal.ErrErased) {
		t.Errorf("started again with %v, want ErrErased", err)
	}
	if s.board.Screen.Revision() != 1 {
		t.Error("nothing on the screen says that the reader is out of order")
	}
	if len(files(t, s.ledger())) == 0 {
		t.Error("the ledger is gone")
	}
}

// A reader that waits for the platform, perhaps for hours, has its key already.
func TestTamperCountsBeforeActivation(t *testing.T) {
	s := openShop(t)
	s.must(s.platform.SetUnreachable(true))
	if err := s.open(func(*reader.Options) { s.board.Tamper.Trigger("case opened") }); err == nil || !strings.Contains(err.Error(), "case opened") {
		t.Errorf("ended with %v", err)
	}
	if err := s.open(); !errors.Is(err, hal.ErrErased) {
		t.Errorf("started again with %v, want ErrErased", err)
	}
}

// A ledger is not continued with another key, and not begun anew.
func TestLostDeviceKeyIsAClearError(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.close()
	s.must(os.RemoveAll(filepath.Join(s.dir, "keys")))
	before := files(t, s.ledger())
	if err := s.open(); !errors.Is(err, hal.ErrNoKey) || !strings.Contains(err.Error(), "restore the key") {
		t.Errorf("got %v", err)
	}
	if after := files(t, s.ledger()); !slices.Equal(before, after) {
		t.Errorf("the ledger's files changed: %v", after)
	}
}

func TestCardholderCancelsWhereThePOSAllowsIt(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	asked := func(e wire.Event) bool { return e.PaymentStatus == wire.PaymentWaitingForInput }
	process := func(pi wire.PaymentIntent, may string) <-chan error {
		ended := make(chan error, 1)
		go func() {
			_, err := s.conn.ProcessPaymentIntent(t.Context(), wire.ProcessPaymentIntentParams{
				RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID},
				Options: wire.CollectOptions{CustomerCancellation: may},
			})
			ended <- err
		}()
		return ended
	}
	ended := process(s.create(500, wire.PreferOnline), wire.CancelIfAvailable)
	s.await(asked)
	s.keys <- hal.KeyEnter // means nothing here
	s.keys <- hal.KeyCancel
	if err := <-ended; !errors.Is(err, wire.CodeCanceled) || !strings.Contains(err.Error(), "cardholder") {
		t.Errorf("canceled: %v", err)
	}

	pi := s.create(600, wire.PreferOnline)
	s.mu.Lock()
	s.events = nil
	s.mu.Unlock()
	ended = process(pi, wire.CancelDisabled)
	s.await(asked)
	s.keys <- hal.KeyCancel
	s.keys <- hal.KeyEnter // taken up only when the cancel key was dealt with
	s.insert("visa")
	if err := <-ended; err != nil {
		t.Errorf("paid although the key was pressed: %v", err)
	}
	s.take()
}

// A configuration that the reader cannot use changes nothing, and POS and their operators are told which
// entry it is; until there is a better one.
func TestUnusableConfigurationIsTold(t *testing.T) {
	terminal := emvtest.TerminalConfig()
	terminal.Terminal.Capabilities[1] = 0x08 // no PIN of any kind, which bypass is for
	s := openShop(t, func(o *sandbox.Options) { o.Terminal = &terminal })
	s.must(s.open())
	s.connect()
	bypass, none := true, false
	s.set(sandbox.Settings{PINBypass: &bypass})
	told := s.connect().Reader.Warnings
	if len(told) != 1 || !strings.Contains(told[0], "not in force") || !strings.Contains(told[0], "application 0") || !strings.Contains(told[0], "PIN bypass") {
		t.Errorf("told %q", told)
	}
	if paid := s.pay(1200, wire.PreferOnline, "visa"); paid.Status != wire.StatusSucceeded {
		t.Errorf("the configuration before is in force: %+v", paid)
	}
	for _, bad := range []bool{false, true, false} { // the last one is in force already
		s.set(sandbox.Settings{PINBypass: map[bool]*bool{false: &none, true: &bypass}[bad]})
		if told := s.connect().Reader.Warnings; len(told) > 0 != bad {
			t.Errorf("bad %v, and told %q", bad, told)
		}
	}
}
