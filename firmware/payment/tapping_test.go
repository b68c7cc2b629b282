package payment_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
	"smartreader/emvkernel/transcript"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
	"smartreader/store"
	"smartreader/store/seal"
)

// tapBench is a bench with an antenna.
type tapBench struct {
	*bench
	field *sim.Field
	empty chan bool // the machine has waited for the field to be empty, and it is
}

// watched is an antenna that tells when it was seen empty.
type watched struct {
	hal.ContactlessReader
	empty chan bool
}

func (w watched) WaitRemoval(ctx context.Context) error {
	err := w.ContactlessReader.WaitRemoval(ctx)
	if err == nil {
		select {
		case w.empty <- true:
		default:
		}
	}
	return err
}

func newTapBench(t *testing.T, options ...option) *tapBench {
	t.Helper()
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { board.HAL.Close() })
	b := &tapBench{field: board.Field, empty: make(chan bool, 1)}
	b.bench = newBench(t, append([]option{func(_ *bench, o *payment.Options) { o.Contactless = watched{board.Field, b.empty} }}, options...)...)
	b.settings.Tap = emvtest.Contactless()
	<-b.empty // at the start
	return b
}

// header is what the platform can read of a payment.
func (b *tapBench) header(p store.Payment) seal.Header {
	b.Helper()
	envelope, err := b.store.Sealed(p.LocalID)
	b.must(err)
	raw, _, err := seal.Open(func(string) (seal.PrivateKey, bool) { return b.platform.key, true }, envelope)
	b.must(err)
	h, err := seal.ParseHeader(raw)
	b.must(err)
	return h
}

// takeTapped takes all cards away and waits until the machine saw it.
func (b *tapBench) takeTapped() {
	b.must(b.field.Take())
	<-b.empty
}

// tap holds a card to the reader: a profile's name, or the text of one.
func (b *tapBench) tap(card string) {
	b.Helper()
	b.must(b.field.Tap("card", b.card(card)))
}

func (b *tapBench) card(card string) *emvtest.TapCard {
	b.Helper()
	var profile *emvtest.Profile
	var err error
	if strings.Contains(card, " ") {
		profile, err = emvtest.ParseProfile(strings.NewReader(card))
	} else {
		profile, err = emvtest.Load(card)
	}
	b.must(err)
	return emvtest.NewCard(profile, &emvtest.State{}).Contactless()
}

// whenShown does something when a face is shown, the first time.
func (b *tapBench) whenShown(kind payment.FaceKind, do func()) {
	var once sync.Once
	b.look(func(f payment.Face) {
		if f.Kind == kind {
			once.Do(func() { go do() })
		}
	})
}

const (
	visaTap       = "application visa\npan 4242424242424242\n"
	mastercardTap = "application mastercard\npan 5555555555554444\n"
)

func TestTapIsPaidOnline(t *testing.T) {
	for _, card := range []string{"visa", "mastercard"} {
		t.Run(card, func(t *testing.T) {
			const drawn = "\x12\x34\x56\x78"
			b := newTapBench(t, func(_ *bench, o *payment.Options) {
				o.Random = strings.NewReader(strings.Repeat(drawn, 8))
			})
			p := b.create(1250, payment.PreferOnline)
			b.tap(card)
			paid, err := b.process(p)
			b.must(err)
			if paid.State != store.Approved || paid.Card.ReadMethod != "contactless_emv" || !paid.Card.Authenticated || paid.Card.Brand != card ||
				paid.Receipt.CardholderVerificationMethod != "none" {
				t.Fatalf("%s; card %+v; receipt %+v", paid.State, paid.Card, paid.Receipt)
			}
			data := b.platform.openData(b.platform.envelopes[0])
			if check, err := b.platform.issuer.Check(data); err != nil || !check.Decision.Approved || check.Amount != 1250 {
				t.Errorf("the issuer says %+v, %v", check, err)
			}
			list, err := tlv.Parse(data)
			b.must(err)
			if un, ok := tlv.Find(list, 0x9F37); !ok || string(un.Value) != drawn {
				t.Errorf("the unpredictable number is %X, drawn were %X", un.Value, drawn)
			}
			if !b.saw(payment.FaceCardRead) || !b.saw(payment.FaceApproved) || b.saw(payment.FaceAccepted) {
				t.Error("the cardholder did not see that the card was read and the payment approved")
			}
		})
	}
}

// Other brands have no kernel here: their cards are asked to be inserted, and pay by chip.
func TestTapOfAnotherBrandIsInserted(t *testing.T) {
	b := newTapBench(t)
	p := b.create(2000, payment.PreferOnline)
	b.tap("amex")
	b.whenShown(payment.FaceInsertCard, func() { b.insert("amex") })
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || paid.Card.Brand != "amex" || paid.Card.ReadMethod != "contact_emv" {
		t.Errorf("%s, %+v", paid.State, paid.Card)
	}
}

