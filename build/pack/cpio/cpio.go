// Package cpio writes archives in the "newc" format, which the Linux kernel
// unpacks as its initial file system.
//
// Specification: Linux kernel documentation, "initramfs buffer format"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
package cpio

import (
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Entry is a file, folder or device node of an archive. Owner and group are
// root's.
type Entry struct {
	// Name is the path from the root, without a slash at its beginning. Folders
	// come before what is in them.
	Name string
	// Mode has type and permission: a regular file, fs.ModeDir, or
	// fs.ModeDevice|fs.ModeCharDevice.
	Mode fs.FileMode
	Data []byte
	// Major and Minor are the numbers of a device node.
	Major, Minor uint32
}

// Write writes an archive. All entries have the same time: equal entries make
// equal archives.
func Write(w io.Writer, stamp time.Time, entries []Entry) error {
	a := &archive{w: w, stamp: stamp}
	for _, e := range entries {
		a.add(e)
	}
	a.add(Entry{Name: "TRAILER!!!"})
	return a.err
}

type archive struct {
	w     io.Writer
	stamp time.Time
	inode uint32
	err   error
}

func (a *archive) add(e Entry) {
	if a.err != nil {
		return
	}
	var mode uint32
	switch e.Mode.Type() {
	case 0:
		mode = 0o100000
	case fs.ModeDir:
		mode = 0o040000
	case fs.ModeDevice | fs.ModeCharDevice:
		mode = 0o020000
	default:
		a.err = fmt.Errorf("cpio: %s: cannot store a file of mode %v", e.Name, e.Mode)
		return
	}
	if int64(len(e.Data)) > 1<<32-1 || e.Name == "" {
		a.err = fmt.Errorf("cpio: entry %q is larger than the format allows or without name", e.Name)
		return
	}
	links := uint32(1)
	if e.Mode.IsDir() {
		links = 2
	}
	a.inode++
	header := "070701"
	for _, field := range []uint32{
		a.inode, mode | uint32(e.Mode.Perm()), 0, 0, links, uint32(a.stamp.Unix()),
		uint32(len(e.Data)), 0, 0, e.Major, e.Minor, uint32(len(e.Name) + 1), 0,
	} {
		header += fmt.Sprintf("%08x", field)
	}
	a.write([]byte(header + e.Name + "\x00"))
	a.align(len(header) + len(e.Name) + 1)
	a.write(e.Data)
	a.align(len(e.Data))
}

// align fills up to a multiple of four.
func (a *archive) align(n int) { a.write(make([]byte, -n&3)) }

func (a *archive) write(b []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(b)
	}
}
