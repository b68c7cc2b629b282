package pack

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"smartreader/build/pack/fat"
)

// emptyData is an ext4 file system without files, gzip'd. Made once, the same
// every time (mke2fs 1.47.0; 1.47.1 and later read SOURCE_DATE_EPOCH instead):
//
//	E2FSPROGS_FAKE_TIME=1779433551 mke2fs -t ext4 -L data -m 0 -b 4096 -e remount-ro \
//	  -O ^orphan_file,^metadata_csum_seed -J size=8 -U 5d1c0b6e-5a1a-4c0e-8f00-72656164e401 \
//	  -E lazy_itable_init=1,nodiscard,root_owner=0:0,resize=33554432,hash_seed=5d1c0b6e-5a1a-4c0e-8f00-72656164e402 \
//	  data.ext4 64M && gzip -9n data.ext4
//
// It can grow while mounted (to 128 GiB by resize=, then as meta_bg), is usable at once
// (lazy_itable_init: the kernel clears the rest in the background), and becomes
// read-only when the kernel finds it damaged. What it lacks (-O) is too new for
// the e2fsck of many PCs.
//
//go:embed data.ext4.gz
var emptyData []byte

// Options are what an image is made of.
type Options struct {
	// Board is the hardware; see Boards.
	Board string
	// Main is the Go package of /init, as "go build" takes it; empty is the
	// card reader, smartreader/firmware.
	Main string
	// Worker is the Go package of /worker, which /init runs instead of itself;
	// empty is none.
	Worker string
	// Config is reader.json; nil is a sample to be edited.
	Config []byte
	// PlatformCA is platform-ca.pem; nil leaves the file out.
	PlatformCA []byte
	// Cmdline is added to the kernel's command line.
	Cmdline string
	// Size is the disk's, in bytes: a power of two; 0 is DefaultSize.
	Size int64
	// Time stamps the files; zero is the date of the newest part in the image.
	Time time.Time
	// Out is the image's file. One that is there is replaced, at the end and at once.
	Out string
	// Progress, if not nil, is told what begins. It is called by one goroutine
	// at a time.
	Progress func(step string)
}

// Result is what came out. Sizes are in bytes.
type Result struct {
	Path   string
	SHA256 string // of the file, in hexadecimal
	Size   int64
	Stored int64 // what the file takes on this disk: holes take nothing
	// Kernel and Initramfs are as they are on the disk, compressed; Init and
	// Worker are the programs in it.
	Kernel, Initramfs, Init, Worker int64
}

// Build makes an image. It needs the go command, and network once for what is
// not on this computer yet. Equal options and sources make equal images with the
// same release of Go. When ctx ends, Build ends with its error and leaves no file.
func Build(ctx context.Context, o Options) (Result, error) {
	return buildFrom(ctx, o, fetchParts)
}

// parts are the files of the modules an image is made from, by path.
type parts struct{ kernel, firmware map[string][]byte }

func fetchParts(ctx context.Context, b board) (p parts, err error) {
	if p.kernel, err = kernelPart.fetch(ctx); err != nil || b.firmware == nil {
		return p, err
	}
	p.firmware, err = firmwarePart.fetch(ctx)
	return p, err
}

func buildFrom(ctx context.Context, o Options, fetch func(context.Context, board) (parts, error)) (Result, error) {
	b, err := o.check()
	if err != nil {
		return Result{}, err
	}
	// Made first: a place that cannot be written to is told before the work.
	dir := filepath.Dir(o.Out)
	file, err := os.CreateTemp(dir, "."+filepath.Base(o.Out)+".*.part")
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return Result{}, fmt.Errorf("pack: cannot write in folder %s: %w", dir, failed.Err)
	} else if err != nil {
		return Result{}, fmt.Errorf("pack: cannot write in folder %s: %w", dir, err)
	}
	r, err := build(ctx, o, b, fetch, file)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), o.Out)
	}
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("%w\nAn image takes up to 100 MB, and the go command some more for a while", err)
		}
		_ = os.Remove(file.Name())
		return Result{}, err
	}
	return r, nil
}