// A card that knows nothing of taps, or none at all: the next one may pay by tap.
func TestTapThatFindsNothing(t *testing.T) {
	b := newTapBench(t)
	p := b.create(2000, payment.PreferOnline)
	b.tap(visaTap + "contactless no\n")
	b.whenShown(payment.FaceInsertCard, func() {
		b.takeTapped()
		b.tap("visa")
	})
	paid, err := b.process(p)
	b.must(err)
	if paid.Card.ReadMethod != "contactless_emv" {
		t.Errorf("%+v", paid.Card)
	}
}

func TestTwoCardsInTheField(t *testing.T) {
	b := newTapBench(t)
	p := b.create(2000, payment.PreferOnline)
	b.tap("visa")
	b.tap("mastercard")
	b.whenShown(payment.FaceOneCard, func() {
		b.takeTapped()
		b.tap("mastercard")
	})
	paid, err := b.process(p)
	b.must(err)
	if paid.Card.Brand != "mastercard" || len(b.platform.envelopes) != 1 {
		t.Errorf("%+v, asked %d times", paid.Card, len(b.platform.envelopes))
	}
}

// EMV fact 33: the phone wants to be looked at. The same amount is tapped again, under a new unpredictable
// number, and the POS hears of no decline in between.
func TestSeePhoneAndTapAgain(t *testing.T) {
	for brand, card := range map[string]string{
		"visa":       visaTap + "tap-device phone\ntap-cdcvm locked\n",
		"mastercard": mastercardTap + "tap-device phone\ntap-cdcvm locked\n",
	} {
		t.Run(brand, func(t *testing.T) {
			var taps atomic.Int32
			b := newTapBench(t, func(_ *bench, o *payment.Options) {
				told := o.Step
				o.Step = func(s payment.Step) {
					if s.Kind == payment.StepCardTapped {
						taps.Add(1)
					}
					told(s)
				}
			})
			phone := b.card(card)
			b.must(b.field.Tap("phone", phone))
			b.whenShown(payment.FaceSeePhone, func() {
				b.must(b.field.Take())
				b.must(b.field.Tap("phone", phone)) // unlocked meanwhile
			})
			p := b.create(9900, payment.PreferOnline)
			paid, err := b.process(p)
			b.must(err)
			if paid.State != store.Approved || paid.Sequence != 1 || paid.Receipt.CardholderVerificationMethod != "on_device" {
				t.Errorf("%s, sequence %d, %+v", paid.State, paid.Sequence, paid.Receipt)
			}
			if n := taps.Load(); n != 2 {
				t.Errorf("tapped %d times", n)
			}
		})
	}
}

// A card that leaves too early is asked for again; nothing is charged twice.
func TestTornTap(t *testing.T) {
	b := newTapBench(t)
	p := b.create(2000, payment.PreferOnline)
	b.tap("tear generate-ac\n" + mastercardTap)
	paid, err := b.process(p)
	b.must(err)
	if paid.State != store.Approved || len(b.platform.envelopes) != 1 {
		t.Errorf("%s, asked %d times", paid.State, len(b.platform.envelopes))
	}
}

// The chip always wins: who inserts a card passes the antenna with it.
func TestInsertedCardWinsOverTheTap(t *testing.T) {
	b := newTapBench(t)
	p := b.create(2000, payment.PreferOnline)
	b.insert("mastercard")
	b.tap("visa")
	paid, err := b.process(p)
	b.must(err)
	if paid.Card.Brand != "mastercard" || paid.Card.ReadMethod != "contact_emv" {
		t.Errorf("%+v", paid.Card)
	}
}

// A card left on the antenna is the last customer's: the next one pays with another.
func TestCardLeftOnTheAntenna(t *testing.T) {
	b := newTapBench(t)
	first := b.create(1000, payment.PreferOnline)
	b.tap("visa")
	_, err := b.process(first)
	b.must(err)
	second := b.create(2000, payment.PreferOnline)
	done := make(chan error, 1)
	asked := make(chan bool, 1)
	b.whenShown(payment.FacePresentCard, func() { asked <- true })
	go func() { _, err := b.process(second); done <- err }()
	<-asked
	select {
	case err := <-done:
		t.Fatalf("paid without another tap: %v", err)
	default:
	}
	b.takeTapped()
	b.tap("mastercard")
	b.must(<-done)
	if got := b.state(second, store.Approved); got.Card.Brand != "mastercard" {
		t.Errorf("the next customer paid with %+v", got.Card)
	}
}

// noField is an antenna that does not work.
type noField struct{ hal.ContactlessReader }

