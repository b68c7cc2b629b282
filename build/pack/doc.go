// Package pack makes disk images for readers, and reads what a boot ROM reads
// of them. It needs the go command and nothing else: no root, no mounts, no
// tools of the system.
//
// A reader has no distribution and no root file system. It is a kernel, an
// initramfs with one Go program, and a partition for data. Kernel and Raspberry
// Pi firmware are files in two Go modules (github.com/gokrazy/kernel.rpi and
// github.com/gokrazy/firmware), pinned by their hashes.
//
// # The disk
//
// It is the same on every board, real or in QEMU:
//
//	      from  size
//	         0         partition table (MBR), with the signature that the kernel
//	                   command line has as reader.disk=
//	1    4 MiB  40 MiB FAT32 READER: autoboot.txt, reader.json, platform-ca.pem
//	2   44 MiB  96 MiB FAT32 SLOT-A: kernel, initramfs, device trees, command line
//	3  140 MiB  96 MiB FAT32 SLOT-B: the same
//	4  236 MiB  64 MiB ext4  data:   ledger and keys; empty
//
// All sizes are multiples of 4 MiB, the erase block of many cards. The reader
// grows partition 4 to the end of the disk at its first start: there is one way
// to grow, and it is used on every disk, also on one for a test. FAT32 is the
// only FAT here, because one writer is enough; it needs 33 MiB. A slot is three
// times what is in it: an update can be written beside what it replaces.
//
// READER has clusters of one sector, so that autoboot.txt, which updates change
// in place, is one sector: a power cut leaves the old or the new one.
//
// # Two slots
//
// autoboot.txt says that partition 2 starts, and partition 3 once, on trial,
// after a reboot that asked for it ("tryboot"); what crashes or hangs on trial
// is not started again. tryboot_a_b=1 makes that a trial of slots and not of
// files in one. Each slot has the second stage of the Raspberry Pi's firmware
// (start*.elf), without which it is not taken for bootable. The first stage is
// in the EEPROM of a Raspberry Pi 4; models before it load bootcode.bin from
// partition 1.
//
// A new disk has the same in both slots: one slot that went bad is repaired by
// one digit in autoboot.txt, on any PC, and an update never meets a slot that
// was never in use. It costs as much space again, and nothing in an image that
// is compressed over a long window (zstd --long=27).
//
// QEMU has no boot ROM: ReadBoot plays it.
//
// # The same bytes
//
// The same options, source and release of Go make the same image, whoever makes
// it, where and when: all files have one time, volumes and file systems fixed
// identifiers, and compiler and compressor are told everything that counts. The
// environment's GOFLAGS and the like do not. The time is that of the newest
// module, which is no secret and a lower bound for clocks.
//
// # Secrets
//
// reader.json may hold a registration code. The image is therefore readable by
// the user who made it only, and private keys are refused where certificates
// belong.
//
// # References
//
//   - Raspberry Pi documentation: "autoboot.txt", "config.txt", "Raspberry Pi
//     boot modes" section "Fail-safe OS updates (tryboot)"
//   - Linux kernel documentation: "Ramfs, rootfs and initramfs"
package pack
