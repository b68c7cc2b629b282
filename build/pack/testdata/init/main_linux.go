// Command init is the least that can be process 1: it says so and switches the
// machine off.
package main

import (
	"fmt"
	"syscall"
)

func main() {
	fmt.Println("init: running")
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
