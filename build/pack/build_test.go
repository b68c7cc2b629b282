package pack

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tiny is the smallest init there is, so that these tests compile little.
const tiny = "./testdata/init"

// noParts stands for modules: compressing the real kernel takes its time.
func noParts(context.Context, board) (parts, error) {
	return parts{kernel: map[string][]byte{
		"vmlinuz": bytes.Repeat([]byte("a kernel"), mib/8), "LICENSE.linux": []byte("licence"),
	}}, nil
}

func buildTiny(t *testing.T, change func(*Options)) Result {
	t.Helper()
	o := Options{Board: "virt", Main: tiny, Out: filepath.Join(t.TempDir(), "reader.img")}
	if change != nil {
		change(&o)
	}
	r, err := buildFrom(t.Context(), o, noParts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImageBoots(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the kernel, from the network once")
	}
	r, err := Build(t.Context(), Options{
		Board: "virt", Main: tiny, Worker: tiny, Cmdline: " panic=1  more ",
		Out: filepath.Join(t.TempDir(), "reader.img"),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if n, err := io.Copy(h, f); err != nil || n != DefaultSize || n != r.Size || hex.EncodeToString(h.Sum(nil)) != r.SHA256 {
		t.Errorf("%d bytes, %v, or another hash than %s", n, err, r.SHA256)
	}
	if info, err := f.Stat(); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
	if r.Stored > r.Size/2 {
		t.Logf("no holes on this file system: %d bytes stored", r.Stored)
	}

	b, err := ReadBoot(f)
	if err != nil {
		t.Fatal(err)
	}
	if b.Slot != 2 {
		t.Errorf("slot %d", b.Slot)
	}
	if want := "console=ttyAMA0 quiet vt.global_cursor_default=0 panic=5 reader.disk=52445231 panic=1 more"; b.Cmdline != want {
		t.Errorf("command line %q, want %q", b.Cmdline, want)
	}
	// Linux kernel documentation, "Booting AArch64 Linux": magic at byte 56.
	if len(b.Kernel) < 10*mib || string(b.Kernel[56:60]) != "ARM\x64" {
		t.Errorf("the kernel, of %d bytes, is none", len(b.Kernel))
	}
	if _, err := b.DTB("bcm2710-rpi-zero-2-w"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("virt has the device tree of another board: %v", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b.Initramfs))
	if err != nil {
		t.Fatal(err)
	}
	archive, err := io.ReadAll(z)
	if err != nil || int64(len(b.Initramfs)) != r.Initramfs {
		t.Fatalf("initramfs of %d bytes: %v", len(b.Initramfs), err)
	}
	for _, name := range []string{"dev/console", "dev/null", "init", "worker", "boot", "data", "run", "tmp", "etc", "proc", "sys"} {
		if !bytes.Contains(archive, []byte("\x00"+name+"\x00")) && !bytes.Contains(archive, []byte("00000000"+name+"\x00")) {
			t.Errorf("no %s in the initramfs", name)
		}
	}
	if bytes.Count(archive, []byte("\x7fELF")) < 2 || r.Init == 0 || r.Init != r.Worker {
		t.Errorf("init %d, worker %d bytes", r.Init, r.Worker)
	}
}

func TestSameBytesAnywhere(t *testing.T) {
	first := buildTiny(t, nil)
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("LANG", "C.UTF-8")
	t.Setenv("GOFLAGS", "-tags=killpoints -ldflags=-X=main.x=y")
	t.Setenv("GOARM64", "v8.2")
	t.Setenv("CGO_ENABLED", "1")
	if second := buildTiny(t, nil); second.SHA256 != first.SHA256 {
		t.Errorf("the environment shows in the image: %s, then %s", first.SHA256, second.SHA256)
	}
	if other := buildTiny(t, func(o *Options) { o.Time = time.Unix(1e9, 0) }); other.SHA256 == first.SHA256 {
		t.Error("the time of the files does not show in the image")
	}
}

func TestSameProgramFromAnotherFolder(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(tiny, "main_linux.go"))
	if err != nil {
		t.Fatal(err)
	}
	var programs [2][]byte
	for i := range programs {
		dir := t.TempDir()
		err := errors.Join(
			os.WriteFile(filepath.Join(dir, "main_linux.go"), source, 0o600),
			os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module maker\n"), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		if programs[i], err = compile(t.Context(), "."); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(programs[0], programs[1]) {
		t.Error("the folder shows in the program")
	}
}

// TestInterruptLeavesNothing ends a build at each of its steps.
func TestInterruptLeavesNothing(t *testing.T) {
	for _, step := range []string{"get", "compile", "compress", "write", "hash"} {
		t.Run(step, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := filepath.Join(t.TempDir(), "reader.img")
			if err := os.WriteFile(out, []byte("the image of before"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := buildFrom(ctx, Options{Board: "virt", Main: tiny, Out: out, Progress: func(now string) {
				if strings.HasPrefix(now, step) {
					cancel()
				}
			}}, func(ctx context.Context, b board) (parts, error) {
				p, _ := noParts(ctx, b)
				return p, ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			left, err := os.ReadDir(filepath.Dir(out))
			if err != nil || len(left) != 1 {
				t.Errorf("left: %v, %v", left, err)
			}
			if text, err := os.ReadFile(out); string(text) != "the image of before" {
				t.Errorf("the image of before is %q, %v", text, err)
			}
		})
	}
}

func TestWhatCannotBeBuilt(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "reader.img")
	for what, c := range map[string]struct {
		o    Options
		want string
	}{
		"board":         {Options{Board: "toaster", Out: out}, "there are pi, raspi3b, virt"},
		"no file":       {Options{Board: "pi"}, "no file given"},
		"folder":        {Options{Board: "pi", Out: dir}, "is not a file"},
		"device":        {Options{Board: "pi", Out: os.DevNull}, "then copy it to a card"},
		"no folder":     {Options{Board: "pi", Out: filepath.Join(dir, "no", "x")}, "cannot write in folder"},
		"odd size":      {Options{Board: "pi", Out: out, Size: 600 * mib}, "power of two"},
		"small":         {Options{Board: "pi", Out: out, Size: 256 * mib}, "512 MiB or more"},
		"large":         {Options{Board: "pi", Out: out, Size: 1 << 42}, "partition table"},
		"command line":  {Options{Board: "pi", Out: out, Cmdline: "a\nb"}, "one line"},
		"configuration": {Options{Board: "pi", Out: out, Config: []byte(`{"board":"virt"}`)}, "another board"},
		"certificates":  {Options{Board: "pi", Out: out, PlatformCA: []byte("x")}, "no certificate"},
	} {
		if _, err := Build(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Build(t.Context(), Options{Board: "pi", Out: filepath.Join(t.TempDir(), "x")})
	if err == nil || !strings.Contains(err.Error(), "https://go.dev/dl/") {
		t.Errorf("got %v, want where to get Go", err)
	}
}

func TestWhatCannotBeCompiled(t *testing.T) {
	for pkg, want := range map[string]string{
		"./nothing":    "directory not found",
		"./fat":        "not a program",
		"-toolexec=ls": "no Go package",
		"no.such/pkg":  "no.such/pkg",
	} {
		if _, err := compile(t.Context(), pkg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pkg, err, want)
		}
	}
}

// TestOthersReadTheDisk: the system's checkers agree, where they are installed.
func TestOthersReadTheDisk(t *testing.T) {
	disk, err := os.Open(buildTiny(t, nil).Path)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for i, p := range layout {
		file := filepath.Join(t.TempDir(), "partition")
		data, err := io.ReadAll(io.NewSectionReader(disk, p.start, p.size))
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		check := []string{"fsck.vfat", "-n", file}
		if p.kind == 0x83 {
			check = []string{"e2fsck", "-fn", file}
		}
		if _, err := exec.LookPath(check[0]); err != nil {
			t.Logf("%s is not installed", check[0])
			continue
		}
		if out, err := exec.Command(check[0], check[1:]...).CombinedOutput(); err != nil {
			t.Errorf("partition %d: %v: %v\n%s", i+1, check, err, out)
		}
	}
}

func TestCompressStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := compress(ctx, gzip.BestSpeed, make([]byte, mib)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestBoardsAreSorted(t *testing.T) {
	all := Boards()
	if !slices.IsSortedFunc(all, func(a, b Board) int { return strings.Compare(a.Name, b.Name) }) || len(all) != len(boards) {
		t.Errorf("boards are %v", all)
	}
}
