package pack

import (
	"compress/gzip"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"smartreader/build/pack/fat"
)

// Board is hardware an image can be for.
type Board struct{ Name, About string }

// Boards returns the boards there are, sorted by name.
func Boards() []Board {
	var all []Board
	for _, name := range slices.Sorted(maps.Keys(boards)) {
		all = append(all, Board{name, boards[name].about})
	}
	return all
}

// board says what is special about one.
type board struct {
	about string
	// cmdline is for the kernel; see its Documentation/admin-guide/kernel-parameters.txt.
	cmdline []string
	// config is the rest of config.txt, for the Raspberry Pi's firmware.
	config string
	// firmware and trees are patterns of files from the parts.
	firmware []string
	trees    []string
	// devices is the board's part of the sample configuration, JSON.
	devices string
	// level is how hard to compress: images for QEMU are built often and stay
	// where they are.
	level int
}

var boards = map[string]board{
	"pi": {
		about: "Raspberry Pi Zero 2 W, 3, 4, 400 and Compute Module 3, 4",
		// The serial port belongs to the contactless reader, so the console is
		// on the display, and stays quiet under what the reader shows.
		cmdline: []string{"console=tty1", "quiet", "loglevel=3", "vt.global_cursor_default=0", "consoleblank=0", "panic=5"},
		config: `# Start at once, without the rainbow picture.
boot_delay=0
disable_splash=1

# A display may be plugged in after the reader was switched on.
hdmi_force_hotplug=1

# Contactless reader on GPIO 14 and 15: the good serial port (PL011) instead of
# the one whose rate follows the core clock. Bluetooth has to do without.
enable_uart=1
dtoverlay=disable-bt

# I2C on GPIO 2 and 3, SPI on GPIO 7 to 11: displays, or a contactless reader there.
dtparam=i2c_arm=on,i2c_arm_baudrate=400000
dtparam=spi=on

# The Compute Module 4 leaves its USB port off by itself.
[cm4]
dtoverlay=dwc2,dr_mode=host
[all]
`,
		firmware: []string{"start.elf", "fixup.dat", "start4.elf", "fixup4.dat"},
		trees:    []string{"bcm2710-rpi-*.dtb", "bcm2711-rpi-*.dtb", "overlays/*"},
		devices:  `{"pn532": "hsu:/dev/ttyAMA0"}`,
		level:    gzip.BestCompression,
	},
	"raspi3b": {
		about: "QEMU -M raspi3b: a Raspberry Pi as far as QEMU knows one",
		// QEMU's USB controller does not do what the driver's faster ways need,
		// and its watchdog bites the moment it is armed.
		cmdline: []string{"console=ttyAMA0,115200", "quiet", "vt.global_cursor_default=0", "panic=5", "dwc_otg.fiq_fsm_enable=0", "dwc_otg.lpm_enable=0", "reader.watchdog=off"},
		trees:   []string{"bcm2710-rpi-zero-2-w.dtb", "overlays/disable-bt.dtbo"},
		devices: `{"pn532": "hsu:usb:PN532-0001", "screen": "fb:/dev/fb0"}`,
		level:   gzip.BestSpeed,
	},
	"virt": {
		about:   "QEMU -M virt: the same kernel on a machine that does not exist",
		cmdline: []string{"console=ttyAMA0", "quiet", "vt.global_cursor_default=0", "panic=5"},
		devices: `{"pn532": "hsu:usb:PN532-0001", "screen": "fb:/dev/fb0"}`,
		level:   gzip.BestSpeed,
	},
}

// Names of files in a slot.
const (
	kernelFile    = "kernel8.img"
	initramfsFile = "initramfs.gz"
	cmdlineFile   = "cmdline.txt"
	configFile    = "config.txt"
	autobootFile  = "autoboot.txt"
)

// autoboot says which slot to start: A; and B on trial, once, after a reboot
// that asked for it. tryboot_a_b makes the trial one of slots, not of files
// beside each other (Raspberry Pi documentation, "autoboot.txt").
const autoboot = `[all]
tryboot_a_b=1
boot_partition=2
[tryboot]
boot_partition=3
`

// configText returns config.txt. The kernel may be compressed; initramfs is the
// one setting that is written without an equals sign.
func (b board) configText() string {
	return "arm_64bit=1\nkernel=" + kernelFile + "\ninitramfs " + initramfsFile + " followkernel\n\n" + b.config
}

// cmdlineText returns the kernel's command line: one line.
func (b board) cmdlineText(more string) string {
	words := append(slices.Clone(b.cmdline), fmt.Sprintf("reader.disk=%08x", uint32(Signature)))
	return strings.Join(append(words, strings.Fields(more)...), " ") + "\n"
}

// slotFiles returns what is in a slot: all it takes to boot.
func (b board) slotFiles(p parts, image, root []byte, more string) ([]fat.File, error) {
	files := []fat.File{
		{Name: kernelFile, Data: image},
		{Name: initramfsFile, Data: root},
		{Name: cmdlineFile, Data: []byte(b.cmdlineText(more))},
		{Name: configFile, Data: []byte(b.configText())},
		{Name: "licences/linux.txt", Data: p.kernel["LICENSE.linux"]},
		{Name: "licences/linux-source.txt", Data: []byte(kernelSource(p.kernel))},
	}
	if b.firmware != nil {
		files = append(files, fat.File{Name: "licences/raspberry-pi-firmware.txt", Data: p.firmware["LICENSE.broadcom"]})
	}
	for _, from := range []struct {
		part     part
		files    map[string][]byte
		patterns []string
	}{{kernelPart, p.kernel, b.trees}, {firmwarePart, p.firmware, b.firmware}} {
		for _, pattern := range from.patterns {
			found := false
			for _, name := range slices.Sorted(maps.Keys(from.files)) {
				// The patterns are constants, so the only possible error cannot happen.
				if ok, _ := path.Match(pattern, name); ok {
					files = append(files, fat.File{Name: name, Data: from.files[name]})
					found = true
				}
			}
			if !found {
				return nil, fmt.Errorf("%w: %s has no file %s", errSum, from.part.what, pattern)
			}
		}
	}
	return files, nil
}

// sharedFiles returns what is beside the slots: who boots, and who this reader is.
func (b board) sharedFiles(p parts, config, ca []byte) []fat.File {
	files := []fat.File{
		{Name: autobootFile, Data: []byte(autoboot)},
		{Name: "README.txt", Data: []byte(readme)},
		{Name: settingsFile, Data: config},
	}
	if ca != nil {
		files = append(files, fat.File{Name: rootsFile, Data: ca})
	}
	if b.firmware != nil {
		// Older models have their second boot stage on the card.
		files = append(files,
			fat.File{Name: "bootcode.bin", Data: p.firmware["bootcode.bin"]},
			fat.File{Name: "licences/raspberry-pi-firmware.txt", Data: p.firmware["LICENSE.broadcom"]})
	}
	return files
}

// kernelSource says where the kernel's source is, as its licence asks.
func kernelSource(kernel map[string][]byte) string {
	return fmt.Sprintf(`The kernel in this folder's parent is Linux, under the GNU General Public
License version 2. Its complete source and how it was built:

Source:  %s
Patches and configuration: folder _build of
         https://%s at %s
`, strings.TrimSpace(string(kernel["_build/upstream-url.txt"])), kernelPart.path, kernelPart.version)
}
