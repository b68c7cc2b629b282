package fat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const mib = 1 << 20

// disk is a sparse volume in memory.
type disk struct {
	blocks map[int64]*[sectorSize]byte
	size   int64
}

func newDisk(size int64) *disk { return &disk{blocks: map[int64]*[sectorSize]byte{}, size: size} }

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > d.size {
		return 0, errors.New("beyond the end")
	}
	for n := 0; n < len(p); {
		i := at + int64(n)
		b := d.blocks[i/sectorSize]
		if b == nil {
			b = new([sectorSize]byte)
			d.blocks[i/sectorSize] = b
		}
		n += copy(b[i%sectorSize:], p[n:])
	}
	return len(p), nil
}

func (d *disk) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > d.size {
		return 0, errors.New("beyond the end")
	}
	var zero [sectorSize]byte
	for n := 0; n < len(p); {
		i := at + int64(n)
		b := d.blocks[i/sectorSize]
		if b == nil {
			b = &zero
		}
		n += copy(p[n:], b[i%sectorSize:])
	}
	return len(p), nil
}

func sample() Volume {
	long := strings.Repeat("a long name of many words ", 9) + "end.txt"
	files := []File{
		{"bootcode.bin", bytes.Repeat([]byte("boot"), 5000)},
		{"README.TXT", []byte("read me")},
		{"Mixed.Case", []byte("mixed")},
		{"empty", nil},
		{"bcm2710-rpi-zero-2-w.dtb", []byte("tree")},
		{"thirteen.char", []byte("a name of exactly one entry")},
		{"ümläut 😀.txt", []byte("not ASCII")},
		{"ı.txt", []byte("its capital is I")},
		{long, []byte("255")},
		{"a/b/c/deep", []byte("deep")},
		{"a/..b", []byte("dots")},
		{".hidden", []byte("dot first")},
	}
	for i := range 300 {
		files = append(files, File{fmt.Sprintf("overlays/overlay-number-%03d.dtbo", i), []byte{byte(i), byte(i >> 8)}})
	}
	return Volume{Label: "TEST-VOL", ID: 0x1234abcd, Size: 40 * mib, Start: 8192, Time: time.Date(2026, 5, 22, 7, 5, 51, 0, time.UTC), Files: files}
}

func TestReadsBackWhatWasWritten(t *testing.T) {
	for _, size := range []int64{34 * mib, 40 * mib, 96 * mib, 300 * mib} {
		v := sample()
		v.Size = size
		d := newDisk(size)
		if err := Write(d, v); err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		r, err := Open(d, size)
		if err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		if r.Label() != v.Label || r.ID() != v.ID {
			t.Errorf("label %q, ID %x", r.Label(), r.ID())
		}
		for _, f := range v.Files {
			got, err := r.ReadFile(f.Name)
			if err != nil || !bytes.Equal(got, f.Data) {
				t.Errorf("%d: %s: %d bytes, %v", size, f.Name, len(got), err)
			}
		}
		names := func(dir string) (names []string) {
			entries, err := r.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				names = append(names, e.Name)
			}
			return names
		}
		if got := names("a"); !slices.Equal(got, []string{"..b", "b"}) {
			t.Errorf("folder a has %q", got)
		}
		if got := names("overlays"); len(got) != 300 || got[299] != "overlay-number-299.dtbo" {
			t.Errorf("folder overlays has %d entries", len(got))
		}
		if _, err := r.ReadFile("OVERLAYS/Overlay-Number-007.DTBO"); err != nil {
			t.Errorf("case matters: %v", err)
		}
		for _, missing := range []string{"nothing", "a/nothing", "overlays/nothing/x", "README.TXT/x", "a/"} {
			if _, err := r.ReadFile(missing); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v", missing, err)
			}
		}
		for _, wrong := range []string{"a", "overlays"} {
			if _, err := r.ReadFile(wrong); err == nil {
				t.Errorf("the folder %s was read", wrong)
			}
		}
		if _, err := r.ReadDir("README.TXT"); err == nil {
			t.Error("a file was listed")
		}
	}
}

