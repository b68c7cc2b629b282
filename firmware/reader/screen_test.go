package reader

import (
	"context"
	"fmt"
	"image"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
)

func (w watched) Show(ctx context.Context, frame image.Image) error {
	err := w.Screen.Show(ctx, frame)
	if err != nil {
		return err
	}
	what := w.st.recognise(frame.(*image.RGBA))
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if n := len(w.st.seen); n == 0 || w.st.seen[n-1].what != what {
		w.st.seen = append(w.st.seen, moment{time.Since(w.st.begun), what})
	}
	return nil
}

func TestATapFromIdleToIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceIdle)
		st.pass(6000 * ms)
		st.show(payment.FacePresentCard)
		st.pass(1000 * ms)
		st.show(payment.FaceProcessing, tapped)
		st.pass(300 * ms)
		st.show(payment.FaceCardRead, tapped)
		st.pass(100 * ms)
		st.show(payment.FaceProcessing, tapped) // the issuer is asked
		st.pass(1000 * ms)
		st.show(payment.FaceApproved, tapped)
		st.pass(4000 * ms)
		st.show(payment.FaceIdle)
		st.pass(300 * ms)
		st.wantScreens("starting@0", "idle@0", "present-card@6000", "processing@7000", "card-read@7300",
			"processing@8050", "approved@8400", "idle@12400")
		st.wantSignals("1@0", "-@200", "1@5000", "-@5200", // idle
			"1@6000",              // ready
			"12@7000", "123@7150", // reading
			"1234@7300", "1234 success@7300", "-@8050", // read
			"- success@8400", // approved
			"1@12400", "-@12600")
	})
}

// A face that is held stays, what was true meanwhile is left out, and the outcome comes
// after it.
func TestHeldFacesKeepTheirTimeAndTheOutcomeComesAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceProcessing, tapped)
		st.pass(100 * ms)
		st.show(payment.FaceCardRead, tapped, held(1300*ms))
		st.show(payment.FaceProcessing, tapped)
		st.pass(10 * ms)
		st.show(payment.FaceDeclined, tapped)
		st.pass(10 * ms)
		st.show(payment.FaceIdle) // too early: nobody has seen the outcome
		st.pass(1179 * ms)
		st.wantTones(hal.ToneSuccess)
		st.pass(5000 * ms)
		st.wantScreens("starting@0", "present-card@0", "processing@0", "card-read@100", "declined@1400", "idle@2400")
		st.wantTones(hal.ToneSuccess, hal.ToneAlert)
	})
}

// The card may be taken when it was read, whatever is still on the screen: lights and
// tone say so at once, and not again when the screen does.
func TestCardReadIsHeardAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.pass(1000 * ms)
		st.show(payment.FaceTapAgain, tapped, held(1300*ms))
		st.show(payment.FacePresentCard)
		st.pass(400 * ms)
		st.show(payment.FaceProcessing, tapped)
		st.pass(300 * ms)
		st.show(payment.FaceCardRead, tapped)
		st.show(payment.FaceApproved, tapped)
		st.pass(5000 * ms)
		st.wantScreens("starting@0", "present-card@0", "tap-again@1000", "card-read@2300", "approved@3050")
		st.wantSignals("1@0", "1 alert@1000", "1234@1700", "1234 success@1700", "-@2450", "- success@3050")
	})
}

// slow is a screen that takes its time.
type slow struct {
	hal.Screen
	takes time.Duration
}

func (s slow) Show(ctx context.Context, m image.Image) error {
	time.Sleep(s.takes)
	return s.Screen.Show(ctx, m)
}

// A request that a slow screen has not come to before the card was read is out of date:
// nothing puts the lights out, and no alert comes after the success.
func TestASlowScreenDoesNotAskForWhatWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t, func(b *hal.Board) { b.Screen = slow{b.Screen, 300 * ms} })
		st.pass(1000 * ms)
		st.show(payment.FacePresentCard)
		st.pass(100 * ms)
		st.show(payment.FaceTapAgain, tapped, held(1300*ms))
		st.pass(100 * ms)
		st.show(payment.FaceCardRead, tapped)
		st.pass(3000 * ms)
		st.wantScreens("starting@300", "present-card@1300", "card-read@1600")
		st.wantSignals("1@1000", "1234@1200", "1234 success@1200", "-@1950")
	})
}

