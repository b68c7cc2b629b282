package sandbox

import (
	"context"
	"encoding/hex"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

// Every application of the terminal can be tapped: with its payment system's kernel,
// or to be told that the card is to be inserted.
func TestContactlessReachesTheReader(t *testing.T) {
	p := openShop(t)
	c := configOf(t, p)
	if len(c.Contactless) != len(c.Applications) {
		t.Fatalf("%d applications by tap, %d by contact", len(c.Contactless), len(c.Applications))
	}
	seen := map[string]int{}
	for i, got := range c.Contactless {
		a := c.Applications[i]
		want := platform.Contactless{AID: a.AID, Brand: a.Brand, Kernel: platform.KernelInsert}
		floor, cvm := int64(0), int64(5000)
		limits := []platform.ContactlessLimits{{Currency: "usd", Floor: &floor, CVMRequired: &cvm}}
		switch a.Brand {
		case "visa":
			want.Kernel, want.Limits, want.TTQ = platform.KernelC3, limits, "37004000"
		case "mastercard":
			want.Kernel, want.Limits, want.Version = platform.KernelC2, limits, "0002"
			want.TACDenial, want.TACOnline, want.TACDefault = "0000000000", "F45084800C", "F45084800C"
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v\nnot\n%+v", got, want)
		}
		seen[got.Kernel]++
	}
	if seen[platform.KernelC2] == 0 || seen[platform.KernelC3] == 0 || seen[platform.KernelInsert] == 0 {
		t.Errorf("kernels: %v", seen)
	}
	if c.Offline.ContactlessSCA || c.Offline.ContactlessUnauthenticated {
		t.Error("more may be stored than has to")
	}
}

func TestContactlessSettings(t *testing.T) {
	p := openShop(t)
	put := func(body string) []platform.Contactless {
		t.Helper()
		if status, answer := p.putSettings(body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", body, status, answer)
		}
		return configOf(t, p).Contactless
	}
	if list := put(`{"contactless":false}`); list != nil {
		t.Errorf("switched off: %+v", list)
	}
	currencies := func(list []platform.ContactlessLimits) (names []string) {
		for _, l := range list {
			names = append(names, l.Currency)
		}
		return names
	}
	for _, a := range put(`{"contactless":true,"limits":[{"currency":"eur"},{"currency":"usd","brand":"visa"},{"currency":"eur","cvm":"none"}]}`) {
		want := []string{"usd", "eur"} // the Location's, then those taken offline
		if a.Kernel == platform.KernelInsert {
			want = nil
		}
		if got := currencies(a.Limits); !slices.Equal(got, want) {
			t.Errorf("%s: limits for %v, want %v", a.AID, got, want)
		}
	}
	for _, a := range put(`{"contactlessLimits":[{"currency":"gbp","transaction":10001,"onDevice":50000,"floor":100,"cvmRequired":0}]}`) {
		if a.Kernel == platform.KernelInsert {
			continue
		}
		l := a.Limits[0]
		if len(a.Limits) != 1 || l.Currency != "gbp" || *l.Transaction != 10001 || *l.CVMRequired != 0 || *l.Floor != 100 || (l.OnDevice != nil) != (a.Kernel == platform.KernelC2) {
			t.Errorf("%s with %s: %+v", a.AID, a.Kernel, l)
		}
	}
}

// How who tapped was verified, and what was tapped, by what card and terminal said.
func TestTapsInWords(t *testing.T) {
	const visa, mastercard = "A0000000031010", "A0000000041010"
	for name, c := range map[string]struct {
		values              map[tlv.Tag]string
		pin, insert         bool
		cvm, wallet, expiry string
	}{
		"card":                       {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "0000", 0x57: "4761739001010010D2512201"}, cvm: "approval", expiry: "251"},
		"card, date apart":           {values: map[tlv.Tag]string{0x84: visa, 0x5F24: "301231", 0x57: "4761739001010010D2512201"}, cvm: "approval", expiry: "301"},
		"card with signature":        {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "4000"}, cvm: "signature"},
		"card with online PIN":       {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "8000"}, pin: true, cvm: "online_pin"},
		"card that got no PIN":       {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "8000"}, cvm: "approval"},
		"card that was asked later":  {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "0000"}, pin: true, cvm: "online_pin"},
		"phone":                      {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "0080", 0x9F6E: "23800000"}, cvm: onDevice, wallet: "unknown"},
		"phone without CVM":          {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "0000", 0x9F6E: "23800000"}, cvm: "approval", wallet: "unknown"},
		"card that says it is one":   {values: map[tlv.Tag]string{0x84: visa, 0x9F6E: "20700000"}, cvm: "approval"},
		"Apple Pay":                  {values: map[tlv.Tag]string{0x84: visa, 0x9F6C: "0080", 0x9F19: "040010030273"}, cvm: onDevice, wallet: "apple_pay"},
		"Google Pay":                 {values: map[tlv.Tag]string{0x84: mastercard, 0x9F34: "010002", 0x9F19: "050120834693"}, cvm: onDevice, wallet: "google_pay"},
		"Samsung Pay":                {values: map[tlv.Tag]string{0x84: visa, 0x9F19: "040010043095"}, cvm: "approval", wallet: "samsung_pay"},
		"another wallet":             {values: map[tlv.Tag]string{0x84: visa, 0x9F19: "040010069887"}, cvm: "approval", wallet: "unknown"},
		"half a token requestor":     {values: map[tlv.Tag]string{0x84: visa, 0x9F19: "0400100302"}, cvm: "approval"},
		"Mastercard, no CVM":         {values: map[tlv.Tag]string{0x84: mastercard, 0x9F34: "1F0302"}, cvm: "approval"},
		"Mastercard, signature":      {values: map[tlv.Tag]string{0x84: mastercard, 0x9F34: "5E0300"}, cvm: "signature"},
		"Mastercard, online PIN":     {values: map[tlv.Tag]string{0x84: mastercard, 0x9F34: "420300"}, cvm: "online_pin"},
		"Mastercard phone":           {values: map[tlv.Tag]string{0x84: mastercard, 0x9F6E: "0840000030310000"}, cvm: "approval", wallet: "unknown"},
		"Mastercard watch":           {values: map[tlv.Tag]string{0x84: mastercard, 0x9F6E: "0840000030330000"}, cvm: "approval"},
		"Mastercard without device":  {values: map[tlv.Tag]string{0x84: mastercard, 0x9F6E: "0840800030310000"}, cvm: "approval"},
		"Mastercard, cut":            {values: map[tlv.Tag]string{0x84: mastercard, 0x9F6E: "08400000"}, cvm: "approval"},
		"inserted, offline PIN":      {values: map[tlv.Tag]string{0x84: visa, 0x9F34: "010002", 0x9F19: "040010030273"}, insert: true, cvm: "offline_pin"},
		"inserted, CTQ of whatever":  {values: map[tlv.Tag]string{0x84: visa, 0x9F34: "1F0302", 0x9F6C: "0080"}, insert: true, cvm: "approval"},
		"inserted, but not verified": {values: map[tlv.Tag]string{0x84: visa}, insert: true},
	} {
		d := cardData{values: map[tlv.Tag][]byte{}, pin: c.pin}
		for tag, value := range c.values {
			d.values[tag], _ = hex.DecodeString(value)
		}
		h := seal.Header{ReadMethod: "contactless_emv"}
		if c.insert {
			h.ReadMethod = "contact_emv"
		}
		if got := d.verification(h); got != c.cvm {
			t.Errorf("%s: verified by %q, want %q", name, got, c.cvm)
		}
		if got := d.wallet(h); got != c.wallet {
			t.Errorf("%s: wallet %q, want %q", name, got, c.wallet)
		}
		if got := d.expiry(); c.expiry != "" && got[:3] != c.expiry {
			t.Errorf("%s: expires %s, want %s", name, got, c.expiry)
		}
	}
	if onReceipt(onDevice) != "approval" || onReceipt("online_pin") != "online_pin" {
		t.Error("a receipt has other words")
	}
}

