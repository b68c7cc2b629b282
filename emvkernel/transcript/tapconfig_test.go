package transcript_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/transcript"
)

// The configuration of the combination in use travels with the recording; that of kernels by the names of its
// fields.
func TestConfiguredTap(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	change := func(cfg *entry.Config) {
		for i := range cfg.Combinations {
			c := &cfg.Combinations[i]
			switch k := c.Kernel.(type) {
			case *c2.Kernel:
				k.Limits = []tap.Limits{{Currency: 840, OnDevice: n(90000), Floor: n(0), CVMRequired: n(1000)}}
				k.TACDenial, k.Version, k.Torn, k.NoRelay, k.MessageHold = [5]byte{1, 2, 3, 4, 5}, [2]byte{9, 8}, nil, true, 700*time.Millisecond
			case *c3.Kernel:
				c.Limits = []tap.Limits{{Transaction: n(80000), CVMRequired: n(1000)}}
				c.TTQ, c.ZeroAmountAllowed, k.Hold, k.SpendingAmount = &[4]byte{0x36, 0, 0x40, 0}, true, 200*time.Millisecond, true
			}
		}
	}
	for profile, want := range map[string][]string{
		"tap-mastercard-online": {"tap-aid A0000000041010\n", "tap-kernel 2\n", "tap-currency 840\n", "tap-on-device-limit 90000\n", "tap-floor-limit 0\n", "tap-cvm-limit 1000\n",
			"TACDenial=0102030405", "Version=0908", "NoRelay=yes", "MessageHold=700ms", "!Torn", "!tap-ttq", "!tap-transaction-limit", "!tap-zero-amount"},
		"tap-visa-online": {"tap-aid A0000000031010\n", "tap-kernel 3\n", "tap-currency 000\n", "tap-transaction-limit 80000\n", "tap-cvm-limit 1000\n", "tap-ttq 36004000\n",
			"tap-zero-amount yes\n", "Hold=200ms", "SpendingAmount=yes", "!FDDAVersion0", "!tap-floor-limit"},
	} {
		cfg := tapTerminal(t)
		change(cfg)
		clear := recordTap(t, cfg, holding(t, profile, false))
		written := text(t, clear)
		for _, want := range append(want, "config test\n", "serial-number TEST0001\n", "contactless yes\n") {
			no, not := strings.CutPrefix(want, "!")
			if strings.Contains(written, no) == not {
				t.Errorf("%s: want %q in\n%s", profile, want, written)
			}
		}
		again := parse(t, written)
		other := emvtest.Contactless()
		other.EMV = terminal(t)
		if r, err := transcript.ReplayTap(t.Context(), other, again); err == nil {
			r.Outcome.Reading.Wipe()
			t.Errorf("%s: another terminal does the same", profile)
		}
		again.ConfigureTap(other)
		r, err := transcript.ReplayTap(t.Context(), other, again)
		r.Outcome.Reading.Wipe()
		if err != nil {
			t.Errorf("%s: %v\n%s", profile, err, written)
		}
		// What was configured is what is noted again.
		twice := *again
		twice.ConfiguredTap(other)
		if got := text(t, &twice); got != written {
			t.Errorf("%s: configured again\n%s\nwas\n%s", profile, got, written)
		}
	}
}

// Where the reader had no limits there are none in a replay; other kernels keep what they have.
func TestConfigureTapLeavesOthers(t *testing.T) {
	cfg := tapTerminal(t)
	for i := range cfg.Combinations {
		if k, ok := cfg.Combinations[i].Kernel.(*c2.Kernel); ok {
			k.Limits = nil
		}
	}
	recorded := recordTap(t, cfg, holding(t, "tap-mastercard-online", false))
	if written := text(t, recorded); strings.Contains(written, "tap-currency") {
		t.Errorf("limits in\n%s", written)
	}
	other := tapTerminal(t)
	recorded.ConfigureTap(other)
	visas := 0
	for _, c := range other.Combinations {
		switch k := c.Kernel.(type) {
		case *c2.Kernel:
			if k.Limits != nil || k.Torn == nil {
				t.Errorf("%X: %+v, torn log %v", c.AID, k.Limits, k.Torn)
			}
		case *c3.Kernel:
			if visas++; c.TTQ == nil || c.Limits == nil || k.Hold == 0 {
				t.Errorf("%X: %+v %+v", c.AID, c, k)
			}
		}
	}
	if visas == 0 {
		t.Error("no Visa application")
	}
	// A payment of another type is served by what served it then.
	recorded.Payment.Type = 0x09
	recorded.ConfigureTap(other)
	if i := slices.IndexFunc(other.Combinations, func(c tap.Combination) bool { return c.Kernel.ID() == 2 && !c.Serves(0x09) }); i >= 0 {
		t.Errorf("%X does not serve type 09", other.Combinations[i].AID)
	}
}

