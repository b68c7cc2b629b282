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
		err = hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "%s is in use by another program, as a rule pcscd: stop that (systemctl stop pcscd.socket pcscd)", name(i))
	case errors.Is(err, fs.ErrPermission):
		err = hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "%s: no permission for /%s: make that file readable and writable for this user (a udev rule)", name(i), i.Node())
	case errors.Is(err, hal.ErrNotFound):
		err = unplugged(name(i), err)
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
		return usbfs.Info{}, hal.Advise(hal.ErrNotFound, "no USB chip card reader %q, but %s: plug it in or change the setting", match, strings.Join(others, ", "))
	}
	which := ""
	if match != "" {
		which = fmt.Sprintf(" %q", match)
	}
	return usbfs.Info{}, hal.Advise(hal.ErrNotFound, "no USB chip card reader%s: plug one in", which)
}

// unplugged is why a reader that was there is not any more.
func unplugged(name string, err error) error {
	return hal.Advise(err, "%s was unplugged: plug it in again", name)
}

func name(i usbfs.Info) string {
	return fmt.Sprintf("%s (%s)", cmp.Or(i.Title, "chip card reader"), strings.TrimSpace(i.ID()+" "+i.Serial))
}
