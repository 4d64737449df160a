/* SPDX-License-Identifier: ISC */
/*
 * Limits and default paths that the daemon and its clients must agree on.
 */
#ifndef VMD_LIMITS_H
#define VMD_LIMITS_H

#define VMD_NAME_MAX 63 /* characters of a VM name */
#define VMD_TTY_MAX 31 /* characters of a terminal's path */
#define VMD_IFNAME_MAX 15 /* IFNAMSIZ less the NUL */
#define VMD_DISKS_MAX 4
#define VMD_NICS_MAX 4
#define VMD_DEVICES_MAX (VMD_DISKS_MAX + VMD_NICS_MAX)
#define VMD_CPUS_MAX 64
#define VMD_CLIENTS_MAX 256 /* connections to the control socket */
#define VMD_GROUPS_MAX 1024 /* of a client's groups that count */
#define VMD_CMDLINE_MAX                                      \
	2047 /* what an x86 Linux kernel takes, less the NUL \
	      */
#define VMD_DETAIL_MAX 512 /* text that explains a result */
#define VMD_STAT_MAX 63 /* characters of a counter's name */
#define VMD_LOGLINE_MAX 1024
#define VMD_MEMORY_MIN (1ULL << 20)
#define VMD_MEMORY_MAX (128ULL << 30)
#define VMD_MEMORY_DEFAULT (512ULL << 20)
#define VMD_GDB_MAX 107 /* characters of the path of a debugger's socket */
#define VMD_CONSOLE_RING (64U << 10) /* output kept for a late reader */

#define VMD_USER "_vmd"
#define VMD_SOCKET "/run/vmd.sock" /* root's daemon */
#define VMD_SOCKET_NAME "vmd.sock" /* below $XDG_RUNTIME_DIR: a user's */
#define VMD_SOCKET_ENV "VMD_SOCKET"
#define VMD_CONF "/etc/vm.conf" /* root's daemon */
#define VMD_CONF_NAME "vm.conf" /* below $XDG_CONFIG_HOME: a user's */
#define VMD_FIRMWARE "/usr/share/seabios/bios-256k.bin"

#endif /* VMD_LIMITS_H */
