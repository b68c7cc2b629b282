//go:build !linux

package machine

import "syscall"

// launch starts QEMU in a process group of its own: Ctrl-C in a terminal is for
// this program, which then powers the machine down.
func (m *Machine) launch() error {
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	go func() { m.finish(m.cmd.Wait()) }()
	return nil
}