// A reader without combinations, or with kernels that have nothing to note, is no trouble.
func TestConfiguredTapOfNothing(t *testing.T) {
	emv := terminal(t)
	tr := &transcript.Transcript{}
	tr.ConfiguredTap(&entry.Config{EMV: emv})
	if tr.Terminal.Tap != nil {
		t.Errorf("%+v", tr.Terminal.Tap)
	}
	tr.ConfigureTap(&entry.Config{EMV: emv})
	elsewhere := &entry.Config{EMV: emv, Combinations: []tap.Combination{{AID: []byte{1, 2, 3, 4, 5}, Kernel: tap.Elsewhere(4)}}}
	tr.ConfiguredTap(elsewhere)
	if s := tr.Terminal.Tap; s == nil || s.Kernel != 4 || !s.Elsewhere || s.Options != "" || s.Limits != nil {
		t.Errorf("%+v", s)
	}
	tr.ConfigureTap(elsewhere)
}

// A reader that had a card inserted is one that does so when its recording is replayed, whatever kernel the
// application has there: by the number the reader knew it by, and for the transaction type it was.
func TestReplayElsewhere(t *testing.T) {
	for name, tt := range map[string]struct {
		profile, brand string
		kernel         tap.KernelID
		kind           byte
	}{
		"of any number":        {"amex", "amex", 0, 0},
		"with a kernel now":    {"tap-visa-online", "visa", tap.KernelVisa, 0},
		"of another type":      {"amex", "amex", tap.KernelAmex, 0x20},
		"as the test terminal": {"amex", "amex", tap.KernelAmex, 0},
	} {
		cfg, params := tapTerminal(t), payment()
		params.Type = tt.kind
		for i := range cfg.Combinations {
			c := &cfg.Combinations[i]
			c.Types = []byte{tt.kind}
			if c.Brand == tt.brand {
				limit := int64(100_000)
				c.Kernel, c.TTQ, c.Limits = tap.Elsewhere(tt.kernel), nil, []tap.Limits{{Currency: params.Currency, Transaction: &limit}}
			}
		}
		recorded := recordTapOf(t, cfg, holding(t, tt.profile, false), params)
		if want := fmt.Sprintf("try another interface: this reader has no kernel %d for %s", tt.kernel, tt.brand); recorded.Outcome != want {
			t.Errorf("%s: outcome %q", name, recorded.Outcome)
		}
		again := parse(t, text(t, recorded))
		terminal := tapTerminal(t)
		again.ConfigureTap(terminal)
		if err := terminal.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := transcript.ReplayTap(t.Context(), terminal, again); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text(t, again))
		}
		if s := again.Terminal.Tap; s == nil || s.Limits == nil || *s.Limits.Transaction != 100_000 {
			t.Errorf("%s: limits of %+v", name, s)
		}
		for _, c := range terminal.Combinations {
			if _, elsewhere := c.Kernel.(tap.Elsewhere); c.Brand == "mastercard" && elsewhere {
				t.Errorf("%s: Mastercard has no kernel any more", name)
			}
		}
	}
}

// A payment of a type that nobody could tap is none that can be tapped when it is replayed.
func TestReplayOfNoType(t *testing.T) {
	params := payment()
	params.Type = 0x20
	recorded := recordTapOf(t, tapTerminal(t), holding(t, "tap-visa-online", false), params)
	again, terminal := parse(t, text(t, recorded)), tapTerminal(t)
	again.ConfigureTap(terminal)
	if r, err := transcript.ReplayTap(t.Context(), terminal, again); err != nil || r.Outcome.Kind != tap.TryAnotherInterface {
		t.Errorf("%v\n%s", err, text(t, again))
	}
}