// antenna has one card in its field.
type antenna struct{ chip *emvtest.TapCard }

func (a antenna) Activate(context.Context) (emvkernel.Transceiver, error) {
	a.chip.Reset()
	return a.chip, nil
}
func (antenna) WaitRemoval(context.Context) error { return nil }
func (antenna) Off() error                        { return nil }

// tap taps a test card for amount (minor units, usd) under a new sequence.
func (p *shop) tap(profile string, amount int64) *payment {
	p.t.Helper()
	params := emvkernel.Params{Amount: amount, Currency: 840, Exponent: 2, Time: time.Now()}
	transaction, err := entry.New(emvtest.Contactless(), params, entry.Environment{Field: antenna{p.card(profile).Contactless()}})
	if err != nil {
		p.t.Fatal(err)
	}
	outcome, err := transaction.Run(p.t.Context())
	if err != nil || outcome.Kind != tap.OnlineRequest {
		p.t.Fatalf("%s tapped for %d: %v, %s, %v", profile, amount, outcome.Kind, outcome.Reason, err)
	}
	p.sequence++
	y := p.submissionOf(outcome.Reading.ACData(), amount)
	y.header.ReadMethod = "contactless_emv"
	return y
}

// Taps are authorized and stored as inserted cards are, and the shop's backend sees
// how they were read.
func TestTapsArePaid(t *testing.T) {
	p := openShop(t)
	for _, profile := range []string{"visa", "mastercard"} {
		for name, send := range map[string]func(*payment) *platform.Verdict{"online": (*payment).authorize, "stored": (*payment).forward} {
			y := p.tap(profile, 1200)
			v := send(y)
			if v.Status != platform.StatusApproved {
				t.Fatalf("%s %s: %+v", profile, name, v)
			}
			c := p.must("GET", "/v1/charges/"+v.ChargeID, "")["payment_method_details"].(fields)["card_present"].(fields)
			if c["read_method"] != "contactless_emv" || c["brand"] != profile || c["wallet"] != nil || c["exp_year"].(float64) < 2026 ||
				c["receipt"].(fields)["cardholder_verification_method"] != "approval" || (c["offline"] != nil) != (name == "stored") {
				t.Errorf("%s %s: %v", profile, name, c)
			}
			if again := y.lookUp(); again.Status != platform.StatusApproved || again.ChargeID != v.ChargeID {
				t.Errorf("%s %s, asked again: %+v", profile, name, again)
			}
		}
	}
	if s := p.s.Status(); s.Totals.Duplicates != 0 || len(s.Gaps) != 0 {
		t.Errorf("%+v", s)
	}
}

