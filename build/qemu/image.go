package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"smartreader/build/pack"
	"smartreader/build/qemu/machine"
)

// pn532Serial is the USB serial number of the adapter with the PN532 behind it.
const pn532Serial = "PN532-0001"

// posPort is where POS connect inside the machine.
const posPort = 4443

// loaded is what QEMU needs of an image besides the disk itself: QEMU has no
// boot ROM for these machines, so we play it.
type loaded struct{ disk, kernel, initramfs, dtb, cmdline string }

// recipe says what to put on a disk.
type recipe struct {
	lane     string
	main     string // Go package of /init; empty: the reader
	worker   string // Go package of /worker; empty: none
	config   []byte
	ca       []byte
	progress func(string)
}

// make builds the image in dir and boots what is in it. The disk keeps its data
// partition from earlier runs: what is new is the software, as after an update.
func (i recipe) make(ctx context.Context, dir string) (loaded, error) {
	fresh, disk := filepath.Join(dir, "fresh.img"), filepath.Join(dir, "reader.img")
	if _, err := pack.Build(ctx, pack.Options{
		Board: i.lane, Main: i.main, Worker: i.worker, Config: i.config, PlatformCA: i.ca, Out: fresh, Progress: i.progress,
	}); err != nil {
		return loaded{}, err
	}
	_, err := os.Stat(disk)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.Rename(fresh, disk)
	case err == nil:
		err = errors.Join(update(disk, fresh), os.Remove(fresh))
	}
	if err != nil {
		return loaded{}, fmt.Errorf("install the image: %w", err)
	}
	return load(ctx, disk, i.lane)
}

// update puts the partitions in front of the data partition of a fresh image
// on a disk. The partition table stays as it is: the reader may have grown its
// data partition.
func update(disk, fresh string) error {
	from, err := os.Open(fresh)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	was, err := table(to)
	if err != nil {
		return err
	}
	is, err := table(from)
	if err != nil {
		return err
	}
	if was.signature != is.signature || was.starts != is.starts {
		return fmt.Errorf("%s is laid out differently from what is built now; to start with an empty reader remove it", disk)
	}
	const sector = 512
	start, end := int64(is.starts[0])*sector, int64(is.starts[3])*sector
	if _, err := to.Seek(start, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(to, io.NewSectionReader(from, start, end-start)); err != nil {
		return err
	}
	return to.Sync()
}

// layout is what must be equal for an update.
type layout struct {
	signature uint32
	starts    [4]uint32 // of the partitions, in sectors
}

// table reads a master boot record: four entries of 16 bytes from byte 446, in
// each the first sector at byte 8, little endian; the signature at byte 440.
func table(disk io.ReaderAt) (layout, error) {
	var b [512]byte
	if _, err := disk.ReadAt(b[:], 0); err != nil {
		return layout{}, err
	}
	word := func(at int) uint32 {
		return uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3])<<24
	}
	l := layout{signature: word(440)}
	for i := range l.starts {
		l.starts[i] = word(446 + 16*i + 8)
	}
	return l, nil
}

// load reads what a boot ROM would read from the disk, into files beside it.
func load(ctx context.Context, disk, lane string) (loaded, error) {
	dir := filepath.Dir(disk)
	l := loaded{disk: disk, kernel: filepath.Join(dir, "kernel"), initramfs: filepath.Join(dir, "initramfs")}
	f, err := os.Open(disk)
	if err != nil {
		return l, err
	}
	defer f.Close()
	b, err := pack.ReadBoot(f)
	if err != nil {
		return l, err
	}
	l.cmdline = b.Cmdline
	// Unpacked here, because an emulated processor takes a second for it.
	root, err := unpack(b.Initramfs)
	if err != nil {
		return l, err
	}
	if err := errors.Join(os.WriteFile(l.kernel, b.Kernel, 0o600), os.WriteFile(l.initramfs, root, 0o600)); err != nil {
		return l, err
	}
	if lane == machine.Raspi3b {
		l.dtb = filepath.Join(dir, "machine.dtb")
		err = deviceTree(ctx, b, l.dtb)
	}
	return l, err
}

func unpack(initramfs []byte) ([]byte, error) {
	packed, err := gzip.NewReader(bytes.NewReader(initramfs))
	if err != nil {
		return nil, fmt.Errorf("initramfs: %w", err)
	}
	return io.ReadAll(packed)
}

// deviceTree does to the Zero 2 W's device tree what the Raspberry Pi's
// firmware would do: it applies an overlay, switches buses on, and writes down
// which model this is (902120: Zero 2 W, Raspberry Pi documentation, "Raspberry
// Pi revision codes").
func deviceTree(ctx context.Context, b pack.Boot, file string) error {
	tree, err := b.DTB("bcm2710-rpi-zero-2-w")
	if err != nil {
		return err
	}
	overlay, err := b.File("overlays/disable-bt.dtbo")
	if err != nil {
		return err
	}
	plain, added := file+".plain", file+".overlay"
	if err := errors.Join(os.WriteFile(plain, tree, 0o600), os.WriteFile(added, overlay, 0o600)); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"fdtoverlay", "-i", plain, "-o", file, added},
		{"fdtput", "-c", file, "/system"},
		{"fdtput", "-t", "x", file, "/system", "linux,revision", "902120"},
		{"fdtput", "-t", "s", file, "/soc/i2c@7e804000", "status", "okay"},
		{"fdtput", "-t", "s", file, "/soc/spi@7e204000", "status", "okay"},
		{"fdtput", "-t", "s", file, "/soc/serial@7e215040", "status", "okay"},
	} {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s is not installed (Debian: apt-get install device-tree-compiler): %w", command[0], err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	return nil
}

// readerConfig is reader.json for a lane: the firmware's own sample tells what
// the settings mean. The machine finds this computer at machine.Host.
func readerConfig(lane, level string, devicePort, timePort int) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"board":            lane,
		"dataDir":          "/data/reader",
		"listen":           fmt.Sprintf(":%d", posPort),
		"platformUrl":      fmt.Sprintf("https://%s:%d", machine.Host, devicePort),
		"platformCaFile":   "/run/reader/platform-ca.pem",
		"registrationCode": registrationCode,
		"deviceType":       "simulated_stripe_s700",
		"logLevel":         level,
		"softwarePinPad":   true,
		"timeServers":      []string{fmt.Sprintf("%s:%d", machine.Host, timePort)},
		"devices":          map[string]string{"pn532": "hsu:usb:" + pn532Serial, "screen": "fb:/dev/fb0"},
	}, "", "  ")
}

// registrationCode is what the sandbox accepts.
const registrationCode = "simulated-s700"
