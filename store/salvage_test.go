package store

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"smartreader/store/seal"
)

// deadReader is a folder as a reader leaves it that was switched off: two
// payments wait, one was forwarded.
func deadReader(t *testing.T) (dir string, waiting []Payment) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(background, testOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutBlob(background, "identity", certificateBlob(t)); err != nil {
		t.Fatal(err)
	}
	walkTo(t, s, take(t, s, 1), Sending, Forwarded)
	waiting = []Payment{take(t, s, 2), walkTo(t, s, take(t, s, 3), Sending, Unknown)}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, waiting
}

func certificateBlob(t *testing.T) []byte {
	t.Helper()
	name := &url.URL{Scheme: "smartreader", Opaque: "reader:tmr_dead"}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), URIs: []*url.URL{name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &deviceKey.PublicKey, deviceKey)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := json.Marshal(map[string][]byte{"certificate": der})
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestSalvageNeedsNoKeyAndTouchesNothing(t *testing.T) {
	dir, waiting := deadReader(t)
	before := contents(t, dir)
	var out bytes.Buffer
	if err := Salvage(background, dir, &out); err != nil {
		t.Fatal(err)
	}
	if after := contents(t, dir); len(after) != len(before) {
		t.Errorf("the folder was changed")
	} else {
		for name := range before {
			if before[name] != after[name] {
				t.Errorf("%s was changed", name)
			}
		}
	}
	x := readExport(t, out.Bytes())
	if x.head.Reader != "tmr_dead" || x.salvage == nil || x.salvage.Envelopes != 2 || len(x.salvage.Missing) > 0 {
		t.Errorf("head %+v, found %+v", x.head, x.salvage)
	}
	public, err := x509.ParsePKIXPublicKey(x.head.Key)
	if err != nil || !deviceKey.PublicKey.Equal(public) {
		t.Errorf("key %v, %v", public, err)
	}
	if report, err := seal.VerifyChain(x.entries, &deviceKey.PublicKey); err != nil || report.Head != x.salvage.Head {
		t.Errorf("%+v, %v", report, err)
	}
	for _, p := range waiting {
		if !bytes.Equal(x.envelopes[p.LocalID], envelope(p, p.Sequence)) {
			t.Errorf("%s: %q", p.LocalID, x.envelopes[p.LocalID])
		}
	}
}

func TestSalvageOfARunningReaderIsRefused(t *testing.T) {
	dir := t.TempDir()
	openDir(t, dir)
	if err := Salvage(background, dir, new(bytes.Buffer)); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
	if err := Salvage(background, t.TempDir(), new(bytes.Buffer)); err == nil {
		t.Error("an empty folder was salvaged")
	}
}

func TestSalvageTellsWhatIsMissing(t *testing.T) {
	dir, waiting := deadReader(t)
	last := waiting[1].Index
	if err := os.Truncate(filepath.Join(dir, "head"), 0); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := Salvage(background, dir, &out)
	if x := readExport(t, out.Bytes()); !errors.Is(err, ErrSalvage) || len(x.salvage.Problems) != 1 || len(x.envelopes) != 2 || x.salvage.Head != last {
		t.Errorf("without a head: %+v, %v", x.salvage, err)
	}
}

// badDisk cannot read some keys, as a table with a bad block.
type badDisk struct {
	disk
	bad map[string]bool
}

func (d badDisk) get(k []byte) ([]byte, error) {
	if d.bad[string(k)] {
		return nil, errors.New("bad block")
	}
	return d.disk.get(k)
}

func (d badDisk) scan(prefix, start []byte, visit func(k, value []byte) error) error {
	return d.disk.scan(prefix, start, func(k, value []byte) error {
		if d.bad[string(k)] {
			return errors.New("bad block")
		}
		return visit(k, value)
	})
}

func TestSalvageGoesOnBehindWhatDoesNotRead(t *testing.T) {
	s, m := openFresh(t)
	a, b, c := take(t, s, 1), take(t, s, 2), take(t, s, 3)
	d := badDisk{modelDisk{m}, map[string]bool{
		string(journalKey(2)): true, string(journalKey(7)): true, string(journalKey(8)): true,
		string(key(prefixSealed, b.LocalID)): true,
	}}
	var out bytes.Buffer
	x := &salvage{disk: d, lines: json.NewEncoder(&out), seen: map[string]bool{}, found: Salvaged{Head: 15}}
	if err := x.run(background); !errors.Is(err, ErrSalvage) {
		t.Errorf("%v", err)
	}
	got := readExport(t, out.Bytes())
	if !slices.Equal(got.salvage.Missing, seal.Ranges{{From: 2, To: 2}, {From: 7, To: 8}, {From: 13, To: 15}}) ||
		!slices.Equal(got.salvage.Unreadable, []string{b.LocalID}) || len(got.entries) != 9 {
		t.Errorf("%+v, %d entries", got.salvage, len(got.entries))
	}
	if len(got.envelopes) != 2 || got.envelopes[a.LocalID] == nil || got.envelopes[c.LocalID] == nil {
		t.Errorf("%v", got.envelopes)
	}
}

// badSectors is a disk that gives an error for some of its sectors.
type badSectors struct {
	content []byte
	bad     []int64
}

func (d badSectors) ReadAt(b []byte, at int64) (int, error) {
	for _, sector := range d.bad {
		if at < sector+512 && sector < at+int64(len(b)) {
			return 0, unix.EIO
		}
	}
	return copy(b, d.content[at:]), nil
}

// A dying disk: what reads is copied, the rest is zeros, and the file keeps its
// length.
func TestCopyOfADyingDisk(t *testing.T) {
	content := make([]byte, 3<<20+5000)
	rand.Read(content)
	for _, bad := range [][]int64{nil, {0}, {1 << 20, 1<<20 + 8192}, {3<<20 + 4608}} {
		want := bytes.Clone(content)
		for _, sector := range bad {
			block := sector &^ 4095
			clear(want[block:min(block+4096, int64(len(want)))])
		}
		var out bytes.Buffer
		whole, err := copyBlocks(background, &out, badSectors{content, bad}, int64(len(content)))
		if err != nil || whole != (bad == nil) || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("bad %v: whole %t, %v, %d bytes of %d", bad, whole, err, out.Len(), len(want))
		}
	}
}
