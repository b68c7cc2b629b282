package boot

import (
	"encoding/binary"
	"strings"
	"testing"
)

// sample is a table of partitions of 32, 8, 8 and 64 MiB from 1 MiB on.
func sample() mbr {
	var m mbr
	binary.LittleEndian.PutUint32(m[mbrSignature:], 0x52454144)
	start := uint32(1)
	for i, size := range []uint32{32, 8, 8, 64} {
		m.set(i, []byte{0x0c, 0x0c, 0x0c, typeLinux}[i], start*2048, size*2048)
		start += size
	}
	m[mbrMagic], m[mbrMagic+1] = 0x55, 0xaa
	return m
}

func (m *mbr) set(i int, kind byte, start, count uint32) {
	e := m[mbrPartitions+16*i:]
	e[4] = kind
	binary.LittleEndian.PutUint32(e[8:], start)
	binary.LittleEndian.PutUint32(e[12:], count)
}

const mib = 2048 // sectors

func TestGrowReachesTheEndOfTheDiskOnce(t *testing.T) {
	for name, test := range map[string]struct{ disk, want uint64 }{
		"larger":        {512 * mib, 463 * mib},
		"not aligned":   {512*mib + 2047, 463 * mib},
		"just as large": {113 * mib, 64 * mib},
		"a bit larger":  {113*mib + 17, 64 * mib},
		"beyond 2 TiB":  {1 << 33, 0xffffffff},
	} {
		m := sample()
		changed, err := m.grow(test.disk)
		if err != nil || changed != (test.want != 64*mib) || m.partition(3).count != test.want {
			t.Errorf("%s: %v, %v, %d sectors, want %d", name, changed, err, m.partition(3).count, test.want)
		}
		if changed, err := m.grow(test.disk); changed || err != nil {
			t.Errorf("%s: grown a second time (%v)", name, err)
		}
	}
}

func TestGrowRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*mbr)
		disk  uint64
		want  string
	}{
		"no table":       {func(m *mbr) { m[mbrMagic] = 0 }, 512 * mib, "no partition table"},
		"no data":        {func(m *mbr) { m.set(3, 0, 0, 0) }, 512 * mib, "not the data partition"},
		"another system": {func(m *mbr) { m.set(3, 0x0c, 49*mib, 64*mib) }, 512 * mib, "not the data partition"},
		"small disk":     {func(*mbr) {}, 112 * mib, "too small"},
		"order":          {func(m *mbr) { m.set(1, 0x0c, 200*mib, 8*mib) }, 512 * mib, "partition 2"},
	} {
		m := sample()
		test.spoil(&m)
		before := m
		if changed, err := m.grow(test.disk); changed || m != before || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want an error with %q", name, changed, err, test.want)
		}
	}
}

func FuzzGrow(f *testing.F) {
	m := sample()
	f.Add(m[:], uint64(512*mib))
	f.Add(m[:], uint64(1<<40))
	f.Add([]byte{}, uint64(0))
	f.Fuzz(func(t *testing.T, sector []byte, disk uint64) {
		var m mbr
		copy(m[:], sector)
		before := m
		changed, err := m.grow(disk)
		if !changed {
			if m != before {
				t.Fatal("changed without saying so")
			}
			return
		}
		was, is := before.partition(3), m.partition(3)
		if err != nil || is.start != was.start || is.count <= was.count || is.start+is.count > disk {
			t.Fatalf("%+v became %+v on %d sectors, %v", was, is, disk, err)
		}
		copy(m[mbrPartitions+48+5:mbrPartitions+64], before[mbrPartitions+48+5:])
		if m != before {
			t.Fatal("something besides the size has changed")
		}
	})
}
