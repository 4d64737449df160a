/* SPDX-License-Identifier: ISC */
/*
 * The log of one process: levels, escaping, one sink.  Runs in every process
 * of vmd.  Owns the only global state that all processes share in kind: name,
 * level and sink.  Invariant: a line is bounded, on the stack, and leaves as a
 * whole or not at all; nothing here allocates.
 */
#include "ipc/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "ipc/clock.h"

static struct {
	pthread_mutex_t lock;
	log_sink *sink;
	void *arg;
	enum log_dest dest;
	char name[LOG_NAME_MAX];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };
static atomic_int verbose;

static const struct {
	const char *prefix;
	int priority;
} levels[] = {
	[LOG_LEVEL_FATAL] = { "fatal: ", LOG_CRIT },
	[LOG_LEVEL_WARN] = { "", LOG_ERR },
	[LOG_LEVEL_INFO] = { "", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug: ", LOG_DEBUG },
	[LOG_LEVEL_TRACE] = { "trace: ", LOG_DEBUG },
};

/* --- state ----------------------------------------------------------- */

static void
log_set_name(const char *name)
{
	pthread_mutex_lock(&state.lock);
	log_escape(state.name, sizeof(state.name), name, strlen(name));
	pthread_mutex_unlock(&state.lock);
}

void
log_init(const char *name, enum log_dest dest)
{
	log_set_name(name);
	state.dest = dest;
	/* LOG_NDELAY: the socket must exist before the root is empty. */
	if (dest == LOG_TO_SYSLOG)
		openlog("vmd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_procname(const char *fmt, ...)
{
	char name[LOG_NAME_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	log_set_name(name);
}

void
log_setverbose(int v)
{
	atomic_store(&verbose, v);
}

int
log_getverbose(void)
{
	return atomic_load(&verbose);
}

void
log_set_sink(log_sink *sink, void *arg)
{
	pthread_mutex_lock(&state.lock);
	state.sink = sink;
	state.arg = arg;
	pthread_mutex_unlock(&state.lock);
}

static bool
log_wanted(enum log_level level)
{
	return (int)level <= (int)LOG_LEVEL_INFO + atomic_load(&verbose);
}

/* --- one line -------------------------------------------------------- */

static size_t
log_escape_one(char one[8], char in)
{
	unsigned char c = (unsigned char)in;

	if (c >= 0x20 && c < 0x7f)
		snprintf(one, 8, "%c", c);
	else if (c == '\n' || c == '\t')
		snprintf(one, 8, "\\%c", c == '\n' ? 'n' : 't');
	else
		snprintf(one, 8, "\\x%02x", c);
	return strlen(one);
}

char *
log_escape(char *out, size_t size, const char *in, size_t len)
{
	size_t i, n, need, room = size - 1;
	char one[8];

	for (i = n = 0; i < len && n <= room; i++)
		n += log_escape_one(one, in[i]);
	if (n > room)
		room -= 3;
	for (i = n = 0; i < len; i++, n += need) {
		if ((need = log_escape_one(one, in[i])) > room - n)
			break;
		memcpy(out + n, one, need);
	}
	out[n] = '\0';
	if (i < len)
		memcpy(out + n, "...", 4);
	return out;
}

static void
log_write_stderr(enum log_level level, const char *process, const char *line)
{
	char text[LOG_LINE_MAX + LOG_NAME_MAX + 16];
	ssize_t ignored;
	int n;

	n = snprintf(text, sizeof(text), "%s: %s%s\n", process,
	    levels[level].prefix, line);
	/* One write: lines of several processes do not mix. */
	ignored = write(STDERR_FILENO, text, (size_t)n);
	(void)ignored;
}

/* line is escaped; process NULL is this one. */
static void
log_emit(enum log_level level, const char *process, const char *line)
{
	pthread_mutex_lock(&state.lock);
	if (process == NULL)
		process = state.name;
	if (state.sink != NULL)
		state.sink(level, process, line, state.arg);
	else if (state.dest == LOG_TO_SYSLOG)
		syslog(levels[level].priority, "%s: %s%s", process,
		    levels[level].prefix, line);
	else
		log_write_stderr(level, process, line);
	pthread_mutex_unlock(&state.lock);
}

/* error: an errno whose text is added, or 0; held: lines not shown before. */
static void __attribute__((format(printf, 5, 0))) log_line(enum log_level level,
    int error, uint32_t held, const char *sub, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX], end[160] = "";
	size_t n, room = sizeof(text);
	int saved = errno, len;

	if (error != 0)
		snprintf(end, sizeof(end), ": %s", strerror(error));
	else if (held > 0)
		snprintf(
		    end, sizeof(end), " (%u similar lines held back)", held);
	/* The end is what explains: a long text is cut, not the end. */
	room -= strlen(end);
	len = snprintf(text, room, "%s: ", sub);
	n = len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
	len = vsnprintf(text + n, room - n, fmt, ap);
	if (len >= 0 && (size_t)len >= room - n)
		memcpy(text + room - 4, "...", 4);
	strcat(text, end);
	log_emit(
	    level, NULL, log_escape(line, sizeof(line), text, strlen(text)));
	errno = saved;
}

void
log_relay(uint32_t level, const char *process, const char *text, size_t len)
{
	char name[LOG_NAME_MAX], line[LOG_LINE_MAX];
	int saved = errno;
	enum log_level known = LOG_LEVEL_WARN;

	if (level <= LOG_LEVEL_TRACE)
		known = (enum log_level)level;
	if (!log_wanted(known))
		return;
	log_escape(name, sizeof(name), process, strnlen(process, sizeof(name)));
	log_emit(known, name, log_escape(line, sizeof(line), text, len));
	errno = saved;
}

/* --- levels ---------------------------------------------------------- */

void
log_warn(const char *sub, const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_WARN, error, 0, sub, fmt, ap);
	va_end(ap);
}

#define LOG_FUNCTION(name, level)                        \
	void name(const char *sub, const char *fmt, ...) \
	{                                                \
		va_list ap;                              \
                                                         \
		if (!log_wanted(level))                  \
			return;                          \
		va_start(ap, fmt);                       \
		log_line(level, 0, 0, sub, fmt, ap);     \
		va_end(ap);                              \
	}

LOG_FUNCTION(log_warnx, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_trace, LOG_LEVEL_TRACE)

void
fatal(const char *sub, const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_FATAL, error, 0, sub, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *sub, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_FATAL, 0, 0, sub, fmt, ap);
	va_end(ap);
	exit(1);
}

/* --- lines a guest causes -------------------------------------------- */

bool
log_limit_pass(struct log_limit *limit)
{
	uint32_t burst = limit->burst != 0 ? limit->burst : LOG_LIMIT_BURST;
	uint32_t every = limit->every_ms != 0 ? limit->every_ms : LOG_LIMIT_MS;
	uint64_t now = (uint64_t)clock_ms(), credit;

	credit = (now - limit->filled_ms) / every;
	if (credit >= limit->used) {
		limit->used = 0;
		limit->filled_ms = now;
	} else {
		limit->used -= (uint32_t)credit;
		limit->filled_ms += credit * every;
	}
	if (limit->used == burst) {
		if (limit->held < UINT32_MAX)
			limit->held++;
		return false;
	}
	limit->used++;
	return true;
}

void
log_guest(struct log_limit *limit, const char *sub, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (log_limit_pass(limit)) {
		va_start(ap, fmt);
		log_line(LOG_LEVEL_WARN, 0, limit->held, sub, fmt, ap);
		va_end(ap);
		limit->held = 0;
	}
	errno = saved;
}
