package machine

import (
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strconv"
)

// The lanes.
const (
	Virt    = "virt"
	Raspi3b = "raspi3b"
)

// Host is where the guest finds this computer's loopback addresses: QEMU,
// docs "Using the user mode network stack".
const Host = "10.0.2.2"

// Options say what to run.
type Options struct {
	Lane string // Virt or Raspi3b

	Kernel  string // file, not compressed
	Initrd  string // file, may be gzip
	DTB     string // file; needed by Raspi3b
	Cmdline string
	Disk    string // raw image file; empty: none
	Memory  int    // MiB; 0: 512 (Raspi3b always has 1024)

	// POS is the address on this computer that leads to GuestPort.
	POS       netip.AddrPort
	GuestPort int

	// PN532 is the USB serial number of the adapter that the PN532 is behind.
	PN532 string

	// Console takes what the machine writes, as it comes; nil discards.
	Console io.Writer
}

// Device names, for QMP.
const (
	idCCID = "ccid"
	idCard = "card"
)

// arguments is the command line of QEMU. Sockets are in dir. Firmware is the
// UEFI firmware of Virt.
func (o *Options) arguments(dir, firmware string) []string {
	socket := func(id, file string) string {
		return fmt.Sprintf("socket,id=%s,path=%s,server=on,wait=off", id, filepath.Join(dir, file))
	}
	net := "user,id=net"
	if o.POS.IsValid() {
		net += fmt.Sprintf(",hostfwd=tcp:%s:%d-:%d", o.POS.Addr(), o.POS.Port(), o.GuestPort)
	}
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
		"-kernel", o.Kernel, "-initrd", o.Initrd, "-append", o.Cmdline,
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-chardev", socket("slot", slotSocket),
		"-chardev", socket("pn532", serialSocket),
		"-qmp", "unix:" + filepath.Join(dir, qmpSocket) + ",server=on,wait=off",
		"-netdev", net,
	}
	// cache=writeback is the one that is both quick and honest: what the guest
	// flushes is on this computer's disk when the flush is answered.
	disk := "file=" + o.Disk + ",format=raw,cache=writeback,if="
	usb := ""
	switch o.Lane {
	case Raspi3b:
		args = append(args, "-M", "raspi3b", "-m", "1G", "-dtb", o.DTB, "-device", "usb-net,netdev=net")
		if o.Disk != "" {
			args = append(args, "-drive", disk+"sd")
		}
	default:
		memory := o.Memory
		if memory == 0 {
			memory = 512
		}
		args = append(args, "-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", strconv.Itoa(memory),
			"-bios", firmware, "-device", "ramfb",
			"-device", "virtio-net-pci,netdev=net,romfile=",
			// UEFI gives the kernel its first random numbers from this; without it
			// whoever asks for one waits for 20 s.
			"-device", "virtio-rng-pci,romfile=",
			"-device", "i6300esb", "-action", "watchdog=reset",
			"-device", "qemu-xhci,id=usb")
		if o.Disk != "" {
			args = append(args, "-drive", disk+"none,id=disk", "-device", "virtio-blk-pci,drive=disk")
		}
		usb = ",bus=usb.0"
	}
	return append(args,
		"-device", "usb-ccid,id="+idCCID+usb,
		"-device", "ccid-card-passthru,id="+idCard+",bus="+idCCID+".0,chardev=slot",
		"-device", "usb-serial,chardev=pn532,serial="+o.PN532+usb,
		"-device", "usb-kbd"+usb)
}
