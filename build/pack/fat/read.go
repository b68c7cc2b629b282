package fat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf16"
)

// ErrFormat is returned for a volume that is not FAT32 or damaged.
var ErrFormat = errors.New("fat: not a sound FAT32 volume")

// maxFolder is the largest a folder may be, in bytes, by the specification.
const maxFolder = 65536 * entrySize

// Reader reads a volume. It keeps nothing but its geometry: it may be used by
// several goroutines if the io.ReaderAt may.
type Reader struct {
	r io.ReaderAt
	g geometry
	// The root folder's first cluster and the number of tables vary in volumes
	// of others.
	root   uint32
	tables uint32
	label  string
	id     uint32
}

// Entry is something in a folder.
type Entry struct {
	Name   string
	Folder bool
	Size   int64 // bytes; 0 for folders
	first  uint32
}

// Open reads the boot sector of a volume of size bytes at the beginning of r.
func Open(r io.ReaderAt, size int64) (*Reader, error) {
	b := make([]byte, sectorSize)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("fat: read the boot sector: %w", err)
	}
	le := binary.LittleEndian
	v := &Reader{r: r, tables: uint32(b[16]), root: le.Uint32(b[44:]), id: le.Uint32(b[67:]), label: string(bytes.TrimRight(b[71:82], " "))}
	g := geometry{
		sectors:    le.Uint32(b[32:]),
		perCluster: uint32(b[13]),
		reserved:   uint32(le.Uint16(b[14:])),
		fatSectors: le.Uint32(b[36:]),
	}
	meta := uint64(g.reserved) + uint64(v.tables)*uint64(g.fatSectors)
	switch {
	case b[510] != 0x55 || b[511] != 0xaa:
		return nil, fmt.Errorf("%w: no signature", ErrFormat)
	case le.Uint16(b[11:]) != sectorSize:
		return nil, fmt.Errorf("%w: sectors of %d bytes", ErrFormat, le.Uint16(b[11:]))
	case g.perCluster == 0 || g.perCluster&(g.perCluster-1) != 0 || g.perCluster > 128:
		return nil, fmt.Errorf("%w: clusters of %d sectors", ErrFormat, g.perCluster)
	case le.Uint16(b[17:]) != 0 || le.Uint16(b[22:]) != 0 || g.fatSectors == 0:
		return nil, fmt.Errorf("%w: it is FAT12 or FAT16", ErrFormat)
	case g.reserved == 0 || v.tables == 0 || meta >= uint64(g.sectors) || int64(g.sectors)*sectorSize > size:
		return nil, fmt.Errorf("%w: its parts do not fit in its size", ErrFormat)
	}
	clusters := (uint64(g.sectors) - meta) / uint64(g.perCluster)
	g.clusters = uint32(min(clusters, uint64(g.fatSectors)*sectorSize/4-2, maxClusters))
	v.g = g
	if !v.valid(v.root) {
		return nil, fmt.Errorf("%w: no root folder", ErrFormat)
	}
	return v, nil
}

// Label returns the volume's label as the boot sector has it.
func (v *Reader) Label() string { return v.label }

// ID returns the volume's serial number.
func (v *Reader) ID() uint32 { return v.id }

// ReadFile returns a file's content. The path has slashes; case does not
// matter. An error wraps fs.ErrNotExist when there is no such file.
func (v *Reader) ReadFile(name string) ([]byte, error) {
	e, err := v.find(name)
	if err != nil {
		return nil, err
	}
	if e.Folder {
		return nil, fmt.Errorf("fat: %s is a folder", name)
	}
	if e.Size == 0 {
		return nil, nil
	}
	data, _, err := v.chain(e.first, e.Size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) < e.Size {
		return nil, fmt.Errorf("%w: %s ends early", ErrFormat, name)
	}
	return data[:e.Size], nil
}

// ReadDir returns what is in a folder, in the order on the disk; "" is the root.
func (v *Reader) ReadDir(name string) ([]Entry, error) {
	e, err := v.find(name)
	if err != nil {
		return nil, err
	}
	if !e.Folder {
		return nil, fmt.Errorf("fat: %s is not a folder", name)
	}
	return v.list(e.first)
}

