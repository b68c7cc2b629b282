package machine

import (
	"runtime"
	"syscall"
)

// launch starts QEMU so that it dies with this program, however that dies.
// The kernel ties that wish to the thread that started the process, not to the
// program: the thread is kept until QEMU has ended.
func (m *Machine) launch() error {
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := m.cmd.Start()
		started <- err
		if err == nil {
			m.finish(m.cmd.Wait())
		}
	}()
	return <-started
}