// check completes the options and finds what is wrong with them.
func (o *Options) check() (board, error) {
	b, ok := boards[o.Board]
	if !ok {
		var names []string
		for _, b := range Boards() {
			names = append(names, b.Name)
		}
		return b, fmt.Errorf("pack: there is no board %q; there are %s", o.Board, strings.Join(names, ", "))
	}
	if o.Main == "" {
		o.Main = "smartreader/firmware"
	}
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Time.IsZero() {
		o.Time = stamp
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	switch info, err := os.Stat(o.Out); {
	case o.Out == "":
		return b, errors.New("pack: no file given for the image")
	case err == nil && !info.Mode().IsRegular():
		return b, fmt.Errorf("pack: %s is not a file; make the image in a file, then copy it to a card", o.Out)
	case o.Size < minSize || o.Size&(o.Size-1) != 0:
		return b, fmt.Errorf("pack: a disk of %d bytes: the size must be a power of two, 512 MiB or more", o.Size)
	case o.Size > 1<<40:
		return b, fmt.Errorf("pack: a disk of %d bytes is more than its partition table can tell", o.Size)
	case strings.ContainsAny(o.Cmdline, "\r\n"):
		return b, errors.New("pack: the kernel command line is one line")
	}
	if _, err := exec.LookPath("go"); err != nil {
		return b, errors.New("pack: there is no go command: install Go from https://go.dev/dl/ and have it in PATH")
	}
	if o.Config == nil {
		o.Config = b.sampleSettings(o.Board)
	}
	if err := checkSettings(o.Board, o.Config); err != nil {
		return b, fmt.Errorf("pack: %w", err)
	}
	if o.PlatformCA != nil {
		if err := checkRoots(o.PlatformCA); err != nil {
			return b, fmt.Errorf("pack: %w", err)
		}
	}
	return b, nil
}

func build(ctx context.Context, o Options, b board, fetch func(context.Context, board) (parts, error), file *os.File) (Result, error) {
	r := Result{Path: o.Out, Size: o.Size}
	o.Progress("get kernel and firmware")
	p, err := fetch(ctx, b)
	if err != nil {
		return r, err
	}

	// The kernel is compressed while the go command compiles.
	type compressed struct {
		data []byte
		err  error
	}
	image := make(chan compressed, 1)
	side, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		data, err := compress(side, b.level, p.kernel["vmlinuz"])
		image <- compressed{data, err}
	}()
	root, err := r.programs(ctx, o, b)
	if err != nil {
		stop()
		<-image
		return r, err
	}
	packed := <-image
	if packed.err != nil {
		return r, fmt.Errorf("pack: compress the kernel: %w", packed.err)
	}
	r.Kernel, r.Initramfs = int64(len(packed.data)), int64(len(root))

	o.Progress("write the disk")
	slot, err := b.slotFiles(p, packed.data, root, o.Cmdline)
	if err != nil {
		return r, err
	}
	err = file.Truncate(o.Size)
	if err == nil {
		err = writeDisk(file, o, b.sharedFiles(p, o.Config, o.PlatformCA), slot)
	}
	if err != nil {
		return r, fmt.Errorf("pack: write the disk: %w", err)
	}

	o.Progress("hash the disk")
	if r.SHA256, err = hash(ctx, file); err != nil {
		return r, fmt.Errorf("pack: read the disk again: %w", err)
	}
	r.Stored, err = stored(file)
	return r, err
}

// programs compiles what runs on the device and makes its initramfs.
func (r *Result) programs(ctx context.Context, o Options, b board) (root []byte, err error) {
	o.Progress("compile " + o.Main)
	initProgram, err := compile(ctx, o.Main)
	if err != nil {
		return nil, err
	}
	var worker []byte
	if o.Worker != "" {
		o.Progress("compile " + o.Worker)
		if worker, err = compile(ctx, o.Worker); err != nil {
			return nil, err
		}
	}
	o.Progress("compress kernel and programs")
	r.Init, r.Worker = int64(len(initProgram)), int64(len(worker))
	if root, err = initramfs(ctx, b.level, o.Time, initProgram, worker); err != nil {
		return nil, fmt.Errorf("pack: make the initramfs: %w", err)
	}
	return root, nil
}

// writeDisk fills a disk of zeros.
func writeDisk(disk io.WriterAt, o Options, shared, slot []fat.File) error {
	if _, err := disk.WriteAt(encodeMBR(layout), 0); err != nil {
		return err
	}
	for i, v := range []fat.Volume{
		sharedPartition: {Label: "READER", Files: shared},
		slotA:           {Label: "SLOT-A", Files: slot},
		slotB:           {Label: "SLOT-B", Files: slot},
	} {
		p := layout[i]
		v.ID, v.Start, v.Size, v.Time = Signature+1+uint32(i), uint32(p.start/sectorSize), p.size, o.Time
		if err := fat.Write(section{disk, p.start, p.size}, v); err != nil {
			return fmt.Errorf("%s: %w", v.Label, err)
		}
	}
	return writeData(section{disk, layout[dataPartition].start, layout[dataPartition].size})
}

// writeData writes the empty file system, without what is zero.
func writeData(s section) error {
	z, err := gzip.NewReader(bytes.NewReader(emptyData))
	if err != nil {
		return err
	}
	block, zero := make([]byte, 4096), make([]byte, 4096)
	for at := int64(0); ; at += int64(len(block)) {
		switch _, err := io.ReadFull(z, block); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case bytes.Equal(block, zero):
			continue
		}
		if _, err := s.WriteAt(block, at); err != nil {
			return err
		}
	}
}

func hash(ctx context.Context, file *os.File) (string, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h, buffer := sha256.New(), make([]byte, mib)
	for {
		n, err := file.Read(buffer)
		h.Write(buffer[:n])
		switch {
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", err
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
	}
}
