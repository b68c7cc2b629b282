package boot

import (
	"io/fs"
	"slices"
)

// wiredLinks returns the names of the network interfaces that a cable can be
// plugged into, those with a cable first. Root is "/" of a Linux system.
func wiredLinks(root fs.FS) (all []string, plugged int) {
	var with, without []string
	names, _ := fs.Glob(root, "sys/class/net/*")
	for _, path := range names {
		// Type 1 is ARPHRD_ETHER. Hardware has a device, other than bridges
		// and the like.
		_, err := fs.Stat(root, path+"/device")
		_, wireless := fs.Stat(root, path+"/wireless")
		if err != nil || wireless == nil || attribute(root, path+"/type") != "1" {
			continue
		}
		name := path[len("sys/class/net/"):]
		if plugged := attribute(root, path+"/carrier") == "1"; plugged {
			with = append(with, name)
		} else {
			without = append(without, name)
		}
	}
	return slices.Concat(with, without), len(with)
}