// What a tap lacked, and what was tapped, is at the charge.
func TestTapsAtThePlatform(t *testing.T) {
	p := openShop(t)
	card := func(v *platform.Verdict) fields {
		t.Helper()
		if v.Status != platform.StatusApproved {
			t.Fatalf("%+v", v)
		}
		return p.must("GET", "/v1/charges/"+v.ChargeID, "")["payment_method_details"].(fields)["card_present"].(fields)
	}
	y := p.tap("visa", 1100)
	y.header.CardUnauthenticated = true
	if offline := card(y.forward())["offline"].(fields); offline["card_unauthenticated"] != true || offline["type"] != "deferred" {
		t.Errorf("stored without proof: %v", offline)
	}
	if offline := card(p.tap("visa", 1200).forward())["offline"].(fields); offline["card_unauthenticated"] != nil {
		t.Errorf("stored with proof: %v", offline)
	}
	y = p.tap("visa", 1300)
	y.header.CardUnauthenticated = true
	if c := card(y.authorize()); c["offline"] != nil {
		t.Errorf("authorized after all: %v", c)
	}
	for _, phone := range []string{"tap-visa-phone", "tap-mastercard-phone"} { // approved although .02: somebody unlocked it
		c := card(p.tap(phone, 6002).authorize())
		if wallet, _ := c["wallet"].(fields); wallet["type"] != "apple_pay" || c["receipt"].(fields)["cardholder_verification_method"] != "approval" {
			t.Errorf("%s: %v", phone, c)
		}
	}
}

// By tap Visa's card and the terminal agree on a PIN, each with its qualifiers.
func TestVisaTapSaysPIN(t *testing.T) {
	for _, c := range []struct {
		ttq, ctq string
		want     bool
	}{
		{"36000000", "8000", true},
		{"36004000", "0000", false},
		{"32004000", "8000", false}, // the terminal has no PIN pad
		{"36400000", "", false},     // a signature will do
		{"34400000", "", true},
		{"34000000", "", false}, // nobody asks for any verification
		{"30400000", "", false},
		{"", "8000", false},
	} {
		d := cardData{values: map[tlv.Tag][]byte{0x84: {0xA0, 0, 0, 0, 3, 0x10, 0x10}, 0x95: make([]byte, 5)}}
		for tag, text := range map[tlv.Tag]string{0x9F66: c.ttq, 0x9F6C: c.ctq} {
			if value, _ := hex.DecodeString(text); len(value) > 0 {
				d.values[tag] = value
			}
		}
		if got := d.saysPIN(seal.Header{ReadMethod: "contactless_emv"}); got != c.want {
			t.Errorf("terminal %s, card %s: %v", c.ttq, c.ctq, got)
		}
		if d.saysPIN(seal.Header{ReadMethod: "contact_emv"}) {
			t.Errorf("terminal %s, card %s inserted: a PIN", c.ttq, c.ctq)
		}
	}
}

