package boot

import (
	"testing"
	"testing/fstest"
	"time"
)

func inProc(status, stat string) fstest.MapFS {
	return fstest.MapFS{"81/status": {Data: []byte(status)}, "81/stat": {Data: []byte(stat)}}
}

const (
	someStatus = "Name:\treader\nVmHWM:\t   51200 kB\nVmRSS:\t   40960 kB\nRssAnon:\t   20480 kB\n"
	someStat   = "81 (read) er) S 1 81 81 0 -1 4194560 5000 0 10 0 250 50 0 0 20 0 9 0 100 1 2\n"
)

func TestLoad(t *testing.T) {
	l, err := loadOf(inProc(someStatus, someStat), 81)
	if want := (load{resident: 40960, own: 20480, peak: 51200, cpu: 3 * time.Second}); err != nil || l != want {
		t.Fatalf("got %+v, %v, want %+v", l, err, want)
	}
	if got, want := l.since(load{cpu: 2 * time.Second}, 100*time.Second), "40 MiB resident, 20 MiB of it its own, 50 MiB at most; 1.0 % of a core for 1m40s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(someStatus, someStat)
	f.Add("VmRSS: x kB\n", "81 (x")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, status, stat string) {
		if _, err := loadOf(inProc(status, stat), 81); err == nil && stat == "" {
			t.Error("nothing was accepted")
		}
	})
}
