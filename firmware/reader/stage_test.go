package reader

import (
	"context"
	"fmt"
	"image"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// stage is a simulated reader's screen and lights, with their history in the bubble's
// own time.
type stage struct {
	*testing.T
	board *sim.Board
	s     *screen
	begun time.Time
	log   *syncWriter
	end   func() // ends run

	mu   sync.Mutex
	seen []moment
}

// moment is what is seen from then on: a screen, and its language if it is not English.
type moment struct {
	at   time.Duration
	what string
}

type syncWriter struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *syncWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// onStage must be called in a synctest bubble.
func onStage(t *testing.T, change ...func(*hal.Board)) *stage {
	t.Helper()
	board, err := sim.Open(sim.Options{Dir: t.TempDir(), ScreenSize: image.Pt(128, 64)})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{T: t, board: board, begun: time.Now(), log: &syncWriter{}}
	board.HAL.Screen = watched{board.Screen, st}
	for _, f := range change {
		f(board.HAL)
	}
	st.s = newScreen(*board.HAL, slog.New(slog.NewTextHandler(st.log, nil)))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = st.s.run(ctx) }()
	st.end = func() { stop(); <-ended }
	t.Cleanup(func() { st.end(); board.HAL.Close() })
	synctest.Wait()
	return st
}

// watched notes what the simulated screen shows.
type watched struct {
	*sim.Screen
	st *stage
}

// pictures are what the faces of a payment of $12.50 look like, by their pixels.
var pictures = sync.OnceValue(func() map[string]string {
	known := map[string]string{}
	for _, language := range display.Languages() {
		for k := display.Starting; k <= display.Error; k++ {
			for _, v := range []display.View{
				{Entries: display.Insert}, {Entries: display.Insert | display.Tap}, {Entries: display.Tap},
				{KeepCard: true}, {IssuerApproved: true}, {Options: []string{"VISA"}},
			} {
				v.Kind, v.Language, v.Amount, v.Currency = k, language, 1250, "usd"
				name := k.String()
				switch {
				case v.KeepCard && k == display.Processing:
					name = "keep-card"
				case v.IssuerApproved && k == display.Accepted:
					name = "approved"
				case v.Entries == display.Insert && k == display.PresentCard:
					name += " insert"
				case v.Entries == display.Tap && k == display.PresentCard:
					name += " tap"
				}
				if language != "en" {
					name += " " + language
				}
				pixels := string(display.Render(v, image.Pt(128, 64)).Pix)
				if _, ok := known[pixels]; !ok {
					known[pixels] = name
				}
			}
		}
	}
	return known
})

func (st *stage) recognise(m *image.RGBA) string {
	if name, ok := pictures()[string(m.Pix)]; ok {
		return name
	}
	return "something else"
}

// pass lets time pass.
func (st *stage) pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// show gives the screen a face of the payment of $12.50.
func (st *stage) show(kind payment.FaceKind, change ...func(*payment.Face)) {
	f := payment.Face{Kind: kind, Amount: 1250, Currency: "usd", Entries: payment.EntryInsert | payment.EntryTap}
	if kind == payment.FaceIdle {
		f = payment.Face{}
	}
	for _, c := range change {
		c(&f)
	}
	st.s.face(f)
	synctest.Wait()
}

func tapped(f *payment.Face)    { f.Tapped = true }
func inSlot(f *payment.Face)    { f.RemoveCard = true }
func onlySlot(f *payment.Face)  { f.Entries = payment.EntryInsert }
func noEntries(f *payment.Face) { f.Entries = 0 }
func held(d time.Duration) func(*payment.Face) {
	return func(f *payment.Face) { f.Hold = d }
}
func inLanguages(codes string) func(*payment.Face) {
	return func(f *payment.Face) { f.Languages = codes }
}

// wantScreens compares with "what@milliseconds".
func (st *stage) wantScreens(want ...string) {
	st.Helper()
	st.mu.Lock()
	defer st.mu.Unlock()
	var got []string
	for _, m := range st.seen {
		got = append(got, fmt.Sprintf("%s@%d", m.what, m.at.Milliseconds()))
	}
	if !slices.Equal(got, want) {
		st.Errorf("the screens were\n%q, want\n%q", got, want)
	}
}

// wantSignals compares with "lights@milliseconds", or "lights tone@milliseconds" for
// the start of a tone; lights are their numbers.
func (st *stage) wantSignals(want ...string) {
	st.Helper()
	var got []string
	for _, h := range st.board.Signals.History() {
		lit := ""
		for i := range 4 {
			if h.Lit>>i&1 == 1 {
				lit += fmt.Sprint(i + 1)
			}
		}
		if lit == "" {
			lit = "-"
		}
		if h.Tone != 0 {
			lit += " " + h.Tone.String()
		}
		got = append(got, fmt.Sprintf("%s@%d", lit, h.At.Sub(st.begun).Milliseconds()))
	}
	if !slices.Equal(got, want) {
		st.Errorf("lights and tones were\n%q, want\n%q", got, want)
	}
}

func (st *stage) wantTones(want ...hal.Tone) {
	st.Helper()
	if got := st.board.Signals.Tones(); !slices.Equal(got, want) {
		st.Errorf("tones %v, want %v", got, want)
	}
}

const ms = time.Millisecond
