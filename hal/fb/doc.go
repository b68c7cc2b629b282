// Package fb shows pictures on a Linux framebuffer (/dev/fb0): HDMI, DSI and
// parallel displays, whatever the kernel has a driver for. It takes any packed
// pixel layout of 8, 16, 24 or 32 bits, as the kernel describes it.
//
// # The console
//
// The kernel's text console may own the same framebuffer and write over the
// picture: boot messages, log lines, a blinking cursor. Open switches the
// console to graphics mode, which stops all of that, but needs root or
// CAP_SYS_TTY_CONFIG. For a reader without those rights either its supervisor
// calls [Quiet], or the kernel command line keeps the console away:
//
//	fbcon=map:9
//
// maps it to a framebuffer that does not exist, so nothing but pictures is ever
// seen, not even a panic; give it a serial line as well (console=ttyAMA0). Less
// strict is
//
//	console=tty1 quiet loglevel=3 vt.global_cursor_default=0
//
// which shows what fails at boot and hides the cursor; but every line that
// somebody prints to the console later lands on the picture.
//
// Linux kernel documentation: "The Frame Buffer Device API", "The Framebuffer
// Console" (boot options fbcon=map), "The kernel's command-line parameters"
// (console, vt.global_cursor_default).
// https://docs.kernel.org/fb/api.html, https://docs.kernel.org/fb/fbcon.html
package fb
