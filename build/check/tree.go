package main

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree is the content of a folder: a hash by path.
type tree map[string][sha256.Size]byte

// hashTree hashes the files of a repository, without hidden folders (.git) and
// those for output.
func hashTree(root string) (tree, error) {
	files := tree{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if relative == "out" || relative == "data" || relative != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		files[relative] = [sha256.Size]byte(h.Sum(nil))
		return nil
	})
	return files, err
}

// changes lists files that are new, gone or different in b.
func (a tree) changes(b tree) []string {
	var changed []string
	for path, hash := range b {
		if old, ok := a[path]; !ok {
			changed = append(changed, "new      "+path)
		} else if old != hash {
			changed = append(changed, "changed  "+path)
		}
	}
	for path := range a {
		if _, ok := b[path]; !ok {
			changed = append(changed, "gone     "+path)
		}
	}
	slices.Sort(changed)
	return changed
}
