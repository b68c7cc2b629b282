// Package watchdog resets the machine when nobody kicks it any more.
//
// [Open] holds the machine's own watchdog (/dev/watchdog0), for whoever
// supervises. [Heartbeat] is for the supervised program: each kick is a line to
// the supervisor, who kicks the machine's watchdog as long as the lines come.
//
// Linux kernel documentation: "The Linux Watchdog driver API", sections "Magic
// Close feature", "Setting and getting the timeout";
// https://docs.kernel.org/watchdog/watchdog-api.html.
package watchdog
