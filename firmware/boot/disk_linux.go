package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is the one the machine was started from.
type disk struct {
	name    string // "mmcblk0"
	sectors uint64
	table   mbr
}

// findDisk returns the disk below sys and dev (/sys and /dev) with a signature,
// nil when there is none. Two are an error: all readers' disks have the same
// signature, and the ledger on the other one is another reader's.
func findDisk(sys, dev string, signature uint32) (*disk, error) {
	entries, err := os.ReadDir(filepath.Join(sys, "class/block"))
	if err != nil {
		return nil, err
	}
	var found *disk
	for _, e := range entries {
		dir := filepath.Join(sys, "class/block", e.Name())
		if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
			continue
		}
		sectors, err := number(filepath.Join(dir, "size"))
		if err != nil || sectors == 0 {
			continue
		}
		d := &disk{name: e.Name(), sectors: sectors}
		// A medium that cannot be read is not the one we came from.
		if err := readAt(filepath.Join(dev, e.Name()), d.table[:], 0); err != nil {
			continue
		}
		if !d.table.valid() || d.table.signature() != signature {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s and %s are both a reader's disk (signature %08x): unplug the one that is not this reader's", found.name, d.name, signature)
		}
		found = d
	}
	return found, nil
}

// partition returns the name of partition 1 to 4.
func (d *disk) partition(sys string, n int) (string, error) {
	files, err := filepath.Glob(filepath.Join(sys, "class/block", d.name, "*/partition"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		if got, err := number(file); err == nil && got == uint64(n) {
			return filepath.Base(filepath.Dir(file)), nil
		}
	}
	return "", fmt.Errorf("%s has no partition %d", d.name, n)
}

// awaitDisk waits for the disk: cards and USB disks take a moment to show up.
func (m *machine) awaitDisk(ctx context.Context) error {
	if m.disk != nil {
		return nil
	}
	if m.params.disk == 0 {
		return errors.New("the kernel command line has no reader.disk=XXXXXXXX (the disk signature): the boot disk cannot be recognised")
	}
	const look, tell = 100 * time.Millisecond, 5 * time.Second
	for waited := time.Duration(0); ; waited += look {
		d, err := findDisk("/sys", "/dev", m.params.disk)
		if err != nil {
			return err
		}
		if d != nil {
			m.say("disk %s, %d MiB", d.name, d.sectors*sectorSize>>20)
			m.disk = d
			return nil
		}
		if waited > 0 && waited%tell == 0 {
			m.say("waiting for the disk with signature %08x", m.params.disk)
		}
		m.stayWell(setupPatience)
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// growPartition extends the data partition to the end of the disk, in the
// partition table and in the kernel.
func (m *machine) growPartition(name string) error {
	table := m.disk.table
	changed, err := table.grow(m.disk.sectors)
	if err != nil {
		return err
	}
	if changed {
		if err := writeSector("/dev/"+m.disk.name, table[:]); err != nil {
			return fmt.Errorf("write the partition table: %w", err)
		}
		m.disk.table = table
	}
	p := table.partition(3)
	sectors, err := number(filepath.Join("/sys/class/block", name, "size"))
	if err != nil || sectors == p.count {
		return err
	}
	return tellKernel("/dev/"+m.disk.name, p)
}

// tellKernel makes the kernel's idea of partition 4 that of the partition table.
func tellKernel(path string, p partition) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	entry := unix.BlkpgPartition{Start: int64(p.start * sectorSize), Length: int64(p.count * sectorSize), Pno: 4}
	arg := unix.BlkpgIoctlArg{Op: unix.BLKPG_RESIZE_PARTITION, Datalen: int32(unsafe.Sizeof(entry)), Data: (*byte)(unsafe.Pointer(&entry))}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return fmt.Errorf("tell the kernel the partition's size: %w", errno)
	}
	return nil
}

// growFileSystem extends the mounted file system in dir to its partition. The
// kernel does it in steps that its journal makes safe; a cut in between leaves
// a smaller file system, and the next start goes on.
func growFileSystem(dir string, blocks uint64) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	const resize = 0x40086610 // EXT4_IOC_RESIZE_FS, _IOW('f', 16, __u64)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), resize, uintptr(unsafe.Pointer(&blocks))); errno != 0 {
		return errno
	}
	return nil
}

func readSuperblock(path string) (superblock, error) {
	var b [superblockSize]byte
	if err := readAt(path, b[:], superblockOffset); err != nil {
		return superblock{}, err
	}
	return parseSuperblock(b[:])
}

func readAt(path string, b []byte, offset int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.ReadFull(io.NewSectionReader(f, offset, int64(len(b))), b)
	return err
}

func writeSector(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Sync(), f.Close())
}

// number reads a file with one decimal number.
func number(path string) (uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}
