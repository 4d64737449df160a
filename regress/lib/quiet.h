/* SPDX-License-Identifier: ISC */
/*
 * What a fuzz target has no use for: log lines, and what virtio devices of a
 * VM process say about themselves.
 */
#ifndef QUIET_H
#define QUIET_H

#include "ipc/log.h"
#include "pci/virtio_pci.h"

static inline void
quiet_line(
    enum log_level level, const char *process, const char *line, void *arg)
{
	(void)level;
	(void)process;
	(void)line;
	(void)arg;
}

/* Starts the log and drops what it is told. */
static inline void
quiet_log(void)
{
	log_init("fuzz", LOG_TO_STDERR);
	log_set_sink(quiet_line, NULL);
}

static inline void
quiet_event(void *arg, struct virtio_device *v)
{
	(void)arg;
	(void)v;
}

static inline void
quiet_broken(void *arg, struct virtio_device *v, bool gone, const char *why)
{
	(void)arg;
	(void)v;
	(void)gone;
	(void)why;
}

static const struct virtio_events quiet_events = {
	.ready = quiet_event, .broken = quiet_broken, .stopped = quiet_event
};

#endif /* QUIET_H */