// An outcome that nobody has seen yet is not drowned by the next card.
func TestCardReadComesAfterAnUnseenOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceCardRead, tapped, held(2000*ms))
		st.pass(100 * ms)
		st.show(payment.FaceDeclined, tapped)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceProcessing, tapped)
		st.pass(400 * ms)
		st.show(payment.FaceCardRead, tapped)
		st.show(payment.FaceAccepted, tapped)
		st.pass(10000 * ms)
		st.wantScreens("starting@0", "present-card@0", "card-read@0", "declined@2000", "card-read@3000", "accepted@3750")
		st.wantSignals("1@0", "1234@0", "1234 success@0", "-@750", "- alert@2000", "1234@3000", "1234 success@3000", "-@3750", "- success@3750")
	})
}

// What a face sounds like, and its lights half a second later.
func TestEveryEventIsHeardOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		kind payment.FaceKind
		with []func(*payment.Face)
		tone hal.Tone
		lit  byte
	}{
		{"read", payment.FaceCardRead, []func(*payment.Face){tapped}, hal.ToneSuccess, hal.AllLEDs},
		{"one card", payment.FaceOneCard, nil, hal.ToneAlert, 0},
		{"tap again", payment.FaceTapAgain, []func(*payment.Face){tapped}, hal.ToneAlert, hal.LED1},
		{"see phone", payment.FaceSeePhone, []func(*payment.Face){tapped}, hal.ToneAlert, hal.LED1},
		{"insert", payment.FaceInsertCard, []func(*payment.Face){tapped}, hal.ToneAlert, 0},
		{"try again", payment.FaceTryAgain, []func(*payment.Face){tapped}, hal.ToneAlert, 0},
		{"declined tap", payment.FaceDeclined, []func(*payment.Face){tapped}, hal.ToneAlert, 0},
		{"tap not accepted", payment.FaceNotAccepted, []func(*payment.Face){tapped}, hal.ToneAlert, 0},
		{"error", payment.FaceError, []func(*payment.Face){tapped}, hal.ToneAlert, 0},
		{"declined", payment.FaceDeclined, []func(*payment.Face){inSlot}, hal.ToneAlert, 0},
		{"approved", payment.FaceApproved, []func(*payment.Face){inSlot}, hal.ToneSuccess, 0},
		{"accepted", payment.FaceAccepted, []func(*payment.Face){inSlot}, hal.ToneSuccess, 0},
		{"approved, card gone", payment.FaceApproved, nil, hal.ToneSuccess, 0},
		// If nothing told of the card that was read, its success does.
		{"approved tap", payment.FaceApproved, []func(*payment.Face){tapped}, hal.ToneSuccess, hal.AllLEDs},
		{"processing a tap", payment.FaceProcessing, []func(*payment.Face){tapped}, 0, hal.LED1 | hal.LED2 | hal.LED3},
		{"processing", payment.FaceProcessing, nil, 0, 0},
		{"present", payment.FacePresentCard, nil, 0, hal.LED1},
		{"present, slot only", payment.FacePresentCard, []func(*payment.Face){onlySlot}, 0, 0},
		{"canceled", payment.FaceCanceled, nil, 0, 0}, // between two beats
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := onStage(t)
				for range 3 {
					st.show(c.kind, c.with...) // said again it is no other event
					st.pass(100 * ms)
				}
				st.s.merchant("Blue Bottle Bakery")
				st.pass(200 * ms)
				var want []hal.Tone
				if c.tone != 0 {
					want = []hal.Tone{c.tone}
				}
				st.wantTones(want...)
				if lit := st.board.Signals.Lit(); lit != c.lit {
					t.Errorf("lit %04b, want %04b", lit, c.lit)
				}
			})
		})
	}
}

// A second card in the field, twice: two events.
func TestTwoCollisionsAreHeardTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		for range 2 {
			st.show(payment.FacePresentCard)
			st.pass(2000 * ms)
			st.show(payment.FaceOneCard, held(500*ms))
		}
		st.show(payment.FacePresentCard)
		st.pass(2000 * ms)
		st.wantTones(hal.ToneAlert, hal.ToneAlert)
		st.wantScreens("starting@0", "present-card@0", "one-card@2000", "present-card@3000", "one-card@4000", "present-card@5000")
	})
}

