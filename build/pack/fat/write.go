package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// ErrFull is returned by Write when the files do not fit.
var ErrFull = errors.New("fat: files do not fit")

// File is a file of a new volume.
type File struct {
	// Name is the path from the root, with slashes; folders come by themselves.
	Name string
	Data []byte
}

// Volume is what Write writes.
type Volume struct {
	// Label is what file managers show: up to 11 capital letters, digits,
	// dashes and spaces.
	Label string
	// ID tells volumes apart. Two with the same ID in one computer confuse it.
	ID uint32
	// Size is the volume's, in bytes, of which whole sectors are used.
	Size int64
	// Start is the sector of the disk the volume begins at.
	Start uint32
	// Time stamps every file and folder, in UTC; 1980 to 2107.
	Time  time.Time
	Files []File
}

// Write writes a volume to offset 0 and up. It leaves out what is zero: w must
// read as zeros before.
func Write(w io.WriterAt, v Volume) error {
	root, err := plant(v.Files)
	if err != nil {
		return err
	}
	g, err := measure(v.Size)
	if err != nil {
		return err
	}
	label, err := volumeLabel(v.Label)
	if err != nil {
		return err
	}
	table, err := root.place(g)
	if err != nil {
		return err
	}
	p := &printer{w: w}
	boot, info := g.bootSector(v, label), g.infoSector(len(table))
	for _, first := range []uint32{0, backupSector} {
		p.at(int64(first)*sectorSize, boot)
		p.at(int64(first+infoSector)*sectorSize, info)
	}
	for i := range uint32(fats) {
		p.at(int64(g.reserved+i*g.fatSectors)*sectorSize, encodeTable(table))
	}
	p.tree(g, root, label, stampOf(v.Time))
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.WriterAt
	err error
}

func (p *printer) at(offset int64, data []byte) {
	if p.err == nil && len(data) > 0 {
		_, p.err = p.w.WriteAt(data, offset)
	}
}

func (p *printer) tree(g geometry, n *node, label [11]byte, s stamp) {
	if !n.folder {
		p.at(g.offset(n.first), n.data)
		return
	}
	p.at(g.offset(n.first), n.entries(label, s))
	for _, child := range n.children {
		p.tree(g, child, label, s)
	}
}

// fats is how many copies of the table there are.
const fats = 2

// geometry is where things are in a volume.
type geometry struct {
	sectors    uint32 // of the volume
	perCluster uint32 // sectors
	reserved   uint32 // sectors before the first table
	fatSectors uint32 // of one table
	clusters   uint32
}

// measure chooses the largest clusters, up to 4 KiB, with which a volume of this
// size is still FAT32: fewer and longer reads for a boot ROM.
func measure(size int64) (geometry, error) {
	sectors := size / sectorSize
	if sectors > 1<<32-1 {
		return geometry{}, fmt.Errorf("fat: a volume of %d bytes is larger than FAT32 can be", size)
	}
	for _, perCluster := range []uint32{8, 4, 2, 1} {
		g := geometry{sectors: uint32(sectors), perCluster: perCluster, reserved: 32}
		if g.sectors < 8192 {
			break
		}
		entries := sectorSize / 4
		// The tables take sectors from the clusters they describe; fatgen103,
		// "FAT Data Structure", has the same approximation.
		per := uint64(perCluster)*uint64(entries) + fats
		g.fatSectors = uint32((uint64(g.sectors-g.reserved) + 2*uint64(perCluster) + per - 1) / per)
		// Clusters start at a multiple of 4 KiB: flash memory has no smaller pages.
		for (g.reserved+fats*g.fatSectors)%8 != 0 {
			g.reserved++
		}
		g.clusters = (g.sectors - g.reserved - fats*g.fatSectors) / perCluster
		// The margin is for readers that count the limit wrongly, as fatgen103 advises.
		if g.clusters >= minClusters+16 && g.clusters < maxClusters {
			return g, nil
		}
	}
	return geometry{}, fmt.Errorf("fat: a volume of %d bytes is too small for FAT32, which needs 33 MiB", size)
}