// A tap that its card approved below the floor limit has nothing to be authorized: it is
// taken once, as stored, and whatever ends with the same cryptogram afterwards is a copy.
func TestTapApprovedByTheCard(t *testing.T) {
	for _, profile := range []string{"tap-visa-offline", "tap-mastercard-offline"} {
		p := openShop(t)
		card, err := emvtest.Load(profile)
		if err != nil {
			t.Fatal(err)
		}
		special, _, ok := card.TapExpectation()
		if !ok {
			t.Fatalf("%s is no card for taps", profile)
		}
		params := emvkernel.Params{Amount: 1250, Currency: 840, Exponent: 2, Time: time.Now()}
		transaction, err := entry.New(special.Contactless(), params, entry.Environment{Field: antenna{p.card(profile).Contactless()}})
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := transaction.Run(t.Context())
		if err != nil || outcome.Kind != tap.Approved {
			t.Fatalf("%s: %v, %s, %v", profile, outcome.Kind, outcome.Reason, err)
		}
		approved := func() *payment {
			p.sequence++
			y := p.submissionOf(outcome.Reading.ClearingData(), 1250)
			y.header.ReadMethod = "contactless_emv"
			return y
		}
		if v := approved().authorize(); v.Status != platform.StatusFailed || v.Code != platform.CodeInvalidRequest {
			t.Errorf("%s to be authorized: %+v", profile, v)
		}
		y := approved()
		for range 2 { // an answer that is lost changes nothing
			v := y.forward()
			if v.Status != platform.StatusApproved || v.AuthorizationCode != "" {
				t.Fatalf("%s: %+v", profile, v)
			}
			c := p.must("GET", "/v1/charges/"+v.ChargeID, "")["payment_method_details"].(fields)["card_present"].(fields)
			if r := c["receipt"].(fields); r["authorization_response_code"] != "Y1" || r["authorization_code"] != "" || c["read_method"] != "contactless_emv" {
				t.Errorf("%s: %v", profile, c)
			}
		}
		if v := approved().forward(); v.Status != platform.StatusFailed || v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s as another payment: %+v", profile, v)
		}
		if s := p.s.Status(); s.Totals.Approved.Count != 1 || s.Totals.Duplicates != 0 || len(s.Gaps) != 0 {
			t.Errorf("%s: %+v", profile, s)
		}
	}
}

func numberOf(t *testing.T, profile string) string {
	t.Helper()
	for _, number := range []string{"4242424242424242", "5555555555554444"} {
		if name, _ := emvtest.ByNumber(number); name == profile {
			return number
		}
	}
	t.Fatalf("no number for %s", profile)
	return ""
}

// From 50.00 on a tap wants an online PIN, and comes with it.
func TestTapWithOnlinePIN(t *testing.T) {
	p := openShop(t)
	for pin, want := range map[string]string{"1234": "", "4321": "incorrect_pin"} {
		y := p.tap("mastercard", 6003)
		q := y.sealed()
		q.PIN = y.enterPIN(platform.PINFormat4, pin, numberOf(t, "mastercard"))
		v, err := p.client.Authorize(t.Context(), q)
		if err != nil || v.DeclineCode != want || (v.Status == platform.StatusApproved) != (want == "") {
			t.Errorf("PIN %s: %+v, %v", pin, v, err)
			continue
		}
		c := p.must("GET", "/v1/charges/"+v.ChargeID, "")["payment_method_details"].(fields)["card_present"].(fields)
		if cvm := c["receipt"].(fields)["cardholder_verification_method"]; cvm != "online_pin" {
			t.Errorf("PIN %s: verified by %v", pin, cvm)
		}
	}
	for _, profile := range []string{"mastercard", "tap-visa-cvm-online-pin"} {
		if v := p.tap(profile, 6000).authorize(); v.Status != platform.StatusFailed || v.Code != platform.CodePINInvalid {
			t.Errorf("%s: the terminal says there is a PIN, and there is none: %+v", profile, v)
		}
	}
	y := p.tap("mastercard", 1200)
	q := y.sealed()
	q.PIN = y.enterPIN(platform.PINFormat4, "1234", numberOf(t, "mastercard"))
	if v, err := p.client.Authorize(t.Context(), q); err != nil || v.Code != platform.CodePINInvalid {
		t.Errorf("a PIN that nobody asked for: %+v, %v", v, err)
	}
}

