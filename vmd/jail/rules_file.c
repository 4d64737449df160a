/* SPDX-License-Identifier: ISC */
/*
 * Rows for files: the parent opens by path, blk and vm work on descriptors
 * they were given, usernet reads one file.
 */
#include "jail/table.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#define READ_ONLY(i) \
	ARG_BITS(i, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY)

static const struct jail_row rows[] = {
	/* The parent: configuration, images, kernels, ptys, its socket. */
	ROW(P, RUN, open, "opens for the others"),
	ROW(P, RUN, openat, "opens for the others"),
	ROW(P, RUN, stat, "checks what it opens"),
	ROW(P, RUN, lstat, "checks what it opens"),
	ROW(P, RUN, newfstatat, "checks what it opens"),
	ROW(P, RUN, statx, "checks what it opens"),
	ROW(P, RUN, statfs, "checks what it opens"),
	ROW(P, RUN, fstatfs, "checks what it opens"),
	ROW(P, RUN, access, "checks what it opens"),
	ROW(P, RUN, faccessat, "checks what it opens"),
	ROW(P, RUN, faccessat2, "checks what it opens"),
	ROW(P, RUN, readlink, "resolves base images"),
	ROW(P, RUN, readlinkat, "resolves base images"),
	ROW(P, RUN, getcwd, "realpath"),
	ROW(P, RUN, chdir, "leaves the directory it was started in"),
	ROW(P, RUN, getdents64, "directories of configuration"),
	ROW(P, RUN, lseek, "reads files"),
	ROW(P, RUN, pread64, "reads image headers"),
	ROW(P, RUN, flock, "one VM per image"),
	ROW(P, RUN, fcntl, "locks, memfd seals"),
	ROW(P, RUN, ftruncate, "pid file"),
	ROW(P, RUN, unlink, "its socket and pid file"),
	ROW(P, RUN, unlinkat, "its socket and pid file"),
	ROW(P, RUN, openat2, "folder of crash dumps, no symbolic links"),
	ROW(P, RUN, linkat, "a crash dump that is complete gets its name"),
	ROW(P, RUN, rmdir, "the empty directory"),
	ROW(P, RUN, mkdir, "the empty directory, the runtime directory"),
	ROW(P, RUN, mkdirat, "the runtime directory"),
	ROW(P, RUN, rename, "files that appear whole"),
	ROW(P, RUN, chmod, "mode of its socket"),
	ROW(P, RUN, fchmod, "mode of ptys"),
	ROW(P, RUN, fchmodat, "mode of its socket"),
	ROW(P, RUN, chown, "owner of ptys and socket"),
	ROW(P, RUN, fchown, "owner of ptys and socket"),
	ROW(P, RUN, fchownat, "owner of ptys and socket"),
	ROW(P, RUN, umask, "mode of its socket"),
	ROW(P, RUN, dup, "descriptors"),
	ROW(P, RUN, setsid, "becomes a daemon"),
	ROW(P, RUN, uname, "host name in messages"),
	ROW(P, RUN, memfd_create, "boot data for a VM"),
	ROW(P, RUN, inotify_add_watch, "who opens a console"),
	ROW(P, RUN, inotify_rm_watch, "a console that is closed"),
	ROW_IF(
	    P, RUN, ioctl, "pty: what is not read yet", ARG_INT(1, FIONREAD)),
	ROW_IF(P, RUN, ioctl, "pty", ARG_INT(1, TIOCGPTN)),
	ROW_IF(P, RUN, ioctl, "pty", ARG_INT(1, TIOCSPTLCK)),
	ROW_IF(P, RUN, ioctl, "pty", ARG_INT(1, TIOCGPTPEER)),
	ROW_IF(P, RUN, ioctl, "pty: raw mode", ARG_INT(1, TCSETS)),
	ROW_IF(P, RUN, ioctl, "pty: who is in front", ARG_INT(1, TIOCGPGRP)),
	ROW_IF(P, RUN, ioctl, "size of a disk", ARG_INT(1, BLKGETSIZE64)),

	/* blk: one image.  The ring is made, restricted, and then only used. */
	ROW(B, SETUP, io_uring_setup, "the ring"),
	ROW(B, SETUP, io_uring_register, "the ring: files, restrictions"),
	ROW(B, RUN, io_uring_enter, "the ring"),
	ROW(B, RUN, pread64, "image headers; hosts without io_uring"),
	ROW(B, RUN, pwrite64, "image metadata; hosts without io_uring"),
	ROW(B, RUN, preadv, "hosts without io_uring"),
	ROW(B, RUN, pwritev, "hosts without io_uring"),
	ROW(B, RUN, preadv2, "hosts without io_uring"),
	ROW(B, RUN, pwritev2, "hosts without io_uring"),
	ROW(B, RUN, fdatasync, "flush"),
	ROW(B, RUN, fsync, "flush"),
	ROW(B, RUN, fadvise64, "a disk that other hosts have written to"),
	ROW(B, RUN, fallocate, "discard, write zeroes"),
	ROW(B, RUN, ftruncate, "an image that grows"),
	ROW(B, RUN, lseek, "SEEK_DATA, SEEK_HOLE"),
	ROW_IF(B, SETUP, ioctl, "size of a disk", ARG_INT(1, BLKGETSIZE64)),
	ROW_IF(B, SETUP, ioctl, "sectors of a disk", ARG_INT(1, BLKSSZGET)),
	ROW_IF(B, SETUP, ioctl, "sectors of a disk", ARG_INT(1, BLKPBSZGET)),

	/* vm: guest memory and what it boots. */
	ROW(V, SETUP, memfd_create, "guest memory"),
	ROW(V, RUN, ftruncate, "guest memory; a dump that ends in a hole"),
	ROW(V, RUN, pwrite64, "a dump, or a disk, into what it was given"),
	ROW(V, RUN, fsync, "a state that is sent into a file"),
	ROW(V, SETUP, fdatasync, "disks that come with a state"),
	ROW(V, SETUP, preadv, "a state in a file, memory of which stays there"),
	ROW(V, RUN, vmsplice, "copies of pages, into a pipe, for good"),
	ROW(V, SETUP, splice, "a state in a pipe, into a pipe of its own"),
	ROW_IF(
	    V, SETUP, fcntl, "the size of that pipe", ARG_INT(1, F_SETPIPE_SZ)),
	ROW_IF(V, RUN, ioctl, "what the reader of a state has not taken",
	    ARG_INT(1, FIONREAD)),
	ROW_IF(V, RUN, ioctl, "what the reader of a state has not taken",
	    ARG_INT(1, TIOCOUTQ)),
	ROW_IF(V, SETUP, prlimit64, "the size of a dump at most",
	    ARG_INT(1, RLIMIT_FSIZE)),
	ROW(V, SETUP, fallocate, "guest memory; disks that come with a state"),
	ROW_IF(V, SETUP, fcntl, "guest memory", ARG_INT(1, F_ADD_SEALS)),
	ROW_IF(V, SETUP, fcntl, "guest memory", ARG_INT(1, F_GET_SEALS)),
	ROW_IF(B | N, RUN, fcntl, "guest memory", ARG_INT(1, F_GET_SEALS)),
	ROW(V, RUN, pread64, "kernel, firmware; disks; the kernel's counters"),
	/* Memory on demand: who has mapped it, and who fills it. */
	ROW_IF(V, SETUP, ioctl, "memory on demand: /dev/userfaultfd",
	    ARG_INT(1, USERFAULTFD_IOC_NEW)),
	ROW_IF(V, SETUP, ioctl, "memory on demand", ARG_INT(1, UFFDIO_API)),
	ROW_IF(V, SETUP, ioctl, "memory on demand: our mapping",
	    ARG_INT(1, UFFDIO_REGISTER)),
	ROW_IF(V, RUN, ioctl, "a page that somebody waits for",
	    ARG_INT(1, UFFDIO_COPY)),
	ROW_IF(V, RUN, ioctl, "a page of zeroes that somebody waits for",
	    ARG_INT(1, UFFDIO_ZEROPAGE)),
	ROW_IF(V, RUN, ioctl, "a page that has come meanwhile",
	    ARG_INT(1, UFFDIO_WAKE)),
	ROW_IF(B | N, RUN, ioctl, "memory on demand: /dev/userfaultfd",
	    ARG_INT(1, USERFAULTFD_IOC_NEW)),
	ROW_IF(B | N, RUN, ioctl, "memory on demand", ARG_INT(1, UFFDIO_API)),
	ROW_IF(B | N, RUN, ioctl, "memory on demand: its mapping",
	    ARG_INT(1, UFFDIO_REGISTER)),
	ROW(V, RUN, lseek, "size of kernel, firmware and disks; holes"),

	/* usernet: the name servers. */
	ROW_IF(U, RUN, openat, "/etc/resolv.conf", READ_ONLY(2)),
	ROW(U, RUN, newfstatat, "has /etc/resolv.conf changed"),
	ROW(U, RUN, stat, "has /etc/resolv.conf changed"),
	ROW(U, RUN, lseek, "stdio"),
};

const struct jail_rules jail_rules_file = { rows,
	sizeof(rows) / sizeof(rows[0]) };
