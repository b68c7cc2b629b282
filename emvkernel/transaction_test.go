package emvkernel_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tlv"
)

// software makes a card with real keys from the text of a profile.
func software(t testing.TB, profile string) *emvtest.Card {
	t.Helper()
	p, err := emvtest.ParseProfile(strings.NewReader("about test card\n" + profile))
	if err != nil {
		t.Fatal(err)
	}
	return emvtest.NewCard(p, nil)
}

const (
	visa       = "application visa\npan 4242424242424242\n"
	mastercard = "application mastercard\npan 5555555555554444\n"

	// A card that approves offline where the terminal lets it.
	offlineCodes = "first-ac tc\naction-online 0000000000\naction-default 0000000000\n"
	offlineCard  = visa + offlineCodes
)

// Full transactions against cards that were written from the same facts by other hands. The floor limit
// is zero: whatever gets as far as risk management is above it (TVR byte 4, TSI 08).
func TestTransaction(t *testing.T) {
	const (
		online, declined, terminated = emvkernel.OnlineRequest, emvkernel.Declined, emvkernel.Terminated
	)
	tests := []struct {
		name    string
		profile string
		want    emvkernel.OutcomeKind
		genuine bool // Authenticated
		tvr     string
		tsi     string
	}{
		{"DDA", visa, online, true, "0000008000", "E800"},
		{"CDA", mastercard, online, true, "0000008000", "E800"},
		{"CDA with data in PDOL", "application amex\npan 378282246310005\n", online, true, "0000008000", "E800"},
		{"CDA with a signed file above 10", "application jcb\npan 3566002020360505\n", online, true, "0000008000", "E800"},
		{"DDA answers in format 77", "application discover\npan 6011111111111117\n", online, true, "0000008000", "E800"},
		{"DDA with the AIP signed", visa + "static-tag-list yes\n", online, true, "0000008000", "E800"},
		{"DDA on a CDA card for a DDA terminal", "", online, true, "0000008000", "E800"},
		{"SDA proves no card", visa + "oda sda\n", online, false, "0200008000", "E800"},
		{"no authentication", visa + "oda none\n", online, false, "8000008000", "6800"},
		{"T=0", "transport t0\n" + visa, online, true, "0000008000", "E800"},
		{"no directory", "pse no\n" + visa, online, true, "0000008000", "E800"},
		{"expired", visa + "expiry 2026-11-20\n", online, true, "0040008000", "E800"},
		{"not yet valid", visa + "effective 2026-11-22\n", online, true, "0020008000", "E800"},
		{"version", "", online, true, "0080008000", "E800"},
		{"card declines", visa + "first-ac aac\n", declined, true, "0000008000", "E800"},
		{"CDA card declines", mastercard + "first-ac aac\n", declined, false, "0000008000", "6800"},

		{"issuer certificate", visa + "fault issuer-certificate-signature\n", online, false, "0800008000", "E800"},
		{"issuer certificate expired", visa + "fault issuer-certificate-expired\n", online, false, "0800008000", "E800"},
		{"ICC certificate", visa + "fault icc-certificate-signature\n", online, false, "0800008000", "E800"},
		{"ICC certificate expired", mastercard + "fault icc-certificate-expired\n", online, false, "0400008000", "E800"},
		{"ICC certificate of another card", visa + "fault pan-in-certificate\n", online, false, "0800008000", "E800"},
		{"signed record changed", mastercard + "fault static-data\n", online, false, "0400008000", "E800"},
		{"static signature", visa + "oda sda\nfault static-signature\n", online, false, "4200008000", "E800"},
		{"dynamic signature", visa + "fault sdad-signature\n", online, false, "0800008000", "E800"},
		{"dynamic number of nine bytes", visa + "fault dynamic-number-length\n", online, false, "0800008000", "E800"},
		{"CDA signature", mastercard + "fault sdad-signature\n", declined, false, "0400008000", "E800"},
		{"CDA signs another CID", mastercard + "fault cda-cid\n", declined, false, "0400008000", "E800"},
		{"CDA signs other data", mastercard + "fault cda-hash\n", declined, false, "0400008000", "E800"},
		{"CDA dynamic number of nine bytes", mastercard + "fault dynamic-number-length\n", declined, false, "0400008000", "E800"},
		{"answers with more than asked", visa + "fault higher-ac\n", terminated, true, "0000008000", "C800"},
		{"answer cut short", visa + "fault short-response\n", terminated, true, "0000008000", "C800"},
		{"track 2 of another card", visa + "fault pan-in-track2\n", terminated, false, "0000000000", "0000"},
		{"tag twice", visa + "fault duplicate-tag\n", terminated, false, "0000000000", "0000"},
		{"bytes behind a record", visa + "fault record-trailing-bytes\n", terminated, false, "0000000000", "0000"},
		{"blocked", "blocked yes\n" + visa, emvkernel.CardBlocked, false, "0000000000", "0000"},
		{"application blocked", visa + "application-blocked yes\n", emvkernel.NotAccepted, false, "0000000000", "0000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := emvtest.TerminalConfig()
			profile := tt.profile
			switch tt.name {
			case "DDA on a CDA card for a DDA terminal":
				profile = mastercard
				cfg.Terminal.Capabilities[2] = 0xC0
			case "version":
				profile = visa
				cfg.Applications[0].Version[1]++
			}
			tx := begin(t, &cfg, payment(), software(t, profile), nil)
			out := collect(t, tx)
			if out.Kind != tt.want {
				t.Fatalf("outcome %v (%s), want %v", out.Kind, out.Reason, tt.want)
			}
			if tx.Authenticated() != tt.genuine {
				t.Errorf("authenticated: %v", tx.Authenticated())
			}
			if got := tx.TVR().String(); got != tt.tvr {
				t.Errorf("TVR %s, want %s", got, tt.tvr)
			}
			if got := tx.TSI().String(); got != tt.tsi {
				t.Errorf("TSI %s, want %s", got, tt.tsi)
			}
			if out.Kind != online {
				return
			}
			r, err := emvtest.NewIssuer().Check(tx.ACData())
			if err != nil || r.Verdict != emvtest.Genuine {
				t.Errorf("issuer: %v %s, %v", r.Verdict, r.Reason, err)
			}
			if r.Cryptogram != [8]byte(tx.Receipt().Cryptogram) || r.ATC != tx.Receipt().ATC {
				t.Error("receipt and issuer disagree")
			}
		})
	}
}

