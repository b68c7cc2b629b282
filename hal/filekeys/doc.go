// Package filekeys keeps keys in files, for boards without a secure element
// and for the simulated reader. It is a software key store: whoever can read
// the files, or the memory of the process, has the keys. A board that uses it
// must say so (hal.Board.Missing).
//
// A store is one folder, mode 0700, with one PKCS #8 PEM file per key, and one
// file of bare bytes per secret, all of mode 0600. New keys are synced and then
// linked under their name, new secrets renamed to it, and the folder is synced
// before the call returns: a power cut leaves a whole key or none, the whole old
// secret or the whole new one. A secret that was replaced is overwritten. Leave the
// folder out of backups: a PIN key's secret that is put back would use keys again.
//
// Erase first writes the file "erased", which makes every later call return
// hal.ErrErased, then overwrites and removes the keys; Open finishes an erase
// that was cut short. Overwriting does not reach old copies on flash or
// copy-on-write file systems. After inspection, service staff make the folder
// usable again by deleting that file.
package filekeys
