/* SPDX-License-Identifier: ISC */
/*
 * What a process of vmd says.  Every call names its subsystem first (the file
 * or device it speaks of), then a format that begins with "vm NAME: " where
 * one VM is concerned.  One call is one line of less than LOG_LINE_MAX bytes;
 * everything that is not printable ASCII is escaped as \n, \t or \xHH, so that
 * nothing a guest or client says can forge a second line or steer a terminal.
 *
 * A line goes to the sink: stderr or syslog in the parent, a message to the
 * parent in the sandboxed processes.  errno is the same after every call.
 * Any thread may log once log_init() has returned.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
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

/* Gets each finished line: "subsystem: text", escaped, without a newline, and
 * the name of the process it is from.  Called with a lock held: it must not
 * log.  After LOG_LEVEL_FATAL the process ends: what is sent is to be flushed
 * before the return. */
typedef void log_sink(
    enum log_level, const char *process, const char *line, void *arg);

/* First call of a process.  name is its role, copied. */
void log_init(const char *name, enum log_dest);
/* "vmd" becomes "vm web1": copied, cut at LOG_NAME_MAX. */
void log_procname(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* 0 = up to info, 1 = debug, 2 and more = trace. */
void log_setverbose(int);
int log_getverbose(void);
/* NULL goes back to the destination of log_init().  Borrows arg. */
void log_set_sink(log_sink *sink, void *arg);
/* A line of another process, len bytes as its sink got it.  Nothing of it is
 * believed: level is checked, name and text are cut and escaped again. */
void log_relay(
    uint32_t level, const char *process, const char *text, size_t len);
/* Writes in to out as a line would show it; size > 4.  Returns out. */
char *log_escape(char *out, size_t size, const char *in, size_t len);

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
	uint32_t used; /* credit used up, 0..burst */
	uint32_t held; /* lines held back since one passed */
	uint32_t burst; /* 0: LOG_LIMIT_BURST */
	uint32_t every_ms; /* 0: LOG_LIMIT_MS */
};

/* Whether one more line may pass; counts it either way. */
bool log_limit_pass(struct log_limit *);

/* Level warn, for what a guest did wrong. */
void log_guest(struct log_limit *, const char *sub, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* LOG_H */
