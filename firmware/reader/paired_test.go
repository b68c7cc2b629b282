package reader

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/platform"
	"smartreader/store"
)

// shelf is a reader with a ledger and nothing else.
func shelf(t *testing.T) *Reader {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Signer: key, MinFreeBytes: 1, ReserveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Reader{store: ledger, log: slog.New(slog.DiscardHandler)}
}

// One bad record must not keep the shop out.
func TestUnreadablePairingsLockNobodyOut(t *testing.T) {
	r := shelf(t)
	r.opt.Network = func() string { return "" }
	for _, bad := range []string{"{", "null", "[1]", `{"till-1":"soon"}`} {
		if err := r.store.PutBlob(t.Context(), pairedBlob, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		c := &platform.POSCredential{POSID: "till-1"}
		strict := &platform.Config{Offline: platform.Offline{RequirePaired: true}}
		if err := r.checkPlace(strict, c); err == nil {
			t.Errorf("%s: a POS nobody knows was let in", bad)
		}
		r.pair(t.Context(), "till-1")
		if err := r.checkPlace(strict, c); err != nil {
			t.Errorf("%s: paired anew: %v", bad, err)
		}
	}
}

// The list stays small enough to be kept, whatever POS call themselves.
func TestPairingsStayBounded(t *testing.T) {
	r := shelf(t)
	p := paired{}
	name := func(i int) string { return fmt.Sprintf("%04d%s", i, strings.Repeat("<", 60)) } // grows sixfold in JSON
	for i := range 200 {
		p[name(i)] = int64(i + 1)
	}
	for i := range 20 {
		p[name(1000+i)] = r.now().UnixMilli()
	}
	r.store.PutBlob(t.Context(), pairedBlob, mustJSON(t, p))
	for i := range 20 {
		r.pair(t.Context(), name(2000+i))
	}
	data, err := r.store.Blob(pairedBlob)
	if err != nil || len(data) > mostPairedBytes {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	left := r.loadPaired()
	for i := range 20 {
		if left[name(1000+i)] == 0 || left[name(2000+i)] == 0 {
			t.Errorf("POS %d of the newest was forgotten", i)
		}
	}
	if left[name(0)] != 0 {
		t.Error("the oldest was kept")
	}
}

// The floor follows the platform's clock, and what is far ahead of all that the
// reader knows by a day every hour only.
func TestFloorLeapsByADay(t *testing.T) {
	r := shelf(t)
	clock := time.Now()
	r.opt.Now = func() time.Time { return clock }
	tell := func(at time.Time) time.Duration {
		r.platformTime(platform.HeartbeatResponse{NowMs: at.UnixMilli()})
		return r.store.TimeFloor().Sub(clock).Round(time.Minute)
	}
	if floor := tell(clock.Add(-30 * 24 * time.Hour)); floor != -30*24*time.Hour {
		t.Errorf("floor at %v", floor)
	}
	if floor := tell(clock); floor != 0 {
		t.Errorf("the platform agrees with the clock: floor at %v", floor)
	}
	if floor := tell(clock.Add(20 * time.Hour)); floor != 20*time.Hour {
		t.Errorf("hours ahead: floor at %v", floor)
	}
	if floor := tell(clock.AddDate(100, 0, 0)); floor != 44*time.Hour {
		t.Errorf("a century ahead: floor at %v", floor)
	}
	for range 100 {
		if floor := tell(clock.AddDate(100, 0, 0)); floor != 44*time.Hour {
			t.Fatalf("told again at once: floor at %v", floor)
		}
	}
	r.leapt = time.Now().Add(-leapPeriod)
	if floor := tell(clock.AddDate(100, 0, 0)); floor != 68*time.Hour {
		t.Errorf("an hour later: floor at %v", floor)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