// offset returns where a cluster's bytes are.
func (g geometry) offset(cluster uint32) int64 {
	sector := int64(g.reserved) + fats*int64(g.fatSectors) + int64(cluster-2)*int64(g.perCluster)
	return sector * sectorSize
}

func (g geometry) clusterSize() int64 { return int64(g.perCluster) * sectorSize }

func (g geometry) bootSector(v Volume, label [11]byte) []byte {
	b := make([]byte, sectorSize)
	le := binary.LittleEndian
	copy(b, []byte{0xeb, 0x58, 0x90}) // a jump over the parameters, as drivers expect
	copy(b[3:], "MSWIN4.1")           // the name the specification recommends
	le.PutUint16(b[11:], sectorSize)
	b[13] = byte(g.perCluster)
	le.PutUint16(b[14:], uint16(g.reserved))
	b[16] = fats
	b[21] = 0xf8              // a fixed disk
	le.PutUint16(b[24:], 63)  // geometry of disks that had one
	le.PutUint16(b[26:], 255) //
	le.PutUint32(b[28:], v.Start)
	le.PutUint32(b[32:], g.sectors)
	le.PutUint32(b[36:], g.fatSectors)
	le.PutUint32(b[44:], 2) // cluster of the root folder
	le.PutUint16(b[48:], infoSector)
	le.PutUint16(b[50:], backupSector)
	b[64] = 0x80 // a hard disk, for the BIOS
	b[66] = 0x29 // the next three fields are there
	le.PutUint32(b[67:], v.ID)
	copy(b[71:], label[:])
	copy(b[82:], "FAT32   ")
	b[510], b[511] = 0x55, 0xaa
	return b
}

func (g geometry) infoSector(used int) []byte {
	b := make([]byte, sectorSize)
	le := binary.LittleEndian
	le.PutUint32(b, 0x41615252)
	le.PutUint32(b[484:], 0x61417272)
	le.PutUint32(b[488:], g.clusters+2-uint32(used)) // free clusters
	le.PutUint32(b[492:], uint32(used))              // where to look for one
	b[510], b[511] = 0x55, 0xaa
	return b
}

func encodeTable(table []uint32) []byte {
	b := make([]byte, 0, 4*len(table))
	for _, entry := range table {
		b = binary.LittleEndian.AppendUint32(b, entry)
	}
	return b
}

func volumeLabel(label string) ([11]byte, error) {
	ok := !strings.ContainsFunc(label, func(c rune) bool { return !shortRune(c) && c != ' ' })
	if label == "" || len(label) > 11 || !ok {
		return [11]byte{}, fmt.Errorf("fat: %q is no volume label: up to 11 capital letters, digits, dashes", label)
	}
	var l [11]byte
	copy(l[:], label+strings.Repeat(" ", 11))
	return l, nil
}

// node is a file or folder to be written.
type node struct {
	name     string
	folder   bool
	data     []byte
	children []*node // sorted by name
	parent   *node   // nil: the root
	first    uint32  // cluster; 0: none
	short    [11]byte
	nt       byte
	long     []uint16 // nil: the short name says it all
}

// plant makes a tree of paths.
func plant(files []File) (*node, error) {
	root := &node{folder: true}
	for _, f := range files {
		if int64(len(f.Data)) > 1<<32-1 {
			return nil, fmt.Errorf("fat: %s is larger than a file can be", f.Name)
		}
		at := root
		parts := strings.Split(f.Name, "/")
		for i, part := range parts {
			last := i == len(parts)-1
			if err := checkName(part); err != nil {
				return nil, err
			}
			found := at.child(part)
			switch {
			case found == nil:
				found = &node{name: part, folder: !last, parent: at}
				at.children = append(at.children, found)
			case last || !found.folder || found.name != part:
				return nil, fmt.Errorf("fat: %s is there twice", f.Name)
			}
			at = found
		}
		at.data = f.Data
	}
	return root, root.settle()
}

// child finds a child by name; FAT does not tell case apart.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

