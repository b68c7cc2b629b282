package store

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"smartreader/store/seal"
)

// cardData is about what a chip transaction leaves to be sealed, in bytes.
const cardData = 1100

// bench is one store with payments that wait to be accepted.
type bench struct {
	s       *Store
	key     seal.PublicKey
	plain   []byte
	waiting []Payment
	next    int
}

func newBench(b *testing.B, dir string) *bench {
	b.Helper()
	private, err := seal.NewKey("bench")
	if err != nil {
		b.Fatal(err)
	}
	plain := make([]byte, cardData)
	rand.Read(plain)
	s, err := Open(background, Options{Dir: dir, Signer: deviceKey})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return &bench{s: s, key: private.Public(), plain: plain}
}

// prepare brings n payments to the point where the cardholder waits for
// "accepted"; many at a time, for it is not what is measured.
func (x *bench) prepare(b *testing.B, n int) {
	b.Helper()
	var wait sync.WaitGroup
	made := make([]Payment, n)
	for lane := range 32 {
		wait.Go(func() {
			for i := lane; i < n; i += 32 {
				p, err := tryWalk(x.s, newPayment(x.next+i), Created, Collecting)
				if err == nil {
					p, err = tryWalk(x.s, withCard(p), Collected)
				}
				if err != nil {
					b.Error(err)
				}
				made[i] = p
			}
		})
	}
	wait.Wait()
	x.next += n
	x.waiting = append(x.waiting, made...)
}

func withCard(p Payment) Payment {
	p.Card = &Card{Brand: "visa", Last4: "4242", ReadMethod: "contact_emv", ExpMonth: 12, ExpYear: 2031, Authenticated: true}
	p.Receipt = &Receipt{
		ApplicationPreferredName: "VISA CREDIT", ApplicationLabel: "VISA", DedicatedFileName: "A0000000031010",
		ApplicationCryptogram: "A1B2C3D4E5F60708", TerminalVerificationResults: "0000008000",
		TransactionStatusInformation: "E800", CardholderVerificationMethod: "approval", ATC: "0007",
	}
	return p
}

// accept is what stands between a confirmed payment and "accepted": sealing,
// journal entry, signature, database, head slot. The public-key half of the
// sealing needs no lock and is done before the commit, unless it was prepared
// while the card was being read.
func (x *bench) accept(p Payment, prepared *seal.Sender, turn sync.Locker) (bytes int, err error) {
	if prepared == nil {
		if prepared, err = x.key.Prepare(); err != nil {
			return 0, err
		}
	}
	turn.Lock()
	defer turn.Unlock()
	c := Change{Payment: p, Reason: "offline"}
	c.Payment.State = Stored
	c.Seal = func(sequence uint64) ([]byte, string, error) {
		h := seal.Header{
			Version: seal.HeaderVersion, ReaderID: "tmr_bench", LocalID: p.LocalID, Key: p.Key, Sequence: sequence, Amount: p.Amount,
			Currency: p.Currency, CaptureMethod: p.CaptureMethod, Metadata: p.Metadata, CreatedAtMs: p.CreatedAtMs,
			CollectedAtMs: p.CollectedAtMs, Offline: true, ATC: p.Receipt.ATC, Cryptogram: p.Receipt.ApplicationCryptogram,
			CardBrand: p.Card.Brand, CardLast4: p.Card.Last4, ReadMethod: p.Card.ReadMethod,
		}
		header, err := h.Bytes()
		if err != nil {
			return nil, "", err
		}
		sealed, err := prepared.Seal(header, x.plain)
		bytes = len(sealed)
		return sealed, h.NaturalKey(), err
	}
	_, err = x.s.Commit(background, c)
	return bytes, err
}

// together lets everyone go at once.
type together struct{}

func (together) Lock()   {}
func (together) Unlock() {}

// durations are sorted when asked.
type durations []time.Duration

func (d durations) at(percent int) time.Duration {
	s := slices.Clone(d)
	slices.Sort(s)
	return s[min(len(s)-1, len(s)*percent/100)]
}

// raw is the least a durable payment can cost: append to a preallocated file,
// fdatasync.
type raw struct {
	mu   sync.Mutex
	f    *os.File
	at   int64
	size int64
}

