package entry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// liar answers every command with the next of its answers, however often it is activated.
type liar struct {
	answers  [][]byte // nil: it leaves the field
	commands int
}

func (l *liar) Transceive(context.Context, []byte) ([]byte, error) {
	l.commands++
	if len(l.answers) == 0 {
		return nil, errGone
	}
	next := l.answers[0]
	l.answers = l.answers[1:]
	if next == nil {
		return nil, errGone
	}
	return next, nil
}

// patience is an antenna that finds the liar some times and then ends the wait.
type patience struct {
	card        *liar
	activations int
	on          bool
}

var errEnough = errors.New("the cardholder gave up")

func (p *patience) Activate(context.Context) (emvkernel.Transceiver, error) {
	if p.activations == 8 {
		return nil, errEnough
	}
	p.activations++
	switch p.activations % 4 {
	case 2:
		return nil, entry.ErrCollision
	case 3:
		return nil, entry.ErrUnreadable
	}
	p.on = true
	return p.card, nil
}

func (p *patience) WaitRemoval(context.Context) error { return nil }
func (p *patience) Off() error                        { p.on = false; return nil }

// credulous is a kernel that asks the card for its outcome. It notes what it said last.
type credulous struct {
	id     tap.KernelID
	t      testing.TB
	honest bool // never approves, never asks the issuer
	said   *tap.OutcomeKind
}

func (k *credulous) ID() tap.KernelID                                { return k.id }
func (k *credulous) Check(*tap.Combination, *emvkernel.Config) error { return nil }
func (k *credulous) Activate(ctx context.Context, a *tap.Activation) (tap.Outcome, error) {
	out := tap.Outcome{Kind: tap.TryAgain}
	if resp, err := a.Card.Send(ctx, apdu.GetProcessingOptions(nil)); err == nil {
		out.Kind = tap.OutcomeKind(resp.SW.SW2() % 9) // NoOutcome and an unknown one too
		out.Start = tap.Start(resp.SW.SW1() % 5)
	}
	if k.honest && (out.Kind == tap.Approved || out.Kind == tap.OnlineRequest) {
		out.Kind = tap.Declined
	}
	switch out.Kind {
	case tap.Approved:
		out.Reading = readingOf(k.t, apdu.RequestTC)
	case tap.Declined:
		out.Reading = readingOf(k.t, apdu.RequestAAC)
	case tap.OnlineRequest:
		out.Reading = readingOf(k.t, apdu.RequestARQC)
	}
	*k.said = out.Kind
	return out, nil
}

// deceive runs a payment with a card that gives the answers, and checks what must hold whatever it says.
func deceive(t testing.TB, answers [][]byte, honest bool) tap.Outcome {
	t.Helper()
	s, said := newShop(t), tap.NoOutcome
	s.cfg.Combinations = []tap.Combination{
		{AID: unhex(mastercard), Kernel: &credulous{2, t, honest, &said}},
		{AID: unhex(visa), Kernel: &credulous{3, t, honest, &said}, ExtendedSelection: true},
		{AID: unhex(jcb), Kernel: tap.Elsewhere(5)},
	}
	field := &patience{card: &liar{answers: answers}}
	env := s.environment()
	env.Field = field
	tx, err := entry.New(s.cfg, s.p, env)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Run(t.Context())
	switch {
	case err != nil && !errors.Is(err, errEnough) && !errors.Is(err, entry.ErrKernel):
		t.Errorf("%v", err)
	case err != nil && (out.Kind != tap.NoOutcome || out.Reading != nil):
		t.Errorf("%+v beside %v", out, err)
	case err == nil && (out.Kind == tap.NoOutcome || out.Kind == tap.SelectNext || out.Kind == tap.TryAgain):
		t.Errorf("not final: %+v", out)
	case (out.Kind == tap.Approved || out.Kind == tap.Declined || out.Kind == tap.OnlineRequest) && (out.Kind != said || out.Reading == nil):
		t.Errorf("%+v, but the kernel said %s", out, said)
	}
	if field.on {
		t.Error("the field is on")
	}
	if field.card.commands > 256*8 {
		t.Errorf("%d commands", field.card.commands)
	}
	return out
}

// Nothing is approved, and no issuer asked, unless a kernel said so: however a card's good answers are bent,
// swapped, repeated or left out.
func TestOnlyKernelsApprove(t *testing.T) {
	good := [][]byte{
		unhex(directory(listed(visa, "870101", "9F290101"), listed(mastercard, "870102"), listed(jcb))),
		unhex(fci(visa, qualifiers)), unhex(fci(visa+"01", qualifiers)), unhex(fci(mastercard)), unhex(fci(jcb)),
		unhex("9000"), unhex("6A82"), unhex("6985"), unhex("9003"), unhex("9005"), unhex("9001"), unhex("9102"), unhex("9207"), nil,
	}
	random := rand.New(rand.NewPCG(1, 2))
	ends := map[tap.OutcomeKind]int{}
	for range 5000 {
		answers := [][]byte{good[0]}
		for range 1 + random.IntN(12) {
			a := slices.Clone(good[random.IntN(len(good))])
			if random.IntN(4) == 0 && len(a) > 0 {
				a[random.IntN(len(a))] ^= 1 << random.IntN(8)
			}
			if random.IntN(8) == 0 && len(a) > 0 {
				a = a[:random.IntN(len(a))]
			}
			answers = append(answers, a)
		}
		honest := random.IntN(2) == 0
		out := deceive(t, answers, honest)
		if honest && (out.Kind == tap.Approved || out.Kind == tap.OnlineRequest) {
			t.Fatalf("%+v of a kernel that never says so, for %X", out, answers)
		}
		ends[out.Kind]++
	}
	for _, kind := range []tap.OutcomeKind{tap.Approved, tap.Declined, tap.OnlineRequest, tap.TryAnotherInterface, tap.EndApplication} {
		if ends[kind] == 0 {
			t.Errorf("no payment ended %s: %v", kind, fmt.Sprint(ends))
		}
	}
}

// FuzzRun is a whole payment with a card whose every answer is from the fuzzer: a length byte and as many
// bytes; 'FF' is a card that leaves.
func FuzzRun(f *testing.F) {
	pack := func(answers ...string) []byte {
		var out []byte
		for _, a := range answers {
			if a == "gone" {
				out = append(out, 0xFF)
				continue
			}
			b := unhex(a)
			out = append(append(out, byte(len(b))), b...)
		}
		return out
	}
	listing := directory(listed(visa, "870101"), listed(mastercard, "870102"))
	f.Add(pack(listing, fci(visa, qualifiers), "9003"))
	f.Add(pack(listing, fci(visa, qualifiers), "9005"))
	f.Add(pack(listing, fci(visa, qualifiers), "9001", fci(mastercard), "9002", listing, fci(mastercard), "9004"))
	f.Add(pack(listing, "6A82", fci(mastercard), "9207", listing, fci(visa, qualifiers), "9106"))
	f.Add(pack("gone", listing, "gone", directory(listed(jcb)), fci(jcb)))
	f.Add(pack("6A82"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var answers [][]byte
		for len(data) > 0 && len(answers) < 4096 {
			n := int(data[0])
			data = data[1:]
			if n == 0xFF {
				answers = append(answers, nil)
				continue
			}
			n = min(n, len(data))
			answers = append(answers, append([]byte{}, data[:n]...))
			data = data[n:]
		}
		deceive(t, answers, false)
	})
}