// The reader is ready again once the cards were taken away, which is no second event; two cards after that are.
func TestOneCardUntilReady(t *testing.T) {
	ready := func(f *payment.Face) { f.Ready = true }
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard, ready)
		st.pass(1000 * ms)
		for range 2 {
			st.show(payment.FaceOneCard)
			st.pass(1500 * ms)
			if lit := st.board.Signals.Lit(); lit != 0 {
				t.Errorf("two cards: lights %04b", lit)
			}
			st.show(payment.FaceOneCard, ready)
			st.pass(1500 * ms)
			if lit := st.board.Signals.Lit(); lit != hal.LED1 {
				t.Errorf("ready again: lights %04b", lit)
			}
		}
		st.wantTones(hal.ToneAlert, hal.ToneAlert)
	})
}

// Who waits for a face to be seen waits for those before it, and for a slow screen.
func TestSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceApproved, tapped, held(1500*ms))
		st.pass(100 * ms)
		st.show(payment.FacePresentCard)
		begun := time.Now()
		st.s.seen(t.Context())
		if took := time.Since(begun); took != 1400*ms {
			t.Errorf("the amount was seen after %v", took)
		}
		st.s.seen(t.Context()) // already
		if took := time.Since(begun); took != 1400*ms {
			t.Errorf("waited once more, until %v", took)
		}
		st.show(payment.FaceDeclined, tapped)
		st.show(payment.FacePresentCard)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		st.s.seen(ctx)
	})
}

// "Authorising" is shown as processing and comes again as the card that was read: one tone.
func TestOneTapIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceProcessing, tapped)
		st.show(payment.FaceCardRead, tapped)
		st.show(payment.FaceCardRead, tapped, inLanguages("de"))
		st.pass(1000 * ms)
		st.show(payment.FaceProcessing, tapped)
		st.pass(100 * ms)
		st.show(payment.FaceCardRead, tapped)
		st.pass(1000 * ms)
		st.wantTones(hal.ToneSuccess)
		st.show(payment.FaceApproved, tapped)
		st.pass(2000 * ms)
		st.wantTones(hal.ToneSuccess, hal.ToneSuccess)
		// The next tap of the same sum is another one.
		st.show(payment.FacePresentCard)
		st.show(payment.FaceProcessing, tapped)
		st.show(payment.FaceCardRead, tapped)
		st.pass(2000 * ms)
		st.wantTones(hal.ToneSuccess, hal.ToneSuccess, hal.ToneSuccess)
	})
}

func TestAnInsertedCardAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.pass(1000 * ms)
		st.show(payment.FaceProcessing)
		st.pass(1000 * ms)
		st.show(payment.FaceApproved, inSlot)
		st.pass(6000 * ms)
		st.s.merchant("") // wakes the screen, which is no reason to remind
		st.pass(1000 * ms)
		st.show(payment.FaceApproved)
		st.pass(1000 * ms)
		st.show(payment.FacePresentCard) // the next payment does not wait
		st.pass(100 * ms)
		st.wantScreens("starting@0", "present-card@0", "keep-card@1000", "approved@2000", "remove-card@4500", "approved@9000", "present-card@10000")
		st.wantSignals("1@0", "-@1000", "- success@2000", "- remove@4500", "- remove@7500", "1@10000")
	})
}

// What was found in the slot only when the reader looked for it is a card all the same.
func TestCardFoundInTheSlotAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceApproved)
		st.pass(1000 * ms)
		st.wantTones(hal.ToneSuccess)
		st.show(payment.FaceApproved, inSlot)
		st.pass(3000 * ms)
		st.wantTones(hal.ToneSuccess, hal.ToneRemove)
	})
}

func TestIdleBeatsOnlyWhereCardsCanBeTapped(t *testing.T) {
	for name, change := range map[string]func(*hal.Board){
		"no antenna": func(b *hal.Board) { b.Contactless = nil },
		"antenna":    func(*hal.Board) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := onStage(t, change)
				st.show(payment.FaceIdle)
				st.pass(100 * ms)
				if lit := st.board.Signals.Lit() == hal.LED1; lit != (name == "antenna") {
					t.Errorf("lit: %v", lit)
				}
				st.s.outOfUse("Out of order")
				st.pass(10000 * ms)
				if n := len(st.board.Signals.History()); n > 2 || st.board.Signals.Lit() != 0 {
					t.Errorf("a reader out of use has lights: %v", st.board.Signals.History())
				}
			})
		})
	}
}

