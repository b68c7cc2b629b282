package ccid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

// Device is an open USB device whose smart card interface is claimed; a
// *usbfs.Device is one. All methods are safe for concurrent use.
type Device interface {
	// Transfer moves data over an endpoint; see usbfs.Device.
	Transfer(ctx context.Context, e usbfs.Endpoint, data []byte) (int, error)
	// Control sends a control request; see usbfs.Device.
	Control(ctx context.Context, requestType, request byte, value, index uint16, data []byte) (int, error)
	Reset() error
	Close() error
}

// open finds a reader among the USB devices and claims it. match is "" for the
// first one, vendor and product as "08e6:3437", or a serial number.
func open(_ context.Context, match string) (Device, usbfs.Info, error) {
	const root = "/"
	i, err := find(usbfs.List(os.DirFS(root)), match)
	if err != nil {
		return nil, usbfs.Info{}, err
	}
	slot, _ := i.Interface(class)
	d, err := usbfs.Open(root, i, slot.Number)
	switch {
	case err == nil:
		return d, i, nil
	case errors.Is(err, usbfs.ErrBusy):
		err = fmt.Errorf("%s is in use by another program, as a rule pcscd: stop that (systemctl stop pcscd.socket pcscd): %w: %w", name(i), hal.ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%s: no permission for /%s: make that file readable and writable for this user (a udev rule): %w: %w", name(i), i.Node(), hal.ErrNotFound, err)
	}
	return nil, usbfs.Info{}, err
}

func find(devices []usbfs.Info, match string) (usbfs.Info, error) {
	var others []string
	for _, i := range devices {
		if _, ok := i.Interface(class); !ok {
			continue
		}
		if match == "" || strings.EqualFold(match, i.ID()) || match == i.Serial {
			return i, nil
		}
		others = append(others, name(i))
	}
	if len(others) > 0 {
		slices.Sort(others)
		return usbfs.Info{}, fmt.Errorf("no USB chip card reader %q, but %s: plug it in or change the setting: %w", match, strings.Join(others, ", "), hal.ErrNotFound)
	}
	which := ""
	if match != "" {
		which = fmt.Sprintf(" %q", match)
	}
	return usbfs.Info{}, fmt.Errorf("no USB chip card reader%s: plug one in: %w", which, hal.ErrNotFound)
}

func name(i usbfs.Info) string {
	return fmt.Sprintf("%s (%s)", cmp.Or(i.Title, "chip card reader"), strings.TrimSpace(i.ID()+" "+i.Serial))
}
