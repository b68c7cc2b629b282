package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shop makes a real store with ten stored payments and closes it, or leaves it
// as a power cut would, and returns its folder.
func shop(t *testing.T, closed bool) string {
	t.Helper()
	dir := t.TempDir()
	s := openDir(t, dir)
	for n := range 10 {
		take(t, s, n)
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	image := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return image
}

// pick returns the newest file of the database with an ending.
func pick(t *testing.T, dir, ending string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "db", "*"+ending))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s file: %v", ending, err)
	}
	return slices.Max(files)
}

// contents returns what a folder holds, by name.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestKilledStoreComesBackWhole(t *testing.T) {
	s := openDir(t, shop(t, false))
	if h := s.Health(); h.Damaged {
		t.Fatalf("health %+v", h)
	}
	if got := s.Pending().Count; got != 10 {
		t.Errorf("%d pending", got)
	}
	mustVerify(t, s)
}

func TestCutOrFlippedLogTailIsNoticed(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		"cut": func(t *testing.T, path string) {
			if err := os.Truncate(path, 12_000); err != nil {
				t.Fatal(err)
			}
		},
		"flipped": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[10_000] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shop(t, false)
			harm(t, pick(t, dir, ".mem"))
			s := openDir(t, dir)
			h := s.Health()
			if !h.Damaged || h.Missing.Last() != 40 || h.MissingSequences.Last() != 10 {
				t.Fatalf("health %+v", h)
			}
			if err := refusesNew(s); err != nil {
				t.Error(err)
			}
			before := s.Pending().Count
			if name != "deleted" && before == 0 {
				t.Error("nothing before the damage is left")
			}
			if before > 0 {
				p, _, err := s.NextWork(testClock)
				if err != nil {
					t.Fatal(err)
				}
				walkTo(t, s, p, Sending, Forwarded)
			}
			if err := s.AcknowledgeLoss(background, "test"); err != nil {
				t.Fatal(err)
			}
			take(t, s, 60)
			mustVerify(t, s)
		})
	}
}

