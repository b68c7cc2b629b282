// Package fat writes and reads FAT32 volumes: what boot ROMs and every PC
// understand.
//
// The writer makes a fresh volume from files in memory, each in one piece, and
// the same bytes from the same files. It writes only what is not zero, so a
// volume in a new file stays sparse. The reader is the counterpart for tools
// and tests; it reads volumes of others as well, and trusts nothing in them.
//
// Both know 512-byte sectors and FAT32 only.
//
// Specification: Microsoft "FAT: General Overview of On-Disk Format", version
// 1.03 (fatgen103), sections "Boot Sector and BPB", "FAT Data Structure",
// "FAT32 FSInfo Sector Structure and Backup Boot Sector", "FAT Directory
// Structure" and "FAT Long Directory Entries".
package fat

// Numbers of the format.
const (
	sectorSize = 512
	entrySize  = 32 // of a directory

	// A volume is FAT32 by its number of clusters, and by nothing else.
	minClusters = 65525
	maxClusters = 0x0ffffff5

	endOfChain    = 0x0fffffff
	minEndOfChain = 0x0ffffff8 // this and more end a chain as well
	clusterMask   = 0x0fffffff // the upper four bits of an entry are reserved

	infoSector   = 1
	backupSector = 6

	attrReadOnly  = 0x01
	attrLabel     = 0x08
	attrDirectory = 0x10
	attrArchive   = 0x20
	attrLong      = 0x0f // all of read-only, hidden, system, label

	// Windows NT keeps the case of 8.3 names in a byte the specification
	// reserves; Linux, macOS and mtools do as well.
	lowerBase = 0x08
	lowerExt  = 0x10

	lastLong  = 0x40 // first entry on disk, last part of the name
	longChars = 13   // UTF-16 units in one entry
	maxName   = 255  // UTF-16 units
)

// longOffsets are where an entry keeps the units of its part of a long name.
var longOffsets = [longChars]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}

// checksum binds the entries of a long name to their short one.
func checksum(short [11]byte) (sum byte) {
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}
