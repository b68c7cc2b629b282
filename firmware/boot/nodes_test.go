package boot

import (
	"reflect"
	"testing"
	"testing/fstest"
)

func files(content map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range content {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestTheWorkerGetsItsDevicesAndNoOthers(t *testing.T) {
	root := files(map[string]string{
		"dev/ttyAMA0": "", "dev/ttyAMA1": "", "dev/ttyUSB0": "", "dev/tty1": "", "dev/ttyS0": "",
		"dev/i2c-1": "", "dev/spidev0.0": "", "dev/gpiochip0": "", "dev/gpiomem": "", "dev/fb0": "", "dev/fb1": "",
		"dev/input/event0": "", "dev/input/mice": "", "dev/vda": "", "dev/mmcblk0p4": "", "dev/mem": "",
		"dev/watchdog0": "", "dev/console": "", "dev/bus/usb/001/004": "", "dev/bus/usb/001/003": "",
		"sys/class/tty/console/active":                   "tty0 ttyAMA0\n",
		"sys/bus/usb/devices/1-2/busnum":                 "1\n",
		"sys/bus/usb/devices/1-2/devnum":                 "4\n",
		"sys/bus/usb/devices/1-2:1.0/bInterfaceClass":    "0b\n",
		"sys/bus/usb/devices/1-2:1.1/bInterfaceClass":    "0b\n",
		"sys/bus/usb/devices/1-3/busnum":                 "1\n",
		"sys/bus/usb/devices/1-3/devnum":                 "3\n",
		"sys/bus/usb/devices/1-3:1.0/bInterfaceClass":    "08\n",
		"sys/bus/usb/devices/1-4:1.0/bInterfaceClass":    "0b\n", // just unplugged
		"sys/bus/usb/devices/1-5:1.0/bInterfaceSubClass": "00\n",
	})
	want := []string{
		"ttyUSB0", "ttyAMA1", "ttyS0", "i2c-1", "spidev0.0", "gpiochip0", "gpiomem", "fb0", "input/event0", "bus/usb/001/004",
	}
	if got := workerNodes(root); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestWiredLinks(t *testing.T) {
	root := files(map[string]string{
		"sys/class/net/lo/type": "772", "sys/class/net/lo/carrier": "1",
		"sys/class/net/eth0/type": "1", "sys/class/net/eth0/carrier": "0", "sys/class/net/eth0/device/x": "",
		"sys/class/net/eth1/type": "1", "sys/class/net/eth1/carrier": "1", "sys/class/net/eth1/device/x": "",
		"sys/class/net/wlan0/type": "1", "sys/class/net/wlan0/carrier": "1", "sys/class/net/wlan0/device/x": "", "sys/class/net/wlan0/wireless/x": "",
		"sys/class/net/br0/type": "1", "sys/class/net/br0/carrier": "1",
	})
	if all, plugged := wiredLinks(root); plugged != 1 || !reflect.DeepEqual(all, []string{"eth1", "eth0"}) {
		t.Errorf("got %q, %d plugged", all, plugged)
	}
}