// The issuer wants a PIN of who tapped: the same tap comes again with one, once, for the
// same payment. Every other use of its cryptogram is a copy.
func TestTapComesAgainWithPIN(t *testing.T) {
	for _, profile := range []string{"visa", "mastercard"} {
		p := openShop(t)
		declined := func(amount int64, code string) *payment {
			t.Helper()
			y := p.tap(profile, amount)
			if v := y.authorize(); v.Status != platform.StatusDeclined || v.DeclineCode != code {
				t.Fatalf("%s: %+v, want %s", profile, v, code)
			}
			return y
		}
		again := func(y *payment, pin string) platform.Submission {
			p.sequence++
			y.header.Sequence = p.sequence
			q := y.sealed()
			if pin != "" {
				q.PIN = y.enterPIN(platform.PINFormat4, pin, numberOf(t, profile))
			}
			return q
		}
		authorize := func(q platform.Submission) *platform.Verdict {
			t.Helper()
			v, err := p.client.Authorize(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		y := declined(1203, "online_or_offline_pin_required")
		if v := authorize(again(y, "")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s without a PIN: %+v", profile, v)
		}
		other := *y
		other.header.Key, other.header.LocalID = "pl_other", "pl_other"
		if v := authorize(again(&other, "1234")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s for another payment: %+v", profile, v)
		}
		stored := again(y, "1234")
		stored.Offline = true
		if v, err := p.client.SubmitOffline(t.Context(), stored); err != nil || v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s stored: %+v, %v", profile, v, err)
		}
		if v := authorize(again(y, "1234")); v.Status != platform.StatusApproved {
			t.Errorf("%s with the PIN: %+v", profile, v)
		}
		if v := authorize(again(y, "1234")); v.Status != platform.StatusFailed {
			t.Errorf("%s once more: %+v", profile, v)
		}
		y = declined(1303, "online_or_offline_pin_required")
		if v := authorize(again(y, "4321")); v.DeclineCode != "incorrect_pin" {
			t.Errorf("%s with a wrong PIN: %+v", profile, v)
		}
		if v := authorize(again(y, "1234")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s after a wrong PIN: %+v", profile, v)
		}
		y = declined(1402, "offline_pin_required")
		if v := authorize(again(y, "1234")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s where the card is to be inserted: %+v", profile, v)
		}
		// Nobody is there to enter a PIN when a stored tap is declined, nor after another card was tried.
		y = p.tap(profile, 1603)
		if v := y.forward(); v.DeclineCode != "online_or_offline_pin_required" {
			t.Fatalf("%s stored: %+v", profile, v)
		}
		if v := authorize(again(y, "1234")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s stored, with a PIN afterwards: %+v", profile, v)
		}
		y = declined(1703, "online_or_offline_pin_required")
		next := p.pay("declined-generic", 1703)
		next.header.Key, next.header.LocalID = y.header.Key, y.header.LocalID
		if v := next.authorize(); v.Status != platform.StatusDeclined {
			t.Fatalf("another card: %+v", v)
		}
		if v := authorize(again(y, "1234")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s after another card: %+v", profile, v)
		}
		// A card in the slot is asked for its PIN there.
		y = p.pay(profile, 1503)
		if v := y.authorize(); v.DeclineCode != "online_or_offline_pin_required" {
			t.Fatalf("%s inserted: %+v", profile, v)
		}
		if v := authorize(again(y, "1234")); v.Code != platform.CodeCryptogramReplay {
			t.Errorf("%s inserted, with a PIN afterwards: %+v", profile, v)
		}
		if s := p.s.Status(); s.Totals.Approved.Count != 1 || s.Totals.Duplicates != 0 || len(s.Gaps) != 0 {
			t.Errorf("%s: %+v", profile, s)
		}
	}
}