// Badger, left alone, would delete all tables here and begin anew.
func TestMissingManifestTouchesNothing(t *testing.T) {
	dir := shop(t, true)
	manifest := filepath.Join(dir, "db", "MANIFEST")
	saved, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	for range 3 {
		if _, err := Open(background, testOptions(dir)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "MANIFEST") {
			t.Fatalf("got %v", err)
		}
	}
	if after := contents(t, dir); !maps.Equal(before, after) {
		t.Error("something was changed")
	}
	if err := os.WriteFile(manifest, saved, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := openDir(t, dir); s.Health().Damaged || s.Pending().Count != 10 {
		t.Errorf("with the file back: %+v", s.Health())
	}
}

func TestDamagedTablesAreAClearError(t *testing.T) {
	for name, harm := range map[string]func(b []byte) []byte{
		"byte flipped":   func(b []byte) []byte { b[len(b)/3] ^= 1; return b },
		"page of zeros":  func(b []byte) []byte { clear(b[4096:8192]); return b },
		"footer flipped": func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"empty":          func(b []byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := shop(t, true)
			table := pick(t, dir, ".sst")
			saved, err := os.ReadFile(table)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(table, harm(slices.Clone(saved)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(background, testOptions(dir)); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			if err := os.WriteFile(table, saved, 0o600); err != nil {
				t.Fatal(err)
			}
			if s := openDir(t, dir); s.Health().Damaged || s.Pending().Count != 10 {
				t.Errorf("with the table back: %+v", s.Health())
			}
		})
	}
}

// Badger panics over such a table in a goroutine of its own, which nobody can
// recover. The process dies twice; then Open gives up, and has harmed nothing.
func TestTableThatKillsTheProcessStopsAtTheThirdStart(t *testing.T) {
	if dir := os.Getenv("STORE_TEST_OPEN"); dir != "" {
		s, err := Open(background, testOptions(dir))
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v, %v", s, err)
		}
		return
	}
	dir := shop(t, true)
	table := pick(t, dir, ".sst")
	saved, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(table, int64(len(saved)/2)); err != nil {
		t.Fatal(err)
	}
	start := func() error {
		child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		child.Env = append(os.Environ(), "STORE_TEST_OPEN="+dir)
		return child.Run()
	}
	for range maxCrashes {
		if start() == nil {
			t.Fatal("the process survived: this test needs other damage")
		}
	}
	if err := start(); err != nil {
		t.Errorf("third start: %v", err)
	}
	if err := os.WriteFile(table, saved, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(folder(dir).opening()); err != nil {
		t.Fatal(err)
	}
	if s := openDir(t, dir); s.Health().Damaged || s.Pending().Count != 10 {
		t.Errorf("with the table back: %+v", s.Health())
	}
}

func TestDatabaseGoneUnderAHeadIsNoEmptyStart(t *testing.T) {
	dir := shop(t, true)
	if err := os.RemoveAll(filepath.Join(dir, "db")); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir)
	if h := s.Health(); !h.Damaged || h.Missing.Last() != 40 {
		t.Errorf("health %+v", h)
	}
	if err := refusesNew(s); err != nil {
		t.Error(err)
	}
}

func TestHeadFileGoneIsDamage(t *testing.T) {
	dir := shop(t, true)
	if err := os.Remove(filepath.Join(dir, "head")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also the second time, when the file is there again
		s := openDir(t, dir)
		if h := s.Health(); !h.Damaged || s.Pending().Count != 10 {
			t.Errorf("health %+v", h)
		}
		if err := refusesNew(s); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTwoCrashesInsideOpenStopTheThird(t *testing.T) {
	dir := shop(t, true)
	f := folder(dir)
	for range maxCrashes {
		if err := f.begin(bootID()); err != nil { // and the process dies
			t.Fatal(err)
		}
	}
	before := contents(t, dir)
	if _, err := Open(background, testOptions(dir)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "aside") {
		t.Fatalf("got %v", err)
	}
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("something was changed")
	}
	if err := os.Remove(f.opening()); err != nil { // as the error says
		t.Fatal(err)
	}
	if s := openDir(t, dir); s.Pending().Count != 10 {
		t.Error("the store did not come back")
	}
	if _, err := os.Stat(f.opening()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a good start left its count behind")
	}
}

// Two power cuts are no reason to give a healthy store up.
func TestCrashesBeforeTheSystemStartedAreForgotten(t *testing.T) {
	dir := shop(t, true)
	for range maxCrashes {
		if err := folder(dir).begin("the run before"); err != nil {
			t.Fatal(err)
		}
	}
	if s := openDir(t, dir); s.Pending().Count != 10 {
		t.Error("the store did not come back")
	}
}

// Only the database can kill the process by what it finds: the power may go at
// any time after it.
func TestOnlyTheDatabaseIsCounted(t *testing.T) {
	dir := shop(t, true)
	o := testOptions(dir)
	ctx := &watchedContext{Context: background, asked: func() {
		if _, err := os.Stat(folder(dir).opening()); !errors.Is(err, fs.ErrNotExist) {
			t.Error("the walk through the journal counts as opening the database")
		}
	}}
	s, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if ctx.times == 0 {
		t.Error("nobody looked")
	}
}

// watchedContext is asked while the journal is walked through.
type watchedContext struct {
	context.Context
	asked func()
	times int
}

func (c *watchedContext) Err() error {
	c.times++
	c.asked()
	return nil
}

func TestEmptyLogFilesOfAPowerCutAreNoTrouble(t *testing.T) {
	for _, name := range []string{"00099.mem", "000099.vlog"} {
		for _, closed := range []bool{true, false} {
			dir := shop(t, closed)
			if err := os.WriteFile(filepath.Join(dir, "db", name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if s := openDir(t, dir); s.Health().Damaged || s.Pending().Count != 10 {
				t.Errorf("%s: %+v", name, s.Health())
			}
		}
	}
}

func TestOneCrashInsideOpenIsForgotten(t *testing.T) {
	dir := shop(t, true)
	for range 3 {
		if err := folder(dir).begin(bootID()); err != nil {
			t.Fatal(err)
		}
		if err := openDir(t, dir).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrorLineOfTheDatabaseFailsTheStore(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	p := walkTo(t, s, newPayment(1), Created)
	s.disk.(*badgerDisk).log.Errorf("while syncing: %s", "EIO")
	if _, err := s.Commit(background, to(p, Collecting)); !errors.Is(err, ErrFailed) {
		t.Errorf("got %v", err)
	}
	if s.Health().Failed == nil {
		t.Error("health says nothing")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	walkTo(t, openDir(t, dir), p, Collecting)
}

// Badger tries for ever to write its last table; Close must not.
func TestCloseGivesUpWhenTheDatabaseCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	take(t, s, 1)
	if err := os.RemoveAll(filepath.Join(dir, "db")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("got %v", err)
	}
}