func (noField) Activate(context.Context) (hal.Card, error) {
	return nil, fmt.Errorf("unplugged: %w", hal.ErrNotFound)
}
func (noField) WaitRemoval(context.Context) error { return hal.ErrNotFound }
func (noField) FieldOff() error                   { return hal.ErrNotFound }

func TestBrokenAntennaKeepsNoChipFromPaying(t *testing.T) {
	b := &tapBench{bench: newBench(t, func(_ *bench, o *payment.Options) { o.Contactless = noField{} })}
	b.settings.Tap = emvtest.Contactless()
	p := b.create(2000, payment.PreferOnline)
	b.insert("visa")
	paid, err := b.process(p)
	b.must(err)
	if paid.Card.ReadMethod != "contact_emv" {
		t.Errorf("%+v", paid.Card)
	}
}

// A reader without a slot takes taps, and says what is missing when a card must be inserted.
func TestReaderWithoutSlot(t *testing.T) {
	b := newTapBench(t, func(_ *bench, o *payment.Options) { o.Contact, o.Swipe = nil, nil })
	p := b.create(2000, payment.PreferOnline)
	b.tap("visa")
	paid, err := b.process(p)
	b.must(err)
	if paid.Card.ReadMethod != "contactless_emv" {
		t.Errorf("%+v", paid.Card)
	}
	b.takeTapped()
	p = b.create(2000, payment.PreferOnline)
	b.tap("amex")
	_, err = b.process(p)
	b.fails(err, payment.CardNotSupported)
}

func TestCancelWhileACardIsAwaited(t *testing.T) {
	b := newTapBench(t)
	p := b.create(2000, payment.PreferOnline)
	asked := make(chan bool, 1)
	b.whenShown(payment.FacePresentCard, func() { asked <- true })
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	<-asked
	end, _, err := b.machine.CancelCollect(t.Context())
	b.must(err)
	b.fails(<-done, payment.Canceled)
	if end != payment.EndCanceled {
		t.Errorf("ended %s", end)
	}
	b.tap("visa") // nobody reads it now; the next payment does
	p = b.create(1000, payment.PreferOnline)
	_, err = b.process(p)
	b.must(err)
}

// fields are the antennas of benches made elsewhere.
var fields = map[*bench]*sim.Field{}

func withField(b *bench, o *payment.Options) {
	board, err := sim.Open(sim.Options{Dir: b.TempDir()})
	b.must(err)
	b.Cleanup(func() { board.HAL.Close() })
	fields[b], o.Contactless = board.Field, board.Field
}

// The cardholder is shown the ways to pay that are open.
func TestPromptsOfATap(t *testing.T) {
	b := newTapBench(t)
	var entries []payment.Entries
	b.look(func(f payment.Face) {
		if f.Kind == payment.FacePresentCard {
			entries = append(entries, f.Entries)
		}
	})
	p := b.create(2000, payment.PreferOnline)
	b.tap("visa")
	_, err := b.process(p)
	b.must(err)
	if !slices.Contains(entries, payment.EntryInsert|payment.EntryTap) {
		t.Errorf("the cardholder was offered %v", entries)
	}
}

// A tap that wants an online PIN gets one, and only the issuer can read it; without a PIN pad the card is
// inserted.
func TestTapWithOnlinePIN(t *testing.T) {
	for brand, card := range map[string]string{"visa": visaTap, "mastercard": mastercardTap} {
		t.Run(brand, func(t *testing.T) {
			b, pad := benchWithPINKey(t, withField)
			b.settings.Tap = emvtest.Contactless()
			tb := &tapBench{bench: b, field: fields[b]}
			p := b.create(6000, payment.PreferOnline)
			tb.tap(card)
			paid, err := b.process(p)
			b.must(err)
			if paid.State != store.Approved || paid.Receipt.CardholderVerificationMethod != "online_pin" || paid.Card.ReadMethod != "contactless_emv" {
				t.Errorf("%s, %+v", paid.State, paid.Receipt)
			}
			if len(pad.Prompts()) != 1 || len(b.platform.pins) != 1 || b.platform.pins[0] == nil {
				t.Errorf("asked %d times, the issuer got %d", len(pad.Prompts()), len(b.platform.pins))
			}
		})
	}
	t.Run("offline it is not asked for", func(t *testing.T) {
		b, pad := benchWithPINKey(t, withField)
		b.settings.Tap = emvtest.Contactless()
		tb := &tapBench{bench: b, field: fields[b]}
		b.goOffline()
		p := b.create(6000, payment.PreferOnline)
		tb.tap(visaTap)
		stored, err := b.process(p)
		b.must(err)
		if stored.Receipt.CardholderVerificationMethod != "signature" || len(pad.Prompts()) != 0 {
			t.Errorf("verified by %s; asked %d times", stored.Receipt.CardholderVerificationMethod, len(pad.Prompts()))
		}
	})
}

