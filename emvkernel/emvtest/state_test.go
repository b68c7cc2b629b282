package emvtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"smartreader/emvkernel/apdu"
)

func TestCountersAndState(t *testing.T) {
	state := &State{}
	d := newDesk(t, load(t, "visa"), state)
	counters := func() (atc, lastOnline byte) {
		a, b := d.must(apdu.GetData(0x9F36)), d.must(apdu.GetData(0x9F13))
		return a[len(a)-1], b[len(b)-1]
	}
	d.selectFirst()
	if atc, last := counters(); atc != 0 || last != 0 {
		t.Errorf("new card: counter %d, last online %d", atc, last)
	}
	if tries := d.must(apdu.GetData(0x9F17)); !bytes.Equal(tries, []byte{0x9F, 0x17, 1, 3}) {
		t.Errorf("tries % X", tries)
	}
	d.want(apdu.GetData(0x9F4F), apdu.DataNotFound)

	d.begin()
	d.generate(apdu.RequestARQC, false)
	d.card.Reset()                                     // pulled out before the second GENERATE AC
	d.want(apdu.GetData(0x9F36), apdu.ConditionsOfUse) // nothing is selected
	if !d.card.State().Applications["A0000000031010"].OnlinePending {
		t.Error("the card forgot that it waits for an answer")
	}
	d.begin()
	answer := d.generate(apdu.RequestARQC, false)
	if answer[0x9F10][5]&cvrLastNotCompleted == 0 {
		t.Errorf("card verification results % X do not tell of the interrupted transaction", answer[0x9F10])
	}
	response, err := NewIssuer().Respond(encode(d.payment(answer)), [2]byte{'0', '0'})
	if err != nil {
		t.Fatal(err)
	}
	d.must(apdu.ExternalAuthenticate(response))
	if got := d.generate(apdu.RequestTC, true); got[0x9F27][0] != 0x40 {
		t.Errorf("second cryptogram %02X, want TC", got[0x9F27])
	}
	if atc, last := counters(); atc != 2 || last != 2 {
		t.Errorf("counter %d, last online %d, want 2 and 2", atc, last)
	}

	// The memory moves to another process.
	text, err := json.Marshal(d.card.State())
	if err != nil {
		t.Fatal(err)
	}
	var moved State
	if err := json.Unmarshal(text, &moved); err != nil {
		t.Fatal(err)
	}
	d = newDesk(t, load(t, "visa"), &moved)
	d.begin()
	if atc, last := counters(); atc != 3 || last != 2 {
		t.Errorf("after the move: counter %d, last online %d, want 3 and 2", atc, last)
	}
}

func TestDeferralCompletesTheTransaction(t *testing.T) {
	d := newDesk(t, load(t, "visa"), nil)
	d.begin()
	d.generate(apdu.RequestARQC, false)
	d.values[0x8A] = []byte("Z3")
	if got := d.generate(apdu.RequestAAC, true); got[0x9F27][0] != 0x00 {
		t.Errorf("%02X, want AAC", got[0x9F27])
	}
	if memory := d.card.State().Applications["A0000000031010"]; memory.OnlinePending || memory.LastOnlineATC != 0 {
		t.Errorf("%+v: want nothing pending and no online transaction", memory)
	}
}

func TestApplicationEndsAtLastCounter(t *testing.T) {
	d := newDesk(t, load(t, "visa"), &State{Applications: map[string]ApplicationState{"A0000000031010": {ATC: 0xFFFE}}})
	d.begin()
	d.selectFirst()
	d.want(apdu.GetProcessingOptions(nil), apdu.ConditionsOfUse)
}

// The same seed and the same commands give the same bytes; another seed gives others.
func TestReplay(t *testing.T) {
	run := func(seed string) []byte {
		d := newDesk(t, load(t, "mastercard"), &State{Seed: seed})
		d.begin()
		challenge := d.must(apdu.GetChallenge())
		return append(challenge, d.must(apdu.GenerateAC(apdu.RequestARQC|apdu.RequestCDA, d.dol(d.app().cdol1)))...)
	}
	if !bytes.Equal(run("a"), run("a")) || !bytes.Equal(run(""), run("")) {
		t.Error("not the same bytes again")
	}
	if bytes.Equal(run("a"), run("b")) {
		t.Error("the seed changes nothing")
	}
	state := &State{}
	first := newDesk(t, load(t, "visa"), state).must(apdu.GetChallenge())
	second := newDesk(t, load(t, "visa"), state).must(apdu.GetChallenge())
	if bytes.Equal(first, second) {
		t.Error("the same number again after power was away")
	}
}

func TestKeepSavesBeforeTheAnswer(t *testing.T) {
	d := newDesk(t, load(t, "visa"), nil)
	var saved []uint16
	d.card.Keep(func(s State) error {
		saved = append(saved, s.Applications["A0000000031010"].ATC)
		return nil
	})
	d.begin()
	if len(saved) != 1 || saved[0] != 1 {
		t.Errorf("saved counters %v, want one save at the first use", saved)
	}
	full := errors.New("disk full")
	d.card.Keep(func(State) error { return full })
	d.selectFirst()
	cmd, _ := apdu.GetProcessingOptions(nil).Bytes()
	if out, err := d.card.Exchange(context.Background(), cmd); !errors.Is(err, full) || out != nil {
		t.Errorf("% X %v", out, err)
	}
}

func TestCancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := NewCard(load(t, "visa"), nil).Transceive(ctx, []byte{0, 0x84, 0, 0, 0}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