// settle sorts a folder and gives what is in it short names.
func (n *node) settle() error {
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	taken := map[[11]byte]bool{}
	for _, c := range n.children {
		if short, nt, ok := shortName(c.name); ok {
			c.short, c.nt = short, nt
			taken[short] = true
		}
	}
	for _, c := range n.children {
		if c.short == ([11]byte{}) {
			var err error
			if c.short, err = alias(c.name, taken); err != nil {
				return err
			}
			taken[c.short] = true
			c.long = longName(c.name)
		}
		if err := c.settle(); err != nil {
			return err
		}
	}
	return nil
}

// size returns the bytes a node takes in its clusters.
func (n *node) size() int64 {
	if !n.folder {
		return int64(len(n.data))
	}
	entries := 2 // "." and "..", or the label and the end
	for _, c := range n.children {
		entries += 1 + len(c.long)/longChars
	}
	return int64(entries) * entrySize
}

// place gives every node its clusters, one after the other, and returns the
// table so far as it is used.
func (n *node) place(g geometry) ([]uint32, error) {
	table := []uint32{0x0ffffff8, endOfChain}
	var place func(*node)
	place = func(n *node) {
		count := (n.size() + g.clusterSize() - 1) / g.clusterSize()
		if count > 0 {
			n.first = uint32(len(table))
		}
		for i := range count {
			next := uint32(len(table)) + 1
			if i == count-1 {
				next = endOfChain
			}
			table = append(table, next)
		}
		for _, c := range n.children {
			place(c)
		}
	}
	place(n)
	if need := int64(len(table)) - 2; need > int64(g.clusters) {
		return nil, fmt.Errorf("%w: they need %d bytes, the volume holds %d", ErrFull, need*g.clusterSize(), int64(g.clusters)*g.clusterSize())
	}
	return table, nil
}

// entries encodes a folder.
func (n *node) entries(label [11]byte, s stamp) []byte {
	var b []byte
	if n.parent == nil {
		b = append(b, entry(label, 0, attrLabel, 0, 0, s)...)
	} else {
		// The root has no entry of its own; ".." of its folders says 0.
		up := n.parent.first
		if n.parent.parent == nil {
			up = 0
		}
		b = append(b, entry(pad(".", ""), 0, attrDirectory, n.first, 0, s)...)
		b = append(b, entry(pad("..", ""), 0, attrDirectory, up, 0, s)...)
	}
	for _, c := range n.children {
		parts := len(c.long) / longChars
		for i := parts; i > 0; i-- {
			e := make([]byte, entrySize)
			e[0] = byte(i)
			if i == parts {
				e[0] |= lastLong
			}
			e[11], e[13] = attrLong, checksum(c.short)
			for j, at := range longOffsets {
				binary.LittleEndian.PutUint16(e[at:], c.long[(i-1)*longChars+j])
			}
			b = append(b, e...)
		}
		if c.folder {
			b = append(b, entry(c.short, c.nt, attrDirectory, c.first, 0, s)...)
		} else {
			b = append(b, entry(c.short, c.nt, attrArchive, c.first, uint32(len(c.data)), s)...)
		}
	}
	return b
}

func entry(short [11]byte, nt, attributes byte, cluster, size uint32, s stamp) []byte {
	b := make([]byte, entrySize)
	le := binary.LittleEndian
	copy(b, short[:])
	b[11], b[12] = attributes, nt
	le.PutUint16(b[14:], s.time) // created
	le.PutUint16(b[16:], s.date)
	le.PutUint16(b[18:], s.date) // read
	le.PutUint16(b[20:], uint16(cluster>>16))
	le.PutUint16(b[22:], s.time) // written
	le.PutUint16(b[24:], s.date)
	le.PutUint16(b[26:], uint16(cluster))
	le.PutUint32(b[28:], size)
	return b
}

// stamp is a time to two seconds.
type stamp struct{ date, time uint16 }

func stampOf(t time.Time) stamp {
	t = t.UTC()
	if t.Year() < 1980 || t.Year() > 2107 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return stamp{
		date: uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()),
		time: uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2),
	}
}
