/* SPDX-License-Identifier: ISC */
/*
 * What a process of vmd says.  Every call names its subsystem first (the file
 * or device it speaks of), then a format that begins with "vm NAME: " where
 * one VM is concerned.  One call is one line of at most LOG_LINE_MAX bytes;
 * control characters, and bytes that are not UTF-8, are escaped as \n, \t or
 * \xHH, so that nothing a guest or client says can forge a second line.
 *
 * A line goes to the sink: stderr or syslog in the parent, a message to the
 * parent in the sandboxed processes.  errno is the same after every call.
 * Any thread may log once log_init() has returned.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define LOG_LINE_MAX 1024 /* with the NUL; longer lines end in "..." */
#define LOG_NAME_MAX 32 /* process name, with the NUL */

enum log_level {
	LOG_LEVEL_FATAL,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG, /* -v */
	LOG_LEVEL_TRACE, /* -vv: messages and exits */
};

enum log_dest {
	LOG_TO_STDERR,
	LOG_TO_SYSLOG,
};

/* Gets each finished line: no newline, escaped, "process: subsystem: text".
 * Called with a lock held: it must not log. */
typedef void log_sink(enum log_level, const char *line, void *arg);

/* First call of a process.  name is its role, copied. */
void log_init(const char *name, enum log_dest);
/* "vmd" becomes "vm web1": copied, cut at LOG_NAME_MAX. */
void log_procname(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* 0 = up to info, 1 = debug, 2 and more = trace. */
void log_setverbose(int);
int log_getverbose(void);
/* NULL goes back to the destination of log_init().  Borrows arg. */
void log_set_sink(log_sink *, void *arg);
/* A finished line of another process, as its sink got it: escaped again,
 * because the sender is not believed, and passed on without our name. */
void log_relay(enum log_level, const char *line);

/* The text of strerror(errno) is added. */
void log_warn(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warnx(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_debug(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_trace(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_vwrite(enum log_level, int error, const char *sub, const char *fmt,
    va_list) __attribute__((format(printf, 4, 0)));

/* Log and end the process with exit status 1: our own bug, or a process that
 * cannot start.  Never on what a guest or client did. */
void fatal(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
void fatalx(const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/*
 * Lines a guest can cause as often as it likes.  One struct per device (or
 * call site), zeroed at first; LOG_LIMIT_BURST lines at once, then one
 * per LOG_LIMIT_MS; the next line that passes tells how many were held back.
 * The struct belongs to one thread.
 */
#define LOG_LIMIT_BURST 5
#define LOG_LIMIT_MS 5000

struct log_limit {
	uint64_t filled_ms; /* when credit was last given */
	uint32_t used; /* credit used up, 0..LOG_LIMIT_BURST */
	uint32_t held; /* lines held back since one passed */
};

/* Level warn, for what a guest did wrong. */
void log_guest(struct log_limit *, const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* LOG_H */