// What the cryptogram covers cannot be altered in the stored data set: the issuer notices. It covers no
// more than that: CVM results, terminal, track 2 and expiry date rest on whoever keeps the set, and the
// last rows show it.
func TestAlteredDataSet(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	tx := begin(t, &cfg, payment(), software(t, mastercard), nil)
	collect(t, tx)
	issuer := emvtest.NewIssuer()
	for tag, covered := range map[tlv.Tag]bool{
		0x9F02: true, 0x9F03: true, 0x9F1A: true, 0x95: true, 0x5F2A: true, 0x9A: true, 0x9C: true, 0x9F37: true,
		0x82: true, 0x9F36: true, 0x9F26: true, 0x9F10: true, 0x5F34: true,
		0x9F34: false, 0x9F33: false, 0x9F1E: false, 0x9F16: false, 0x9F21: false, 0x5F24: false, 0x84: false,
	} {
		list, err := tlv.Parse(bytes.Clone(tx.ACData()))
		if err != nil {
			t.Fatal(err)
		}
		e, found := tlv.Find(list, tag)
		if !found {
			t.Fatalf("%v is not in the data set", tag)
		}
		e.Value[len(e.Value)-1] ^= 0x01
		var altered []byte
		for _, e := range list {
			altered = append(altered, e.Raw...)
		}
		r, err := issuer.Check(altered)
		if genuine := err == nil && r.Verdict == emvtest.Genuine; genuine == covered {
			t.Errorf("%v altered: %v, %v", tag, r.Verdict, err)
		}
	}
}

