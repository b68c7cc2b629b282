// Package boot is process 1 of a device: the whole of its operating system
// besides the kernel. It is the program /init of the initramfs.
//
// It mounts what is needed, finds the disk it was started from by the signature
// in its partition table, grows the data partition to the end of the disk, sets
// up network and clock, hands device nodes to the worker, and keeps the worker
// running: an unprivileged, confined process that does everything else.
//
//	kernel -> /init             process 1, root: this package's Run
//	           +- confine       same program, uid 1000: Confine takes what is
//	              |             left of its rights, then becomes
//	              +- reader     the worker: /worker if there is one, else the
//	                            same program as card reader
//
// The disk has four partitions: 1 FAT "boot" with the settings (reader.json and
// platform-ca.pem), 2 and 3 FAT with a kernel and an initramfs each, 4 ext4
// "data". Nothing on it is ever formatted here.
//
// # The worker
//
// It is started as "reader -config /run/reader/reader.json", with file 3
// (READER_HEARTBEAT=3) for lines of text to process 1:
//
//	alive         it works; 60 s without this line, and it is killed
//	floor N       the clock was N once (Unix seconds): it is never set below
//
// Its exit code ExitReboot or ExitPowerOff is a request; with any other it is
// started again, ever later up to a minute. What it started ends with it. What
// it prints goes to the console, and is dropped when the console is slower than
// the worker.
//
// # Staying alive
//
// Process 1 must not end: the kernel would panic. What fails is reported and
// tried again. The hardware watchdog resets the machine when process 1 hangs,
// or has a worker that it cannot kill.
//
// # Kernel command line
//
//	reader.disk=XXXXXXXX   disk signature: bytes 440 to 443 of its first
//	                       sector as a little-endian number, in hexadecimal
//	reader.watchdog=off    leaves the hardware watchdog alone
//	reader.report=SECONDS  how often to print what the worker takes of memory
//	                       and processor; an hour by itself
//
// # References
//
//   - Linux kernel documentation: "Landlock: unprivileged access control",
//     "ext4 Data Structures and Algorithms" section "Super Block",
//     "The Linux Watchdog driver API"
//   - RFC 2131 "Dynamic Host Configuration Protocol" section "Reacquisition and expiration"
//   - RFC 5905 "Network Time Protocol Version 4" section "Simple Network Time Protocol (SNTP)"
package boot