func newRaw(b *testing.B, dir string, size int64) *raw {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	for at := int64(0); at < size; at += 1 << 20 {
		if _, err := f.WriteAt(make([]byte, 1<<20), at); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return &raw{f: f, size: size}
}

func (r *raw) append(record []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at+int64(len(record)) > r.size {
		r.at = 0
	}
	_, err := r.f.WriteAt(record, r.at)
	r.at += int64(len(record))
	if err != nil {
		return err
	}
	return datasync(r.f)
}

// BenchmarkAccept compares a durable accept with a raw append and fdatasync of
// the same bytes, in rounds that alternate, so that both meet the same disk.
//
//	go test ./store -run '^$' -bench Accept -benchtime 1x
func BenchmarkAccept(b *testing.B) {
	const rounds, each = 9, 160
	dir := benchDir(b)
	x := newBench(b, dir)
	record := make([]byte, measureRecord(b, x))
	rand.Read(record)
	file := newRaw(b, dir, 8<<20)

	for b.Loop() {
		var rawOne, database, slot, one, prepared, rawEight, eight, serial durations
		var rawEightTime, eightTime, serialTime time.Duration
		var rawIO, storeIO, eightIO ioCount
		for range rounds {
			x.prepare(b, 4*each)
			runtime.GC()

			io := countIO(b, dir)
			rawOne = append(rawOne, lanes(b, 1, each, func(int) error { return file.append(record) })...)
			rawIO.add(countIO(b, dir).since(io))

			// The two durable steps of an accept, each alone.
			database = append(database, lanes(b, 1, each, func(i int) error {
				return x.s.disk.apply([]write{{key(prefixBlob, "bench"+strconv.Itoa(i)), record}})
			})...)
			h := x.s.head
			slot = append(slot, lanes(b, 1, each, func(int) error { return writeHead(x.s.slots, h) })...)

			ps := x.waiting[:each]
			io = countIO(b, dir)
			one = append(one, lanes(b, 1, each, func(i int) error { _, err := x.accept(ps[i], nil, together{}); return err })...)
			storeIO.add(countIO(b, dir).since(io))

			ps = x.waiting[each : 2*each]
			senders := make([]*seal.Sender, each)
			for i := range senders {
				var err error
				if senders[i], err = x.key.Prepare(); err != nil {
					b.Fatal(err)
				}
			}
			prepared = append(prepared, lanes(b, 1, each, func(i int) error { _, err := x.accept(ps[i], senders[i], together{}); return err })...)

			start := time.Now()
			rawEight = append(rawEight, lanes(b, 8, each, func(int) error { return file.append(record) })...)
			rawEightTime += time.Since(start)

			ps = x.waiting[2*each : 3*each]
			io = countIO(b, dir)
			start = time.Now()
			eight = append(eight, lanes(b, 8, each, func(i int) error { _, err := x.accept(ps[i], nil, together{}); return err })...)
			eightTime += time.Since(start)
			eightIO.add(countIO(b, dir).since(io))

			var turn sync.Mutex // one by one: the same eight, each waiting for the one before
			ps = x.waiting[3*each:]
			start = time.Now()
			serial = append(serial, lanes(b, 8, each, func(i int) error {
				_, err := x.accept(ps[i], nil, &turn)
				return err
			})...)
			serialTime += time.Since(start)
			x.waiting = nil
		}

		const n = rounds * each
		perSecond := func(d time.Duration) float64 { return n / d.Seconds() }
		var table strings.Builder
		fmt.Fprintf(&table, "\n%d payments per row in %d alternating rounds, %d bytes each, on %s\n", n, rounds, len(record), dir)
		fmt.Fprintf(&table, "%-34s %9s %9s %9s %9s %10s\n", "", "p50 us", "p99 us", "p50/raw", "p99/raw", "per s")
		row := func(name string, d, base durations, total time.Duration) {
			fmt.Fprintf(&table, "%-34s %9.0f %9.0f %9.2f %9.2f", name, us(d.at(50)), us(d.at(99)), ratio(d.at(50), base.at(50)), ratio(d.at(99), base.at(99)))
			if total > 0 {
				fmt.Fprintf(&table, " %10.0f", perSecond(total))
			}
			fmt.Fprintln(&table)
		}
		row("raw append+fdatasync, 1 waiter", rawOne, rawOne, 0)
		row("  Badger alone", database, rawOne, 0)
		row("  head slot alone", slot, rawOne, 0)
		row("accept, 1 waiter", one, rawOne, 0)
		row("accept, 1 waiter, sealing prepared", prepared, rawOne, 0)
		row("raw, 8 waiters in turn", rawEight, rawEight, rawEightTime)
		row("accept, 8 waiters grouped", eight, rawEight, eightTime)
		row("accept, 8 waiters one by one", serial, rawEight, serialTime)
		fmt.Fprintf(&table, "grouped / one by one: %.2f times the throughput\n", perSecond(eightTime)/perSecond(serialTime))
		fmt.Fprintf(&table, "per payment (%s): raw %s; accept %s; 8 grouped %s\n", ioSource, rawIO.per(n), storeIO.per(n), eightIO.per(n))
		fmt.Fprintf(&table, "anonymous memory %d MiB with %d payments\n", anonymous(b)>>20, x.next)
		b.Log(table.String())

		b.ReportMetric(ratio(one.at(50), rawOne.at(50)), "p50/raw")
		b.ReportMetric(ratio(one.at(99), rawOne.at(99)), "p99/raw")
		b.ReportMetric(perSecond(eightTime)/perSecond(serialTime), "grouped/serial")
		b.ReportMetric(us(one.at(50)), "p50-us")
		b.ReportMetric(us(rawOne.at(50)), "raw-p50-us")
	}
	b.ReportMetric(0, "ns/op")
}

// measureRecord returns the size of what one accept writes: entry and payload.
func measureRecord(b *testing.B, x *bench) int {
	b.Helper()
	x.prepare(b, 1)
	sealed, err := x.accept(x.waiting[0], nil, together{})
	if err != nil {
		b.Fatal(err)
	}
	x.waiting = nil
	index, _ := x.s.Head()
	entry, err := x.s.Entry(index)
	if err != nil {
		b.Fatal(err)
	}
	return sealed + len(entry.Header) + len(entry.Signature)
}

// lanes runs n calls on a number of goroutines and times each.
func lanes(b *testing.B, count, n int, call func(i int) error) durations {
	b.Helper()
	times := make(durations, n)
	var wait sync.WaitGroup
	for lane := range count {
		wait.Go(func() {
			for i := lane; i < n; i += count {
				start := time.Now()
				if err := call(i); err != nil {
					b.Error(err)
				}
				times[i] = time.Since(start)
			}
		})
	}
	wait.Wait()
	return times
}

func us(d time.Duration) float64          { return float64(d.Nanoseconds()) / 1000 }
func ratio(a, base time.Duration) float64 { return float64(a) / float64(base) }

// BenchmarkOpen measures opening with 10,000 payments pending: 40,000 entries.
//
//	go test ./store -run '^$' -bench Open -benchtime 5x
func BenchmarkOpen(b *testing.B) {
	const pending = 10_000
	dir := benchDir(b)
	x := newBench(b, dir)
	x.prepare(b, pending)
	var wait sync.WaitGroup
	for lane := range 32 {
		wait.Go(func() {
			for i := lane; i < pending; i += 32 {
				if _, err := x.accept(x.waiting[i], nil, together{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if err := x.s.Close(); err != nil {
		b.Fatal(err)
	}
	debug.FreeOSMemory()
	before := anonymous(b)
	for b.Loop() {
		s, err := Open(background, Options{Dir: dir, Signer: deviceKey})
		if err != nil {
			b.Fatal(err)
		}
		if got := s.Pending().Count; got != pending {
			b.Fatalf("%d pending", got)
		}
		b.StopTimer()
		b.ReportMetric(float64(anonymous(b)-before)/(1<<20), "anon-MiB")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		debug.FreeOSMemory()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/open")
}

// BenchmarkExport exports 10,000 pending payments, 40,000 entries, in pages of
// 64 KiB, and again as a ledger that lost an entry once, which looks for sealed
// payloads without one.
//
//	go test ./store -run '^$' -bench Export -benchtime 1x
func BenchmarkExport(b *testing.B) {
	const pending = 10_000
	x := newBench(b, benchDir(b))
	x.prepare(b, pending)
	var wait sync.WaitGroup
	for lane := range 32 {
		wait.Go(func() {
			for i := lane; i < pending; i += 32 {
				if _, err := x.accept(x.waiting[i], nil, together{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for _, scarred := range []bool{false, true} {
		b.Run(map[bool]string{false: "whole", true: "scarred"}[scarred], func(b *testing.B) {
			x.s.scarred = scarred
			debug.FreeOSMemory()
			before := anonymous(b)
			size, most := 0, int64(0)
			for b.Loop() {
				cursor, _, _, err := x.s.BeginExport(background, "tmr_test", "copy")
				for size = 0; cursor != "" && err == nil; {
					var lines [][]byte
					lines, cursor, err = x.s.ExportPage(background, cursor, 64<<10)
					for _, line := range lines {
						size += len(line) + 1
					}
					most = max(most, anonymous(b)-before)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/export")
			b.ReportMetric(float64(size)/(1<<20), "MiB")
			b.ReportMetric(float64(most)/(1<<20), "anon-MiB")
		})
	}
}

// benchDir is a folder on a real disk: STORE_BENCH_DIR, or the test's own.
func benchDir(b *testing.B) string {
	b.Helper()
	base := os.Getenv("STORE_BENCH_DIR")
	if base == "" {
		return b.TempDir()
	}
	dir, err := os.MkdirTemp(base, "store-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// anonymous returns the process's anonymous memory in bytes, where the system
// tells.
func anonymous(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	return 0
}