func (v *Reader) find(name string) (Entry, error) {
	at := Entry{Folder: true, first: v.root}
	if name == "" {
		return at, nil
	}
search:
	for part := range strings.SplitSeq(name, "/") {
		var entries []Entry
		if at.Folder {
			var err error
			if entries, err = v.list(at.first); err != nil {
				return Entry{}, err
			}
		}
		for _, e := range entries {
			if strings.EqualFold(e.Name, part) {
				at = e
				continue search
			}
		}
		return Entry{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return at, nil
}

func (v *Reader) list(first uint32) ([]Entry, error) {
	data, ended, err := v.chain(first, maxFolder)
	if err != nil {
		return nil, err
	}
	if !ended {
		return nil, fmt.Errorf("%w: a folder without end", ErrFormat)
	}
	var entries []Entry
	var long longParts
	for ; len(data) >= entrySize && data[0] != 0; data = data[entrySize:] {
		e := data[:entrySize]
		switch {
		case e[0] == 0xe5: // deleted
			long = longParts{}
		case e[11]&0x3f == attrLong:
			long.add(e)
		case e[11]&attrLabel != 0 || e[0] == '.':
			long = longParts{}
		default:
			entry := Entry{
				Name:   long.name([11]byte(e[:11])),
				Folder: e[11]&attrDirectory != 0,
				first:  (uint32(binary.LittleEndian.Uint16(e[20:]))<<16 | uint32(binary.LittleEndian.Uint16(e[26:]))) & clusterMask,
			}
			if entry.Name == "" {
				entry.Name = display(e[:11], e[12])
			}
			if !entry.Folder {
				entry.Size = int64(binary.LittleEndian.Uint32(e[28:]))
			}
			entries = append(entries, entry)
			long = longParts{}
		}
	}
	return entries, nil
}

// longParts collects a long name, whose last part comes first.
type longParts struct {
	units []uint16
	next  byte // number of the part expected next; 0 when complete
	sum   byte
	ok    bool
}

func (l *longParts) add(e []byte) {
	if number := e[0] &^ lastLong; e[0]&lastLong != 0 && number <= (maxName+longChars)/longChars {
		*l = longParts{next: number, sum: e[13], ok: true}
	}
	if !l.ok || l.next == 0 || e[0]&^lastLong != l.next || e[13] != l.sum {
		*l = longParts{}
		return
	}
	part := make([]uint16, 0, longChars+len(l.units))
	for _, at := range longOffsets {
		part = append(part, binary.LittleEndian.Uint16(e[at:]))
	}
	l.units = append(part, l.units...)
	l.next--
}

// name returns the long name, "" when there is none for this short one.
func (l *longParts) name(short [11]byte) string {
	if !l.ok || l.next != 0 || l.sum != checksum(short) {
		return ""
	}
	for i, u := range l.units {
		if u == 0 {
			return string(utf16.Decode(l.units[:i]))
		}
	}
	return string(utf16.Decode(l.units))
}

func (v *Reader) valid(cluster uint32) bool { return cluster >= 2 && cluster-2 < v.g.clusters }

// chain reads clusters from the first one on: those of limit bytes, or fewer
// when the chain ends before; it says whether the chain ended. Clusters that
// follow each other are read at once.
func (v *Reader) chain(first uint32, limit int64) (data []byte, ended bool, err error) {
	size := v.g.clusterSize()
	most := (limit + size - 1) / size
	if most > int64(v.g.clusters) {
		most = int64(v.g.clusters)
	}
	var table tableSector
	for cluster := first; most > 0; {
		if !v.valid(cluster) {
			return nil, false, fmt.Errorf("%w: cluster %d is not in it", ErrFormat, cluster)
		}
		run, next := uint32(1), uint32(0)
		for {
			if next, err = v.next(cluster+run-1, &table); err != nil {
				return nil, false, err
			}
			if next != cluster+run || !v.valid(next) || int64(run) == most {
				break
			}
			run++
		}
		from := len(data)
		data = append(data, make([]byte, int64(run)*size)...)
		if _, err := v.r.ReadAt(data[from:], v.offset(cluster)); err != nil {
			return nil, false, fmt.Errorf("fat: read cluster %d: %w", cluster, err)
		}
		most -= int64(run)
		if next >= minEndOfChain {
			return data, true, nil
		}
		cluster = next
	}
	return data, false, nil
}

func (v *Reader) offset(cluster uint32) int64 {
	sector := int64(v.g.reserved) + int64(v.tables)*int64(v.g.fatSectors) + int64(cluster-2)*int64(v.g.perCluster)
	return sector * sectorSize
}

// tableSector is the sector of the table looked at last.
type tableSector struct {
	number int64
	data   []byte
}

// next returns a cluster's entry in the first table.
func (v *Reader) next(cluster uint32, t *tableSector) (uint32, error) {
	at := int64(cluster) * 4
	number := int64(v.g.reserved) + at/sectorSize
	if t.data == nil || t.number != number {
		t.data, t.number = make([]byte, sectorSize), number
		if _, err := v.r.ReadAt(t.data, number*sectorSize); err != nil {
			return 0, fmt.Errorf("fat: read the table: %w", err)
		}
	}
	return binary.LittleEndian.Uint32(t.data[at%sectorSize:]) & clusterMask, nil
}