// A board without an antenna lights the first light for the chip.
func TestReadyForTheOnlyWayThereIs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hal.Board)
		with   func(*payment.Face)
		lit    byte
		screen string
	}{
		"chip only":     {func(b *hal.Board) { b.Contactless = nil }, onlySlot, hal.LED1, "present-card insert"},
		"face is mute":  {func(b *hal.Board) { b.Contactless = nil }, noEntries, hal.LED1, "present-card insert"},
		"both, mute":    {func(*hal.Board) {}, noEntries, 0, "present-card insert"},
		"antenna, mute": {func(b *hal.Board) { b.Contact = nil }, noEntries, hal.LED1, "present-card tap"},
		"both":          {func(*hal.Board) {}, func(*payment.Face) {}, hal.LED1, "present-card"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := onStage(t, c.change)
				st.show(payment.FacePresentCard, c.with)
				if lit := st.board.Signals.Lit(); lit != c.lit {
					t.Errorf("lit %04b, want %04b", lit, c.lit)
				}
				st.wantScreens("starting@0", c.screen+"@0")
			})
		})
	}
}

func TestWaysToPayAreTheDisplays(t *testing.T) {
	for e := range payment.Entries(8) {
		want := display.Entries(0)
		if e&payment.EntryInsert != 0 {
			want |= display.Insert
		}
		if e&payment.EntryTap != 0 {
			want |= display.Tap
		}
		if e&payment.EntrySwipe != 0 {
			want |= display.Swipe
		}
		if got := entriesOf(e); got != want {
			t.Errorf("%03b is shown as %03b", e, got)
		}
	}
}

// The screens' words follow the card as soon as it is known, else they are the reader's.
func TestLanguages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.s.speak([]string{"fr", "xx", "de"})
		st.show(payment.FacePresentCard)
		st.show(payment.FaceCardRead, tapped, inLanguages("zhDEfr"))
		st.pass(1000 * ms)
		st.show(payment.FaceApproved, tapped, inLanguages("esen")) // spoken elsewhere
		st.pass(1000 * ms)
		st.show(payment.FaceIdle)
		st.pass(1000 * ms)
		st.s.speak([]string{"xx"}) // no texts: all that there are
		st.show(payment.FaceDeclined, tapped, inLanguages("es"))
		st.pass(1000 * ms)
		st.show(payment.FaceError, tapped)
		st.pass(1000 * ms)
		st.wantScreens("starting@0", "present-card fr@0", "card-read de@0", "approved fr@1000", "idle fr@2000",
			"declined es@3000", "error@4000")
	})
	for preference, want := range map[string]string{"": "en", "d": "en", "de": "de", "ES": "es", "xxfr": "fr", "xxf": "en"} {
		if got := spoken(preference, display.Languages()); got != want {
			t.Errorf("%q is addressed in %s, want %s", preference, got, want)
		}
	}
}

// The payment needs the answer: a question is seen at once, and what it covers later.
func TestAQuestionDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceCardRead, tapped, held(1300*ms))
		st.pass(100 * ms)
		ask := display.View{Kind: display.EnterPIN, Amount: 1250, Currency: "usd"}
		if err := st.s.askSeen(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		st.pass(2000 * ms)
		st.show(payment.FaceDeclined, tapped)
		st.show(payment.FaceIdle)
		st.pass(3000 * ms)
		st.wantTones(hal.ToneSuccess)
		st.s.ask(nil)
		st.pass(500 * ms)
		st.wantScreens("starting@0", "present-card@0", "card-read@0", "enter-pin@100", "declined@5100")
		st.wantTones(hal.ToneSuccess, hal.ToneAlert)
	})
}

// Who is asked for a PIN knows that the card was read: that is not said afterwards.
func TestCardReadIsNotSaidBehindAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t, func(b *hal.Board) { b.Screen = slow{b.Screen, 50 * ms} })
		st.pass(1000 * ms)
		st.show(payment.FacePresentCard)
		st.pass(1000 * ms)
		st.show(payment.FaceProcessing, tapped)
		st.pass(10 * ms)
		st.show(payment.FaceCardRead, tapped) // the screen is still at the picture before
		st.s.ask(&display.View{Kind: display.EnterPIN, Amount: 1250, Currency: "usd"})
		st.pass(5000 * ms)
		st.s.ask(nil)
		st.show(payment.FaceProcessing, tapped)
		st.pass(1000 * ms)
		st.show(payment.FaceApproved, tapped)
		st.pass(2990 * ms)
		st.wantScreens("starting@50", "present-card@1050", "processing@2050", "enter-pin@2100", "processing@7060", "approved@8060")
		st.wantSignals("1@1000", "12@2000", "1234@2010", "1234 success@2010", "-@2760", "- success@8010")
	})
}

