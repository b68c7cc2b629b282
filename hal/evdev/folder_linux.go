package evdev

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// folder watches a folder of device nodes.
type folder struct {
	dir    string
	notify int // inotify, -1 while the folder does not exist
}

// attributes are among the changes because a node appears first and gets its
// owner, without whom it cannot be opened, a moment later.
const changes = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_ATTRIB

// nodes lists the event devices. Watching begins before the look, so that
// nothing is missed between the two. Where there is no watching (no such
// folder, no inotify) only looking again helps.
func (f *folder) nodes() []string {
	if f.notify < 0 {
		f.watch()
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "event") {
			found = append(found, filepath.Join(f.dir, entry.Name()))
		}
	}
	return found
}

func (f *folder) watch() {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return
	}
	if _, err := unix.InotifyAddWatch(fd, f.dir, changes|unix.IN_ONLYDIR); err != nil {
		_ = unix.Close(fd)
		return
	}
	f.notify = fd
}

// changed takes the notes of what changed. When the folder itself went away,
// watching starts anew with the next look.
func (f *folder) changed() {
	var notes [4096]byte
	n, err := unix.Read(f.notify, notes[:])
	for b := notes[:max(n, 0)]; len(b) >= unix.SizeofInotifyEvent; {
		mask, name := binary.NativeEndian.Uint32(b[4:]), int(binary.NativeEndian.Uint32(b[12:]))
		if mask&unix.IN_IGNORED != 0 {
			err = unix.ENOENT
		}
		b = b[min(unix.SizeofInotifyEvent+name, len(b)):]
	}
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		f.close()
	}
}

func (f *folder) close() {
	if f.notify >= 0 {
		_ = unix.Close(f.notify)
		f.notify = -1
	}
}
