package pack

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strconv"
	"strings"

	"smartreader/build/pack/fat"
)

// Boot is what a boot ROM finds on a disk and gives to the kernel.
type Boot struct {
	// Slot is the number of the partition it comes from: 2 is A, 3 is B.
	Slot int
	// Kernel is the kernel, not compressed any more.
	Kernel []byte
	// Initramfs is as it is on the disk, compressed.
	Initramfs []byte
	// Cmdline is the kernel command line of the slot.
	Cmdline string

	slot *fat.Reader
}

// File returns any file of the slot. An error wraps fs.ErrNotExist when there is
// no such file.
func (b Boot) File(name string) ([]byte, error) { return b.slot.ReadFile(name) }

// DTB returns the device tree of a model, like "bcm2710-rpi-zero-2-w".
func (b Boot) DTB(name string) ([]byte, error) {
	return b.slot.ReadFile(strings.TrimSuffix(name, ".dtb") + ".dtb")
}

// Limits of what is read from a disk, in bytes.
const (
	maxAutoboot = 512 // as in Raspberry Pi documentation, "autoboot.txt"
	maxKernel   = 256 * mib
)

// ReadBoot plays the boot ROM of a board: it finds the slot that autoboot.txt
// names and reads what its config.txt names. It does so for images that others
// changed, and trusts nothing in them.
func ReadBoot(image io.ReaderAt) (Boot, error) {
	sector := make([]byte, sectorSize)
	if _, err := image.ReadAt(sector, 0); err != nil {
		return Boot{}, fmt.Errorf("%w: read the first sector: %w", errDisk, err)
	}
	parts, _, err := decodeMBR(sector)
	if err != nil {
		return Boot{}, err
	}
	open := func(number int) (*fat.Reader, error) {
		p := parts[number-1]
		v, err := fat.Open(io.NewSectionReader(image, p.start, p.size), p.size)
		if err != nil {
			return nil, fmt.Errorf("pack: partition %d: %w", number, err)
		}
		return v, nil
	}
	shared, err := open(1)
	if err != nil {
		return Boot{}, err
	}
	text, err := shared.ReadFile(autobootFile)
	if err != nil {
		return Boot{}, fmt.Errorf("pack: partition 1: %w", err)
	}
	b := Boot{}
	if b.Slot, err = activeSlot(text); err != nil {
		return Boot{}, err
	}
	if b.slot, err = open(b.Slot); err != nil {
		return Boot{}, err
	}
	if err := b.load(); err != nil {
		return Boot{}, fmt.Errorf("pack: slot %d: %w", b.Slot, err)
	}
	return b, nil
}

func (b *Boot) load() error {
	config, err := b.File(configFile)
	if err != nil {
		return err
	}
	kernel, initramfs := configured(string(config))
	if kernel == "" || initramfs == "" {
		return fmt.Errorf("%s names no kernel or no initramfs", configFile)
	}
	if b.Kernel, err = b.File(kernel); err != nil {
		return err
	}
	if b.Kernel, err = decompress(b.Kernel, maxKernel); err != nil {
		return fmt.Errorf("%s: %w", kernel, err)
	}
	if b.Initramfs, err = b.File(initramfs); err != nil {
		return err
	}
	line, err := b.File(cmdlineFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b.Cmdline, _, _ = strings.Cut(strings.TrimSpace(string(line)), "\n")
	return nil
}

// activeSlot returns the number of the partition that autoboot.txt names.
func activeSlot(text []byte) (int, error) {
	if len(text) > maxAutoboot {
		return 0, fmt.Errorf("pack: %s has %d bytes, boot ROMs read %d", autobootFile, len(text), maxAutoboot)
	}
	slot := 0
	for name, value := range directives(string(text)) {
		if name == "boot_partition" {
			n, err := strconv.Atoi(value)
			if err != nil || n < 2 || n > 3 {
				return 0, fmt.Errorf("pack: %s: boot_partition is %q, it must be 2 or 3", autobootFile, value)
			}
			slot = n
		}
	}
	if slot == 0 {
		return 0, fmt.Errorf("pack: %s has no boot_partition for [all]", autobootFile)
	}
	return slot, nil
}

// configured returns the files that config.txt names.
func configured(text string) (kernel, initramfs string) {
	for name, value := range directives(text) {
		if name == "kernel" {
			kernel = value
		}
		if fields := strings.Fields(name); len(fields) > 1 && fields[0] == "initramfs" {
			initramfs = fields[1]
		}
	}
	return kernel, initramfs
}

// directives yields the lines of a file for the Raspberry Pi's firmware that
// hold for all models, in a boot that is not on trial.
func directives(text string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		all := true
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				all = line == "[all]"
			}
			if !all || line == "" || line[0] == '[' || line[0] == '#' {
				continue
			}
			name, value, _ := strings.Cut(line, "=")
			if !yield(strings.TrimSpace(name), strings.TrimSpace(value)) {
				return
			}
		}
	}
}

// decompress opens a gzip file; anything else is left as it is.
func decompress(data []byte, limit int64) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return out, err
}
