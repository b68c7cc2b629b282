package pack

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"smartreader/build/pack/fat"
)

// disk is a disk of zeros in memory, of which only what is written is kept.
type disk struct {
	sectors map[int64]*[sectorSize]byte
	size    int64
}

func (d *disk) WriteAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > d.size {
		return 0, errors.New("beyond the end")
	}
	for n := 0; n < len(p); {
		i := at + int64(n)
		b := d.sectors[i/sectorSize]
		if b == nil {
			b = new([sectorSize]byte)
			d.sectors[i/sectorSize] = b
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
		b := d.sectors[i/sectorSize]
		if b == nil {
			b = &zero
		}
		n += copy(p[n:], b[i%sectorSize:])
	}
	return len(p), nil
}

// patched returns a copy in which some bytes are others.
func (d *disk) patched(at int64, patch []byte) *disk {
	c := &disk{sectors: map[int64]*[sectorSize]byte{}, size: d.size}
	for i, s := range d.sectors {
		c.sectors[i] = s
	}
	for n := range patch {
		i := at + int64(n)
		if s := c.sectors[i/sectorSize]; s != nil {
			own := *s
			own[i%sectorSize] = patch[n]
			c.sectors[i/sectorSize] = &own
		}
	}
	return c
}

// small makes a disk with a kernel and an initramfs of few bytes.
func small(t testing.TB, autobootText, configText string) *disk {
	kernel, err := compress(t.Context(), gzip.BestSpeed, []byte("the kernel"))
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{sectors: map[int64]*[sectorSize]byte{}, size: minSize}
	slot := []fat.File{
		{Name: kernelFile, Data: kernel},
		{Name: initramfsFile, Data: []byte("the initramfs")},
		{Name: cmdlineFile, Data: []byte("the command line\n")},
		{Name: configFile, Data: []byte(configText)},
		{Name: "bcm2710-rpi-zero-2-w.dtb", Data: []byte("the tree")},
		{Name: "overlays/one.dtbo", Data: []byte("an overlay")},
	}
	shared := []fat.File{{Name: autobootFile, Data: []byte(autobootText)}}
	if err := writeDisk(d, Options{Time: stamp}, shared, slot); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReadBoot(t *testing.T) {
	other := strings.NewReplacer("=2", "=3", "=3", "=2").Replace(autoboot)
	for slot, text := range map[int]string{2: autoboot, 3: other} {
		b, err := ReadBoot(small(t, text, boards["pi"].configText()))
		if err != nil {
			t.Fatal(err)
		}
		if b.Slot != slot || string(b.Kernel) != "the kernel" || string(b.Initramfs) != "the initramfs" || b.Cmdline != "the command line" {
			t.Errorf("slot %d: kernel %q, initramfs %q, command line %q", b.Slot, b.Kernel, b.Initramfs, b.Cmdline)
		}
		for _, name := range []string{"bcm2710-rpi-zero-2-w", "bcm2710-rpi-zero-2-w.dtb"} {
			if tree, err := b.DTB(name); err != nil || string(tree) != "the tree" {
				t.Errorf("%s: %q, %v", name, tree, err)
			}
		}
		if overlay, err := b.File("overlays/one.dtbo"); err != nil || string(overlay) != "an overlay" {
			t.Errorf("overlay: %q, %v", overlay, err)
		}
	}
}

func TestWhatDoesNotBoot(t *testing.T) {
	config := boards["virt"].configText()
	for what, c := range map[string]struct {
		disk *disk
		want string
	}{
		"empty":           {&disk{size: 1 * mib}, "no partition table"},
		"nothing":         {&disk{}, "first sector"},
		"no partition 1":  {small(t, autoboot, config).patched(446, make([]byte, 16)), "partition 1"},
		"no slot":         {small(t, "[tryboot]\nboot_partition=3\n", config), "no boot_partition"},
		"slot 1":          {small(t, "boot_partition=1\n", config), "must be 2 or 3"},
		"long":            {small(t, autoboot+strings.Repeat("#", 512), config), "boot ROMs read 512"},
		"names nothing":   {small(t, autoboot, "[cm4]\nkernel=a\ninitramfs b\n"), "names no kernel"},
		"names a folder":  {small(t, autoboot, "kernel=overlays\ninitramfs b\n"), "folder"},
		"no initramfs":    {small(t, autoboot, "kernel="+kernelFile+"\ninitramfs none followkernel\n"), "none"},
		"slot is damaged": {small(t, autoboot, config).patched(layout[slotA].start, make([]byte, sectorSize)), "partition 2"},
	} {
		if _, err := ReadBoot(c.disk); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
}

func TestDecompressHasALimit(t *testing.T) {
	bomb, err := compress(t.Context(), gzip.BestCompression, make([]byte, 4*mib))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decompress(bomb, 1*mib); err == nil {
		t.Error("4 MiB where 1 MiB is the limit")
	}
	if raw, err := decompress([]byte("MZ raw"), 1*mib); err != nil || !bytes.Equal(raw, []byte("MZ raw")) {
		t.Errorf("not compressed: %q, %v", raw, err)
	}
}

// FuzzReadBoot changes a sound disk anywhere.
func FuzzReadBoot(f *testing.F) {
	sound := small(f, autoboot, boards["pi"].configText())
	f.Add(uint32(0), []byte{})
	f.Add(uint32(446+8), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) // partition 1 far away
	f.Add(uint32(446+16+12), []byte{0, 0, 0, 0})                                 // slot A of nothing
	f.Add(uint32(layout[sharedPartition].start+13), []byte{0})
	f.Add(uint32(layout[slotA].start+36), []byte{0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b, err := ReadBoot(sound.patched(int64(at), patch))
		if err == nil && b.Slot != 2 && b.Slot != 3 {
			t.Errorf("slot %d", b.Slot)
		}
	})
}

// FuzzDirectives reads any text as autoboot.txt and config.txt.
func FuzzDirectives(f *testing.F) {
	f.Add(autoboot)
	f.Add("\ufeff[all]\r\nboot_partition = 3\r\n")
	for name := range boards {
		f.Add(boards[name].configText())
	}
	f.Add("[all\n=\ninitramfs\n[]")
	f.Add("kernel=0\r0") // an end of line to nobody any more
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := activeSlot([]byte(text)); err == nil && n != 2 && n != 3 {
			t.Errorf("slot %d", n)
		}
		if kernel, initramfs := configured(text); strings.Contains(kernel+initramfs, "\n") {
			t.Errorf("kernel %q, initramfs %q", kernel, initramfs)
		}
	})
}
