package machine

import (
	"fmt"
	"os"
	"os/exec"
)

// firmwares are where distributions put EDK2 for 64-bit Arm.
var firmwares = []string{
	"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",       // Debian, Ubuntu: qemu-efi-aarch64
	"/usr/share/edk2/aarch64/QEMU_EFI.fd",           // Fedora: edk2-aarch64
	"/usr/share/edk2/aarch64/QEMU_CODE.fd",          // Arch: edk2-aarch64
	"/opt/homebrew/share/qemu/edk2-aarch64-code.fd", // Homebrew: comes with qemu
	"/usr/local/share/qemu/edk2-aarch64-code.fd",
}

// programs finds what a lane needs, or says what to install.
func programs(lane string) (qemu, firmware string, err error) {
	if lane != Virt && lane != Raspi3b {
		return "", "", fmt.Errorf("machine: there is no lane %q; there are %s and %s", lane, Virt, Raspi3b)
	}
	const program = "qemu-system-aarch64"
	if qemu, err = exec.LookPath(program); err != nil {
		return "", "", fmt.Errorf("machine: %s is not installed (Debian: apt-get install qemu-system-arm): %w", program, err)
	}
	if lane != Virt {
		return qemu, "", nil
	}
	for _, file := range firmwares {
		if _, err := os.Stat(file); err == nil {
			return qemu, file, nil
		}
	}
	return "", "", fmt.Errorf("machine: no UEFI firmware for 64-bit Arm found, looked for %v (Debian: apt-get install qemu-efi-aarch64)", firmwares)
}

// Check says what is missing to run a lane.
func Check(lane string) error {
	_, _, err := programs(lane)
	return err
}
