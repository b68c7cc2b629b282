package pack

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"smartreader/build/pack/fat"
)

// TestRaspberryPi: what its firmware is told to load is there. No Raspberry Pi
// is in this test; the names are those of its documentation.
func TestRaspberryPi(t *testing.T) {
	if testing.Short() {
		t.Skip("needs kernel and firmware, from the network once")
	}
	b := boards["pi"]
	p, err := fetchParts(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	slot, err := b.slotFiles(p, []byte("kernel"), []byte("initramfs"), "")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]fat.File{}
	for _, f := range slot {
		files[f.Name] = f
		if len(f.Data) == 0 {
			t.Errorf("%s is empty", f.Name)
		}
	}
	want := []string{
		kernelFile, initramfsFile, cmdlineFile, configFile,
		"start.elf", "fixup.dat", "start4.elf", "fixup4.dat",
		"bcm2710-rpi-zero-2-w.dtb", "bcm2710-rpi-3-b.dtb", "bcm2710-rpi-3-b-plus.dtb", "bcm2710-rpi-cm3.dtb",
		"bcm2711-rpi-4-b.dtb", "bcm2711-rpi-400.dtb", "bcm2711-rpi-cm4.dtb",
		"overlays/overlay_map.dtb",
		"licences/linux.txt", "licences/linux-source.txt", "licences/raspberry-pi-firmware.txt",
	}
	for name, value := range directives(strings.ReplaceAll(b.config, "[cm4]", "[all]")) {
		if overlay, _, _ := strings.Cut(value, ","); name == "dtoverlay" {
			want = append(want, "overlays/"+overlay+".dtbo")
		}
	}
	for _, name := range want {
		if _, ok := files[name]; !ok {
			t.Errorf("no %s among %q", name, slices.Sorted(maps.Keys(files)))
		}
	}
	if source := string(files["licences/linux-source.txt"].Data); !strings.Contains(source, "https://github.com/raspberrypi/linux/") {
		t.Errorf("where the kernel's source is: %q", source)
	}
	shared := map[string]string{}
	for _, f := range b.sharedFiles(p, []byte("config"), []byte("roots")) {
		shared[f.Name] = string(f.Data)
	}
	if shared["bootcode.bin"] == "" || shared["reader.json"] != "config" || shared["platform-ca.pem"] != "roots" || shared["autoboot.txt"] != autoboot {
		t.Errorf("partition 1 has %q", slices.Sorted(maps.Keys(shared)))
	}
}

// TestMissingFileIsAnError: a pattern that finds nothing is a board that does
// not boot.
func TestMissingFileIsAnError(t *testing.T) {
	if _, err := boards["pi"].slotFiles(parts{}, nil, nil, ""); err == nil {
		t.Error("a slot without device trees was made")
	}
}

func TestTexts(t *testing.T) {
	if len(autoboot) > maxAutoboot {
		t.Errorf("autoboot.txt has %d bytes, boot ROMs read %d", len(autoboot), maxAutoboot)
	}
	for name, b := range boards {
		line := b.cmdlineText(" a  b\t")
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, " reader.disk=52445231 a b\n") {
			t.Errorf("%s: command line %q", name, line)
		}
		if kernel, initramfs := configured(b.configText()); kernel != kernelFile || initramfs != initramfsFile {
			t.Errorf("%s: config.txt names %q and %q", name, kernel, initramfs)
		}
		for line := range strings.Lines(b.configText()) {
			if len(line) > 98 {
				t.Errorf("%s: config.txt: the firmware reads 98 characters of %q", name, line)
			}
		}
	}
}
