package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// metal are the steps about what runs on a device. They need Debian packages
// besides Go, so they run only with -metal, or by name.
var metal = []step{
	{"image", "the image for the Raspberry Pi is byte for byte the same from two folders", image},
	{"arm64", "tests of packages without devices, on an emulated ARM processor", arm64},
	{"container", "the simulator's container images build, start and are healthy", container},
	{"qemu", "the outage story on the booted image, through real drivers, with the power cut in the middle", smoke},
}

// image builds twice: here, and in a copy of the tracked files elsewhere.
func image(ctx context.Context, j *job) (string, error) {
	dir, err := os.MkdirTemp("", "check-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	elsewhere := filepath.Join(dir, "elsewhere")
	if _, err := j.command(ctx, nil, "git", "checkout-index", "--all", "--prefix="+elsewhere+"/"); err != nil {
		return "", err
	}
	var sums []string
	for i, root := range []string{j.root, elsewhere} {
		file := filepath.Join(dir, fmt.Sprintf("%d.img", i))
		here := &job{root: root, out: j.out}
		if _, err := here.command(ctx, []string{"TZ=Asia/Tokyo", "GOFLAGS="}[i:], "go", "run", "./build/image", "-board", "pi", "-o", file); err != nil {
			return "", err
		}
		sum, err := exec.CommandContext(ctx, "sha256sum", file).Output()
		if err != nil {
			return "", err
		}
		digest, _, _ := strings.Cut(string(sum), " ")
		sums = append(sums, digest)
		if err := os.Remove(file); err != nil {
			return "", err
		}
	}
	if sums[0] != sums[1] {
		return "", fmt.Errorf("two builds differ: %s in this folder, %s from a copy of the files git tracks (commit or stage what is new)", sums[0], sums[1])
	}
	return sums[0][:16], nil
}

// pure are packages that touch no device, with what decides over money and cards
// among them. The emv command is not: its tests start it as a program, which the
// emulator cannot.
var pure = []string{
	"./emvkernel", "./emvkernel/apdu", "./emvkernel/tlv", "./emvkernel/oda", "./emvkernel/decode", "./emvkernel/transcript",
	"./hal/pinblock", "./hal/dukpt", "./hal/iso7816", "./hal/ccid", "./hal/pn532", "./hal/fb", "./hal/evdev",
	"./store/seal", "./lan/wire", "./display", "./build/pack/fat", "./build/pack/cpio",
}

func arm64(ctx context.Context, j *job) (string, error) {
	emulator, err := exec.LookPath("qemu-aarch64-static")
	if err != nil {
		return "", errors.New("qemu-aarch64-static is not installed; on Debian: apt-get install --no-install-recommends qemu-user-static")
	}
	// qemu-user does not know the terminal calls of hal/tty.
	args := append([]string{"test", "-short", "-skip=TestPseudoTerminal", "-exec=" + emulator}, pure...)
	_, err = j.command(ctx, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"}, "go", args...)
	return fmt.Sprintf("%d groups of packages", len(pure)), err
}

func container(ctx context.Context, j *job) (string, error) {
	return "", second(j.golang(ctx, "run", "./build/container", "-try"))
}

func smoke(ctx context.Context, j *job) (string, error) {
	return "", second(j.golang(ctx, "run", "./build/qemu", "-smoke"))
}

func second(_ string, err error) error { return err }