// A tap is recorded with what came of it; a payment whose card was inserted leaves no recording of a tap.
func TestTapsAreRecorded(t *testing.T) {
	var kept []string
	b := newTapBench(t, func(_ *bench, o *payment.Options) {
		o.Record = func(_ store.Payment, t *transcript.Transcript) {
			var text bytes.Buffer
			if err := transcript.Save(&text, t, true); err != nil {
				kept = append(kept, err.Error())
			}
			kept = append(kept, text.String())
			t.Wipe()
		}
	})
	pay := func(present func()) {
		p := b.create(1200, payment.PreferOnline)
		present()
		_, err := b.process(p)
		b.must(err)
	}
	pay(func() { b.tap("visa") })
	b.takeTapped()
	pay(func() { b.insert("visa") })
	b.take()
	pay(func() {
		b.tap("amex")
		b.whenShown(payment.FaceInsertCard, func() { b.insert("amex") })
	})
	b.take()
	var contactless []bool
	for _, text := range kept {
		contactless = append(contactless, strings.Contains(text, "contactless yes"))
	}
	if want := []bool{true, false, true, false}; !slices.Equal(contactless, want) {
		t.Fatalf("recorded by tap: %v, want %v\n%s", contactless, want, strings.Join(kept, "\n"))
	}
	if !strings.Contains(kept[0], "online request") || !strings.Contains(kept[2], "try another interface") {
		t.Errorf("recordings without outcome:\n%s\n%s", kept[0], kept[2])
	}
}

// Nobody pays by tap what is not on the screen yet.
func TestTapIsTakenOnceTheAmountIsSeen(t *testing.T) {
	asked, seen := make(chan bool), make(chan bool)
	b := newTapBench(t, func(_ *bench, o *payment.Options) {
		o.Seen = func(ctx context.Context) {
			asked <- true
			select {
			case <-seen:
			case <-ctx.Done():
			}
		}
	})
	p := b.create(2000, payment.PreferOnline)
	b.tap("visa")
	done := make(chan error, 1)
	go func() { _, err := b.process(p); done <- err }()
	<-asked
	if b.saw(payment.FaceProcessing) || b.state(p, store.Collecting).Card != nil {
		t.Error("the card was read before the amount was seen")
	}
	close(seen)
	b.must(<-done)

	b.takeTapped()
	p = b.create(2000, payment.PreferOnline) // a screen that never gets there keeps nobody from canceling
	seen = make(chan bool)
	go func() { _, err := b.process(p); done <- err }()
	<-asked
	_, _, err := b.machine.CancelCollect(t.Context())
	b.must(err)
	b.fails(<-done, payment.Canceled)
}

// What cannot be tapped, whatever the card, is not offered; the POS is told each thing once.
func TestTapIsOfferedWhereItIsPossible(t *testing.T) {
	var mu sync.Mutex
	var prompts []payment.FaceKind
	var offered []payment.Entries
	b := newTapBench(t, func(_ *bench, o *payment.Options) {
		told := o.Step
		o.Step = func(s payment.Step) {
			if s.Kind == payment.StepPrompt {
				mu.Lock()
				prompts = append(prompts, s.Prompt)
				mu.Unlock()
			}
			told(s)
		}
	})
	limit := int64(5000)
	for i := range b.settings.Tap.Combinations {
		b.settings.Tap.Combinations[i].Limits = []tap.Limits{{Transaction: &limit}}
		if k, ok := b.settings.Tap.Combinations[i].Kernel.(*c2.Kernel); ok {
			k.Limits, b.settings.Tap.Combinations[i].Limits = []tap.Limits{{Transaction: &limit}}, nil
			b.settings.Tap.Combinations[i].Types = []byte{0x20} // of purchases only Visa's are left
		}
	}
	b.look(func(f payment.Face) {
		if f.Kind == payment.FacePresentCard {
			mu.Lock()
			offered = append(offered, f.Entries)
			mu.Unlock()
		}
	})
	over := b.create(6000, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(over)
	b.must(err)
	b.take()
	if len(offered) == 0 || slices.ContainsFunc(offered, func(e payment.Entries) bool { return e != payment.EntryInsert }) {
		t.Errorf("over the limit the cardholder was offered %v", offered)
	}
	mu.Lock()
	prompts = nil
	mu.Unlock()
	p := b.create(4000, payment.PreferOnline)
	b.tap("amex")
	b.whenShown(payment.FaceInsertCard, func() { b.insert("amex") })
	_, err = b.process(p)
	b.must(err)
	told := 0
	for _, prompt := range prompts {
		if prompt == payment.FaceInsertCard {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the POS was told %d times to have the card inserted: %v", told, prompts)
	}
}
