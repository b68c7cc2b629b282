package boot

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// write makes files below dir, with their folders.
func write(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDiskIsFoundByItsSignature(t *testing.T) {
	sys, dev := t.TempDir(), t.TempDir()
	table := sample()
	other := sample()
	other[mbrSignature]++
	write(t, sys, map[string]string{
		"class/block/loop0/size": "0\n", "class/block/sda/size": "1048576\n", "class/block/sdb/size": "1048576\n",
		"class/block/sr0/size": "100\n", "class/block/sda4/size": "948224\n", "class/block/sda4/partition": "4\n",
		"class/block/sdb/sdb1/partition": "1\n", "class/block/sdb/sdb4/partition": "4\n",
	})
	write(t, dev, map[string]string{"sda": string(other[:]), "sdb": string(table[:]), "sda4": string(table[:]), "sr0": "short"})
	d, err := findDisk(sys, dev, 0x52454144)
	if err != nil || d == nil || d.name != "sdb" || d.sectors != 1048576 || d.table != table {
		t.Fatalf("got %+v, %v", d, err)
	}
	if name, err := d.partition(sys, 4); name != "sdb4" || err != nil {
		t.Errorf("partition 4 is %q, %v", name, err)
	}
	if _, err := d.partition(sys, 2); err == nil || !strings.Contains(err.Error(), "sdb has no partition 2") {
		t.Errorf("partition 2: %v", err)
	}
	if d, err := findDisk(sys, dev, 0x12345678); d != nil || err != nil {
		t.Errorf("an unknown signature found %+v, %v", d, err)
	}
	// Another reader's card in a USB adapter: neither ledger is touched.
	write(t, dev, map[string]string{"sda": string(table[:])})
	if d, err := findDisk(sys, dev, 0x52454144); d != nil || err == nil || !strings.Contains(err.Error(), "sda and sdb") {
		t.Errorf("two disks with one signature: %+v, %v", d, err)
	}
	if _, err := findDisk(t.TempDir(), dev, 1); err == nil {
		t.Error("without /sys nothing was said")
	}
}

func TestWriteSectorKeepsTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{7}, 2048), 0o600); err != nil {
		t.Fatal(err)
	}
	table := sample()
	if err := writeSector(path, table[:]); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) != 2048 || !bytes.Equal(b[:512], table[:]) || !bytes.Equal(b[512:], bytes.Repeat([]byte{7}, 1536)) {
		t.Errorf("%v, %d bytes", err, len(b))
	}
	if err := writeSector(path+"x", table[:]); err == nil {
		t.Error("a disk that is not there was written, or made")
	}
}

func TestReadSuperblock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "partition")
	if err := os.WriteFile(path, append(make([]byte, superblockOffset), fresh...), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := readSuperblock(path); err != nil || s.blocks != 16384 {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := os.Truncate(path, 1500); err != nil {
		t.Fatal(err)
	}
	if _, err := readSuperblock(path); err == nil {
		t.Error("a partition too short was read")
	}
}

func TestClockFileIsReplacedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	for _, text := range []string{"1793491200\n", "1\n"} {
		if err := writeDurably(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("got %q, %v", b, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left over: %v", entries)
	}
}

func TestOwnForgivesWhatIsGone(t *testing.T) {
	root := files(map[string]string{"dev/fb0": "", "dev/i2c-1": ""})
	dev := t.TempDir()
	write(t, dev, map[string]string{"fb0": ""})
	if err := own(root, dev, os.Getuid()); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dev, "fb0"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
		t.Errorf("got %v, %v", info, err)
	}
}

func TestPowerKey(t *testing.T) {
	event := func(kind, code, value byte) string {
		return strings.Repeat("\x00", 16) + string([]byte{kind, 0, code, 0, value, 0, 0, 0})
	}
	for name, test := range map[string]struct {
		events string
		want   bool
	}{
		"pressed":      {event(4, 4, 116) + event(evKey, keyPower, 1), true},
		"released":     {event(evKey, keyPower, 0), false},
		"another":      {event(evKey, 28, 1), false},
		"cut off":      {event(evKey, keyPower, 1)[:20], false},
		"device, gone": {"", false},
	} {
		if got := powerPressed(strings.NewReader(test.events)); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
