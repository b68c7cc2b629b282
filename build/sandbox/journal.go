package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
)

var (
	// ErrDamaged is returned when the state file has a line that was written
	// completely and does not read back.
	ErrDamaged = errors.New("sandbox: state file is damaged")

	// ErrInUse is returned when another process holds the folder.
	ErrInUse = errors.New("sandbox: folder is in use by another process")
)

// line is one atomic change: objects that are written together or not at all.
type line struct {
	N    uint64          `json:"n"`   // 1, 2, 3, ...: a lost line shows
	Sum  uint32          `json:"sum"` // CRC-32 (IEEE) of Put as it stands in the file
	AtMs int64           `json:"atMs"`
	Put  json.RawMessage `json:"put"`
}

type put struct {
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

func encodeLine(n uint64, atMs int64, objects []object) ([]byte, error) {
	puts := make([]put, len(objects))
	for i, o := range objects {
		value, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		puts[i] = put{o.kind(), value}
	}
	body, err := json.Marshal(puts)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(line{N: n, Sum: crc32.ChecksumIEEE(body), AtMs: atMs, Put: body})
	if err != nil {
		return nil, err
	}
	return append(encoded, '\n'), nil
}

func decodeLine(n uint64, b []byte) ([]object, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, err
	}
	if l.N != n {
		return nil, fmt.Errorf("is number %d, not %d", l.N, n)
	}
	if crc32.ChecksumIEEE(l.Put) != l.Sum {
		return nil, errors.New("checksum differs")
	}
	var puts []put
	if err := json.Unmarshal(l.Put, &puts); err != nil {
		return nil, err
	}
	objects := make([]object, len(puts))
	for i, p := range puts {
		o, err := decodeObject(p.Kind, p.Value)
		if err != nil {
			return nil, err
		}
		objects[i] = o
	}
	return objects, nil
}

// replayLines applies every complete line of data to s. It returns the number
// of lines and their length in bytes; what follows is a torn last line.
func replayLines(name string, data []byte, s *state) (n uint64, length int, err error) {
	for {
		end := bytes.IndexByte(data[length:], '\n')
		if end < 0 {
			return n, length, nil
		}
		objects, err := decodeLine(n+1, data[length:length+end])
		if err != nil {
			return n, length, fmt.Errorf("%w: %s:%d: %w", ErrDamaged, name, n+1, err)
		}
		for _, o := range objects {
			s.set(o)
		}
		n++
		length += end + 1
	}
}

// journal is the state file, open for appending and locked.
type journal struct {
	file *os.File
	n    uint64
	bad  error // after a failed write the file's end is unknown: nothing more is written
}

// openJournal replays name into s, cuts a torn last line and locks the file.
func openJournal(name string, s *state) (*journal, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	j := &journal{file: file}
	if err := j.load(name, s); err != nil {
		file.Close()
		return nil, err
	}
	return j, nil
}

func (j *journal) load(name string, s *state) error {
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInUse, name, err)
	}
	data, err := io.ReadAll(j.file)
	if err != nil {
		return fmt.Errorf("sandbox: read %s: %w", name, err)
	}
	n, length, err := replayLines(name, data, s)
	if err != nil {
		return err
	}
	j.n = n
	if length < len(data) {
		if err := j.file.Truncate(int64(length)); err != nil {
			return fmt.Errorf("sandbox: cut torn line of %s: %w", name, err)
		}
	}
	if _, err := j.file.Seek(int64(length), io.SeekStart); err != nil {
		return fmt.Errorf("sandbox: %s: %w", name, err)
	}
	return nil
}

// append writes one line and syncs it.
func (j *journal) append(atMs int64, objects []object) error {
	if j.bad != nil {
		return j.bad
	}
	encoded, err := encodeLine(j.n+1, atMs, objects)
	if err != nil {
		return fmt.Errorf("sandbox: encode state: %w", err)
	}
	_, err = j.file.Write(encoded)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.bad = fmt.Errorf("sandbox: state can not be written any more: %w", err)
		return j.bad
	}
	j.n++
	return nil
}

func (j *journal) close() error {
	if j.bad == nil {
		j.bad = errors.New("sandbox: closed")
	}
	return j.file.Close()
}
