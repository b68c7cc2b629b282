package usbfs

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/fstest"
)

// descriptors of a reader with two configurations, and an interface with two
// settings.
var descriptors = []byte{
	18, 1, 0, 2, 0, 0, 0, 64, 0xE6, 8, 0x37, 0x34, 0, 1, 1, 2, 3, 2,
	9, 2, 75, 0, 2, 1, 0, 0x80, 50,
	9, 4, 0, 0, 2, 0x0B, 0, 0, 0,
	4, 0x21, 0xAA, 0xBB,
	7, 5, 0x01, 2, 64, 0, 0,
	7, 5, 0x82, 2, 0x00, 0x02, 0,
	3, 0x21, 0xCC,
	9, 4, 1, 0, 0, 3, 1, 2, 0,
	9, 4, 1, 1, 1, 3, 1, 2, 0,
	7, 5, 0x83, 3, 8, 0, 10,
	9, 2, 18, 0, 1, 2, 0, 0x80, 50,
	9, 4, 0, 0, 0, 0xFF, 0, 0, 0,
}

var interfaces = []Interface{
	{Number: 0, Class: 0x0B, Extra: []byte{4, 0x21, 0xAA, 0xBB, 3, 0x21, 0xCC}, Endpoints: []Endpoint{
		{Address: 0x01, Transfer: Bulk, MaxPacket: 64},
		{Address: 0x82, Transfer: Bulk, MaxPacket: 512},
	}},
	{Number: 1, Class: 3, Subclass: 1, Protocol: 2},
}

func TestParseInterfaces(t *testing.T) {
	got, err := ParseInterfaces(descriptors, 1)
	if err != nil || !reflect.DeepEqual(got, interfaces) {
		t.Errorf("configuration 1: %+v, %v", got, err)
	}
	if in, ok := got[0].Endpoint(Bulk, true); !ok || in.Address != 0x82 {
		t.Errorf("bulk in: %+v, %v", in, ok)
	}
	if _, ok := got[0].Endpoint(Interrupt, true); ok {
		t.Error("an interrupt endpoint that is not there")
	}
	if got, err := ParseInterfaces(descriptors, 2); err != nil || len(got) != 1 || got[0].Class != 0xFF {
		t.Errorf("configuration 2: %+v, %v", got, err)
	}
	for _, bad := range [][]byte{{1}, {0, 2}, {9, 2, 0}} {
		if _, err := ParseInterfaces(bad, 1); !errors.Is(err, ErrDescriptor) {
			t.Errorf("% X: got %v, want ErrDescriptor", bad, err)
		}
	}
}

// tree is a sysfs with one device.
func tree(name string, number int) fstest.MapFS {
	dir := "sys/bus/usb/devices/" + name + "/"
	return fstest.MapFS{
		dir + "busnum":              {Data: []byte("1\n")},
		dir + "devnum":              {Data: fmt.Append(nil, number, "\n")},
		dir + "idVendor":            {Data: []byte("08e6\n")},
		dir + "idProduct":           {Data: []byte("3437\n")},
		dir + "bConfigurationValue": {Data: []byte("1\n")},
		dir + "manufacturer":        {Data: []byte("Gem\n")},
		dir + "product":             {Data: []byte("Reader\n")},
		dir + "serial":              {Data: []byte("77\n")},
		dir + "descriptors":         {Data: descriptors},
	}
}

func TestList(t *testing.T) {
	root := tree("1-1.2", 7)
	for name, f := range tree("1-1", 3) {
		root[name] = f
	}
	root["sys/bus/usb/devices/1-1:1.0/bInterfaceClass"] = &fstest.MapFile{Data: []byte("0b\n")}
	root["sys/bus/usb/devices/2-1/busnum"] = &fstest.MapFile{Data: []byte("2\n")} // just going
	got := List(root)
	if len(got) != 2 || got[0].Name != "1-1" || got[1].Name != "1-1.2" {
		t.Fatalf("%+v", got)
	}
	i := got[1]
	if i.ID() != "08e6:3437" || i.Serial != "77" || i.Title != "Gem Reader" || i.Node() != "dev/bus/usb/001/007" {
		t.Errorf("%+v", i)
	}
	if slot, ok := i.Interface(0x0B); !ok || slot.Number != 0 {
		t.Errorf("interface of class 0b: %+v, %v", slot, ok)
	}
	if _, ok := i.Interface(8); ok {
		t.Error("an interface that is not there")
	}
	if got := List(fstest.MapFS{}); len(got) != 0 {
		t.Errorf("without USB: %+v", got)
	}
}

func FuzzInterfaces(f *testing.F) {
	f.Add(descriptors, 1)
	f.Add(descriptors, 2)
	f.Add([]byte{9, 2, 0, 0, 0, 1, 0, 0, 0, 2, 5}, 1)
	f.Fuzz(func(t *testing.T, b []byte, configuration int) {
		found, err := ParseInterfaces(b, configuration)
		if err != nil && !errors.Is(err, ErrDescriptor) {
			t.Fatalf("untyped error %v", err)
		}
		size := 0
		for _, i := range found {
			size += len(i.Extra) + sizeInterface + sizeEndpoint*len(i.Endpoints)
		}
		if size > len(b) {
			t.Fatalf("%d bytes out of %d", size, len(b))
		}
	})
}