func TestCompleteWithRealCards(t *testing.T) {
	tests := []struct {
		name    string
		profile string
		arc     string
		alter   bool // spoil the ARPC
		want    emvkernel.OutcomeKind
		reverse bool
		tvr     byte // byte 5
	}{
		{"DDA, external authenticate", visa, "00", false, emvkernel.Approved, false, 0},
		{"CDA, issuer data in CDOL2", mastercard, "00", false, emvkernel.Approved, false, 0},
		{"CDA, external authenticate", "application amex\npan 378282246310005\n", "00", false, emvkernel.Approved, false, 0},
		{"T=0", "transport t0\n" + visa, "00", false, emvkernel.Approved, false, 0},
		{"issuer declines", visa, "05", false, emvkernel.Declined, false, 0},
		{"issuer declines a CDA card", mastercard, "51", false, emvkernel.Declined, false, 0},
		{"card refuses the approval", visa + "second-ac aac\n", "00", false, emvkernel.Declined, true, 0},
		{"CDA card refuses the approval", mastercard + "second-ac aac\n", "00", false, emvkernel.Declined, true, 0},
		{"issuer authentication fails and is required", visa + "issuer-authentication external required\n", "00", true, emvkernel.Declined, true, 0x40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := emvtest.TerminalConfig()
			card := &recorder{card: software(t, tt.profile)}
			tx := begin(t, &cfg, payment(), card, nil)
			if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
				t.Fatal(out)
			}
			arc := [2]byte([]byte(tt.arc))
			iad, err := emvtest.NewIssuer().Respond(tx.ACData(), arc)
			if err != nil {
				t.Fatal(err)
			}
			if tt.alter {
				iad[0] ^= 1
			}
			out, err := tx.Complete(t.Context(), emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: arc, IssuerAuthenticationData: iad})
			if err != nil {
				t.Fatal(err)
			}
			if out.Kind != tt.want || out.Reverse != tt.reverse {
				t.Errorf("outcome %v, reverse %v (%s)", out.Kind, out.Reverse, out.Reason)
			}
			if got := tx.TVR()[4]; got != tt.tvr {
				t.Errorf("TVR byte 5 is %02X", got)
			}
			if len(tx.Receipt().Cryptogram) != 8 {
				t.Error("no cryptogram on the receipt")
			}
		})
	}
}

// The cardholder chooses between two applications of one card.
func TestTwoApplications(t *testing.T) {
	p, err := emvtest.Load("two-applications")
	if err != nil {
		t.Fatal(err)
	}
	cfg := emvtest.TerminalConfig()
	holder := &person{choose: 1}
	tx := begin(t, &cfg, payment(), emvtest.NewCard(p, nil), holder)
	if out := collect(t, tx); out.Kind != emvkernel.OnlineRequest {
		t.Fatal(out)
	}
	if len(holder.labels) != 2 || tx.Card().Last4 != "4242" {
		t.Errorf("offered %q, took the card ending in %s", holder.labels, tx.Card().Last4)
	}
}

// A second payment with the same card counts on.
func TestCounterCountsOn(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	card := software(t, visa)
	for want := uint16(1); want <= 3; want++ {
		card.Reset()
		tx := begin(t, &cfg, payment(), card, nil)
		collect(t, tx)
		if got := tx.Receipt().ATC; got != want {
			t.Errorf("counter %d, want %d", got, want)
		}
		if out, err := tx.Complete(t.Context(), emvkernel.Answer{}); err != nil || out.Kind != emvkernel.Declined {
			t.Error(out, err)
		}
	}
}

// The steps keep their order, and nothing happens twice.
func TestOrder(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	tx := begin(t, &cfg, payment(), software(t, visa), nil)
	steps := []func(context.Context) (emvkernel.Outcome, error){
		tx.BuildCandidates, tx.SelectApplication, tx.InitiateApplication, tx.ReadData, tx.AuthenticateData,
		tx.CheckRestrictions, tx.VerifyCardholder, tx.ManageRisk, tx.AnalyzeTerminalAction, tx.FirstGenerateAC,
	}
	for due, step := range steps {
		for i, other := range steps {
			if i == due {
				continue
			}
			if _, err := other(t.Context()); !errors.Is(err, emvkernel.ErrOrder) {
				t.Fatalf("step %d ran when %d was due: %v", i, due, err)
			}
		}
		if _, err := tx.Complete(t.Context(), emvkernel.Answer{}); !errors.Is(err, emvkernel.ErrOrder) {
			t.Fatalf("completed when step %d was due", due)
		}
		out, err := step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last := due == len(steps)-1; last != (out.Kind == emvkernel.OnlineRequest) {
			t.Fatalf("step %d: %v", due, out)
		}
	}
	if _, err := tx.Collect(t.Context()); !errors.Is(err, emvkernel.ErrOrder) {
		t.Errorf("collected twice: %v", err)
	}
}

func TestCanceledContext(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tx := begin(t, &cfg, payment(), software(t, visa), nil)
	if out, err := tx.Collect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", out, err)
	}
}