// What is asked for behind a question and was not seen is out of date with the outcome.
func TestRequestsBehindAQuestionGoOutOfDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.s.ask(&display.View{Kind: display.EnterPIN, Amount: 1250, Currency: "usd"})
		st.pass(1000 * ms)
		st.show(payment.FaceInsertCard)
		st.pass(1000 * ms)
		st.show(payment.FaceDeclined)
		st.pass(1000 * ms)
		st.s.ask(nil)
		st.pass(3000 * ms)
		st.wantScreens("starting@0", "present-card@0", "enter-pin@0", "declined@3000")
		st.wantTones(hal.ToneAlert)
	})
}

func (s stuck) Show(ctx context.Context, m image.Image) error {
	select {
	case <-s.free:
		return s.Screen.Show(ctx, m)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A reader that stops shows the outcome it still owes, and is dark.
func TestTheLastOutcomeIsSeenAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceCardRead, tapped, held(2000*ms))
		st.show(payment.FaceError, tapped)
		st.show(payment.FaceIdle)
		st.pass(100 * ms)
		st.s.ask(&display.View{Kind: display.EnterPIN, Amount: 1250, Currency: "usd"})
		st.show(payment.FaceDeclined, tapped)
		st.show(payment.FaceIdle)
		st.end()
		st.wantScreens("starting@0", "present-card@0", "card-read@0", "enter-pin@100", "declined@100")
		st.wantTones(hal.ToneSuccess, hal.ToneAlert)
		if lit := st.board.Signals.Lit(); lit != 0 {
			t.Errorf("lit %04b", lit)
		}
	})
}

// The next card begins anew, even if nothing else was seen between the two.
func TestEveryReadingBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		reading := payment.Face{Kind: payment.FaceProcessing, Amount: 1250, Currency: "usd", Tapped: true}
		st.s.face(reading)
		st.pass(1000 * ms)
		st.s.change(func() {
			st.s.faces.add(payment.Face{Kind: payment.FacePresentCard, Amount: 1250, Currency: "usd"})
			st.s.faces.add(reading)
		})
		st.pass(1000 * ms)
		st.wantSignals("12@0", "123@150", "12@1000", "123@1150")
	})
}

func TestAReaderThatStopsIsDark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.end()
		st.wantSignals("1@0", "-@0")
	})
}

// The kernel asks to insert the card, then the payment does: one request, for the
// longest of its times.
func TestARequestSaidTwiceIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FacePresentCard)
		st.show(payment.FaceInsertCard, tapped, held(2000*ms))
		st.show(payment.FaceInsertCard, onlySlot)
		st.pass(100 * ms)
		st.show(payment.FaceProcessing)
		st.pass(3000 * ms)
		st.wantScreens("starting@0", "present-card@0", "insert-card@0", "keep-card@2000")
		st.wantTones(hal.ToneAlert)
	})
}

// The wheel keeps nobody waiting.
func TestOutcomeBetweenTurnsOfTheWheel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceProcessing, tapped, held(130*ms))
		st.show(payment.FaceApproved, tapped)
		st.pass(1000 * ms)
		st.wantScreens("starting@0", "processing@0", "approved@130")
	})
}

func TestEveryCardIsRemindedOfInItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceApproved, inSlot)
		st.pass(2600 * ms)
		st.show(payment.FaceDeclined, inSlot)
		st.pass(6000 * ms)
		st.wantSignals("- success@0", "- remove@2500", "- alert@2600", "- remove@5100", "- remove@8100")
	})
}

func TestNoHoldFreezesTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceProcessing, tapped, held(1<<62))
		st.show(payment.FaceApproved, tapped, held(-1<<62))
		st.pass(20 * time.Second)
		st.wantScreens("starting@0", "processing@0", fmt.Sprintf("approved@%d", longestHold.Milliseconds()))
	})
}

// What ended without a card in the slot is read all the same before the next request,
// which may follow at once.
func TestOutcomeWithoutACardIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceNotAccepted)
		st.show(payment.FacePresentCard)
		st.pass(2000 * ms)
		st.wantScreens("starting@0", "declined@0", "present-card@1000")
		st.wantTones(hal.ToneAlert)
	})
}

// A card in the slot has to be taken out first, which is time enough: the next face does
// not wait.
func TestOutcomeOfACardThatWasTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := onStage(t)
		st.show(payment.FaceTryAgain, inSlot)
		st.pass(100 * ms)
		st.show(payment.FacePresentCard)
		st.pass(100 * ms)
		st.wantScreens("starting@0", "try-again@0", "present-card@100")
	})
}