func TestSameFilesSameBytes(t *testing.T) {
	sum := func(v Volume) [sha256.Size]byte {
		d := newDisk(v.Size)
		if err := Write(d, v); err != nil {
			t.Fatal(err)
		}
		all := make([]byte, v.Size)
		if _, err := d.ReadAt(all, 0); err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(all)
	}
	v := sample()
	want := sum(v)
	slices.Reverse(v.Files)
	v.Time = v.Time.In(time.FixedZone("elsewhere", 5*3600))
	if sum(v) != want {
		t.Error("order of the files or the time zone shows in the volume")
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	one := func(name string) []File { return []File{{Name: name}} }
	for what, v := range map[string]Volume{
		"too small":        {Label: "X", Size: 32 * mib},
		"no label":         {Size: 40 * mib},
		"label":            {Label: "lower", Size: 40 * mib},
		"empty name":       {Label: "X", Size: 40 * mib, Files: one("")},
		"dot dot":          {Label: "X", Size: 40 * mib, Files: one("a/../b")},
		"slash at the end": {Label: "X", Size: 40 * mib, Files: one("a/")},
		"colon":            {Label: "X", Size: 40 * mib, Files: one("a:b")},
		"dot at the end":   {Label: "X", Size: 40 * mib, Files: one("a.")},
		"too long":         {Label: "X", Size: 40 * mib, Files: one(strings.Repeat("x", 256))},
		"not UTF-8":        {Label: "X", Size: 40 * mib, Files: one("\xff")},
		"twice":            {Label: "X", Size: 40 * mib, Files: []File{{Name: "a"}, {Name: "A"}}},
		"file and folder":  {Label: "X", Size: 40 * mib, Files: []File{{Name: "a"}, {Name: "a/b"}}},
	} {
		if err := Write(newDisk(v.Size), v); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	full := Volume{Label: "X", Size: 40 * mib, Files: []File{{"big", make([]byte, 40*mib)}}}
	if err := Write(newDisk(full.Size), full); !errors.Is(err, ErrFull) {
		t.Errorf("too much: %v, want ErrFull", err)
	}
}

// TestOthersRead: the system's checker and mtools agree, where they are installed.
func TestOthersRead(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 40 MiB")
	}
	path := filepath.Join(t.TempDir(), "volume")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := sample()
	if err := errors.Join(f.Truncate(v.Size), Write(f, v)); err != nil {
		t.Fatal(err)
	}
	if tool, err := exec.LookPath("fsck.vfat"); err == nil {
		if out, err := exec.Command(tool, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("fsck.vfat: %v\n%s", err, out)
		}
	} else {
		t.Log("fsck.vfat is not installed")
	}
	if tool, err := exec.LookPath("mtype"); err == nil {
		for _, f := range v.Files {
			if f.Name == ".hidden" || strings.Contains(f.Name, "ü") {
				continue // mtools depends on the locale
			}
			out, err := exec.Command(tool, "-i", path, "::"+f.Name).CombinedOutput()
			if err != nil || !bytes.Equal(out, f.Data) {
				t.Fatalf("mtype %s: %v, %d bytes", f.Name, err, len(out))
			}
		}
	} else {
		t.Log("mtools are not installed")
	}
}

func TestDamageIsToldFrom(t *testing.T) {
	v := sample()
	sound := newDisk(v.Size)
	if err := Write(sound, v); err != nil {
		t.Fatal(err)
	}
	g, err := measure(v.Size)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		at    int64
		patch []byte
	}{
		"no signature":          {510, []byte{0}},
		"sectors of 4096 bytes": {12, []byte{0x10}},
		"clusters of nothing":   {13, []byte{0}},
		"FAT16":                 {17, []byte{0, 2}},
		"larger than its place": {32, []byte{0, 0, 0xff, 0xff}},
		"no root":               {44, []byte{0, 0}},
		"root in a circle":      {int64(g.reserved)*sectorSize + 8, []byte{2, 0, 0, 0}},
		"root goes nowhere":     {int64(g.reserved)*sectorSize + 8, []byte{0, 0, 0, 0}},
	} {
		d := newDisk(v.Size)
		for i, b := range sound.blocks {
			own := *b
			d.blocks[i] = &own
		}
		if _, err := d.WriteAt(c.patch, c.at); err != nil {
			t.Fatal(err)
		}
		r, err := Open(d, d.size)
		if err == nil {
			_, err = r.ReadDir("")
		}
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", what, err)
		}
	}
}

// FuzzRead changes a sound volume anywhere and reads all of it.
func FuzzRead(f *testing.F) {
	v := sample()
	v.Size = 34 * mib
	sound := newDisk(v.Size)
	if err := Write(sound, v); err != nil {
		f.Fatal(err)
	}
	g, err := measure(v.Size)
	if err != nil {
		f.Fatal(err)
	}
	table, root := g.reserved*sectorSize, uint32(g.offset(2))
	loop := binary.LittleEndian.AppendUint32(nil, 2)
	f.Add(uint32(0), []byte{})
	f.Add(uint32(13), []byte{0})             // clusters of nothing
	f.Add(uint32(36), []byte{0xff, 0xff})    // huge tables
	f.Add(uint32(44), []byte{0, 0, 0, 0})    // no root
	f.Add(table+8, loop)                     // the root's chain in a circle
	f.Add(root+entrySize, []byte{0x4f})      // a long name of 15 parts
	f.Add(root+2*entrySize, []byte{0x41, 0}) // a long name cut off
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		d := &disk{blocks: map[int64]*[sectorSize]byte{}, size: sound.size}
		for i, b := range sound.blocks {
			d.blocks[i] = b
		}
		for n := range patch {
			i := int64(at) + int64(n)
			if b := d.blocks[i/sectorSize]; b != nil {
				changed := *b
				changed[i%sectorSize] = patch[n]
				d.blocks[i/sectorSize] = &changed
			}
		}
		r, err := Open(d, d.size)
		if err != nil {
			return
		}
		// Damaged folders may be in circles, and damaged files of any size.
		budget := int64(mib / 8)
		var walk func(dir string)
		walk = func(dir string) {
			entries, err := r.ReadDir(strings.TrimSuffix(dir, "/"))
			if err != nil {
				return
			}
			for _, e := range entries {
				if budget -= 4096 + e.Size; budget < 0 {
					return
				}
				if e.Folder {
					walk(dir + e.Name + "/")
				} else {
					_, _ = r.ReadFile(dir + e.Name)
				}
			}
		}
		walk("")
	})
}
