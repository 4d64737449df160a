/* SPDX-License-Identifier: ISC */
/* MSI-X of one PCI device: see msix.h.  Runs in the VM process. */
#include "pci/msix.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/log.h"
#include "pci/state.h"

#define CAP_MSIX 0x11
#define CAP_LEN 12
#define CONTROL 2
#define CONTROL_ENABLE 0x8000
#define CONTROL_MASK 0x4000
#define ENTRY_SIZE 16
#define ENTRY_DATA 8
#define ENTRY_CONTROL 12
#define ENTRY_MASKED 0x01
#define PBA 0x800
#define SOURCES_MAX 16

struct msix_vector {
	uint8_t entry[ENTRY_SIZE]; /* as the guest sees it */
	bool pending; /* of msix_send; that of sources is in their eventfds */
};

struct msix {
	struct pci_device *dev;
	struct pci *pci;
	unsigned int cap;
	unsigned int nvectors;
	bool enabled; /* what changed() was last called for */
	void (*changed)(void *arg);
	void *arg;
	struct log_limit limit; /* a guest can ask for a route at any time */
	struct msix_source *source[SOURCES_MAX];
	struct msix_vector vector[MSIX_VECTORS_MAX];
};

static uint32_t
get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static uint64_t
msix_addr(const struct msix_vector *v)
{
	return get32(v->entry) | (uint64_t)get32(v->entry + 4) << 32;
}

static uint16_t
msix_control(const struct msix *m)
{
	const uint8_t *c = pci_config(m->dev) + m->cap + CONTROL;

	return (uint16_t)(c[0] | c[1] << 8);
}

bool
msix_is_enabled(const struct msix *m)
{
	return msix_control(m) & CONTROL_ENABLE;
}

unsigned int
msix_vectors(const struct msix *m)
{
	return m->nvectors;
}

static bool
msix_is_open(const struct msix *m, uint16_t vector)
{
	return vector < m->nvectors &&
	    (msix_control(m) & (CONTROL_ENABLE | CONTROL_MASK)) ==
	    CONTROL_ENABLE &&
	    !(m->vector[vector].entry[ENTRY_CONTROL] & ENTRY_MASKED);
}

/* Binds the source to KVM while its vector is open, and only then. */
static void
msix_bind(struct msix *m, struct msix_source *s)
{
	const struct pci_host *host = pci_get_host(m->pci);
	const struct msix_vector *v;
	uint32_t msg_data;

	if (s->fd == -1 || !msix_is_open(m, s->vector)) {
		if (s->handle != -1)
			host->irqfd_remove(host->arg, s->handle, s->fd);
		s->handle = -1;
		return;
	}
	v = &m->vector[s->vector];
	msg_data = get32(v->entry + ENTRY_DATA);
	if (s->handle != -1) {
		if (host->irqfd_update(
			host->arg, s->handle, msix_addr(v), msg_data) == -1)
			log_guest(&m->limit, "msix",
			    "changing an interrupt route: %s", strerror(errno));
		return;
	}
	s->handle = host->irqfd_add(host->arg, s->fd, msix_addr(v), msg_data);
	if (s->handle == -1)
		log_guest(&m->limit, "msix", "adding an interrupt route: %s",
		    strerror(errno));
}

/* After the vector, or with NO_VECTOR all of them, opened, closed or moved. */
static void
msix_update(struct msix *m, uint16_t vector)
{
	struct machine *machine = pci_get_machine(m->pci);

	for (unsigned int i = 0; i < SOURCES_MAX; i++) {
		struct msix_source *s = m->source[i];

		if (s != NULL &&
		    (vector == MSIX_NO_VECTOR || s->vector == vector))
			msix_bind(m, s);
	}
	for (uint16_t i = 0; i < m->nvectors; i++) {
		struct msix_vector *v = &m->vector[i];

		if (!v->pending || !msix_is_open(m, i))
			continue;
		v->pending = false;
		machine->msi(
		    machine->arg, msix_addr(v), get32(v->entry + ENTRY_DATA));
	}
}

void
msix_send(struct msix *m, uint16_t vector)
{
	if (vector >= m->nvectors || !msix_is_enabled(m))
		return;
	m->vector[vector].pending = true;
	msix_update(m, vector);
}

int
msix_add(struct msix *m, struct msix_source *s)
{
	for (unsigned int i = 0; i < SOURCES_MAX; i++) {
		if (m->source[i] != NULL)
			continue;
		m->source[i] = s;
		s->handle = -1;
		s->vector = MSIX_NO_VECTOR;
		return 0;
	}
	errno = ENOSPC;
	return -1;
}

void
msix_remove(struct msix *m, struct msix_source *s)
{
	for (unsigned int i = 0; i < SOURCES_MAX; i++) {
		if (m->source[i] != s)
			continue;
		msix_set_vector(m, s, MSIX_NO_VECTOR);
		m->source[i] = NULL;
	}
}

uint16_t
msix_set_vector(struct msix *m, struct msix_source *s, uint16_t vector)
{
	if (vector >= m->nvectors)
		vector = MSIX_NO_VECTOR;
	s->vector = vector;
	msix_bind(m, s);
	return vector;
}

/* --- the BAR ------------------------------------------------------------- */

bool
msix_source_waits(const struct msix_source *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	return s->handle == -1 && s->fd != -1 && poll(&p, 1, 0) == 1 &&
	    (p.revents & POLLIN);
}

static bool
msix_is_pending(const struct msix *m, uint16_t vector)
{
	if (m->vector[vector].pending)
		return true;
	for (unsigned int i = 0; i < SOURCES_MAX; i++) {
		const struct msix_source *s = m->source[i];

		if (s != NULL && s->vector == vector && msix_source_waits(s))
			return true;
	}
	return false;
}

static uint8_t
msix_byte(const struct msix *m, uint64_t off)
{
	uint8_t bits = 0;

	if (off < m->nvectors * ENTRY_SIZE)
		return m->vector[off / ENTRY_SIZE].entry[off % ENTRY_SIZE];
	if (off < PBA || off - PBA >= MSIX_VECTORS_MAX / 8)
		return 0;
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int vector = (unsigned int)(off - PBA) * 8 + i;

		if (vector < m->nvectors &&
		    msix_is_pending(m, (uint16_t)vector))
			bits |= (uint8_t)(1U << i);
	}
	return bits;
}

static uint64_t
msix_read(void *arg, uint64_t off, unsigned int len)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (uint64_t)msix_byte(arg, off + i) << 8 * i;
	return value;
}

static void
msix_write(void *arg, uint64_t off, unsigned int len, uint64_t value)
{
	struct msix *m = arg;
	struct msix_vector *v;

	/* Only aligned dwords and qwords exist (PCI 3.0, 6.8.2). */
	if ((len != 4 && len != 8) || off % len != 0 ||
	    off >= m->nvectors * ENTRY_SIZE)
		return;
	v = &m->vector[off / ENTRY_SIZE];
	for (unsigned int i = 0; i < len; i++)
		v->entry[off % ENTRY_SIZE + i] = (uint8_t)(value >> 8 * i);
	v->entry[0] &= 0xfc;
	v->entry[ENTRY_CONTROL] &= ENTRY_MASKED;
	memset(v->entry + ENTRY_CONTROL + 1, 0, 3);
	msix_update(m, (uint16_t)(off / ENTRY_SIZE));
}

static const struct bus_ops msix_ops = {
	.read = msix_read,
	.write = msix_write,
};

/* After anything may have changed. */
static void
msix_update_all(struct msix *m)
{
	msix_update(m, MSIX_NO_VECTOR);
	if (m->enabled == msix_is_enabled(m))
		return;
	m->enabled = !m->enabled;
	m->changed(m->arg);
}

void
msix_config_write(struct msix *m, unsigned int off, unsigned int len)
{
	if (off < m->cap + CAP_LEN && off + len > m->cap)
		msix_update_all(m);
}

void
msix_reset(struct msix *m)
{
	for (unsigned int i = 0; i < m->nvectors; i++) {
		memset(&m->vector[i], 0, sizeof(m->vector[i]));
		m->vector[i].entry[ENTRY_CONTROL] = ENTRY_MASKED;
	}
	for (unsigned int i = 0; i < SOURCES_MAX; i++)
		if (m->source[i] != NULL)
			msix_set_vector(m, m->source[i], MSIX_NO_VECTOR);
	msix_update_all(m);
}

/* --- state ---------------------------------------------------------------- */

#define ENTRY_FIELD(name_, at, bits_)                                      \
	{                                                                  \
		.name = (name_),                                           \
		.offset = offsetof(struct msix_vector, entry) + (at),      \
		.width = 4, .count = 1, .bits = (bits_), .max = UINT64_MAX \
	}

static const struct state_field msix_fields[] = {
	ENTRY_FIELD("address", 0, 0xfffffffc),
	ENTRY_FIELD("address high", 4, UINT32_MAX),
	ENTRY_FIELD("data", ENTRY_DATA, UINT32_MAX),
	ENTRY_FIELD("control", ENTRY_CONTROL, ENTRY_MASKED),
	STATE_BOOL(struct msix_vector, pending),
};
static const struct state_table msix_table =
    STATE_TABLE("msix vector", 1, msix_fields);

int
msix_save(struct msix *m, struct state_buf *buf)
{
	for (unsigned int i = 0; i < m->nvectors; i++)
		if (state_save(buf, &msix_table, &m->vector[i]) == -1)
			return -1;
	return 0;
}

int
msix_load(struct msix *m, struct state_buf *buf)
{
	struct msix_vector copy[MSIX_VECTORS_MAX];

	memcpy(copy, m->vector, sizeof(copy));
	for (unsigned int i = 0; i < m->nvectors; i++)
		if (state_load(buf, &msix_table, &copy[i]) == -1)
			return -1;
	if (buf->check)
		return 0;
	memcpy(m->vector, copy, sizeof(copy));
	msix_update_all(m);
	return 0;
}

struct msix *
msix_new(struct pci_device *dev, unsigned int bar, unsigned int vectors,
    void (*changed)(void *arg), void *arg)
{
	struct msix *m;
	uint8_t cap[CAP_LEN] = { CAP_MSIX, 0, (uint8_t)(vectors - 1), 0,
		(uint8_t)bar, 0, 0, 0, (uint8_t)bar, PBA >> 8, 0, 0 };
	int off;

	if (vectors == 0 || vectors > MSIX_VECTORS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return NULL;
	m->dev = dev;
	m->pci = pci_of(dev);
	m->nvectors = vectors;
	m->changed = changed;
	m->arg = arg;
	if ((off = pci_add_cap(dev, cap, sizeof(cap))) == -1 ||
	    pci_add_bar(dev, bar, BUS_MMIO, MSIX_BAR_SIZE, &msix_ops, m) ==
		-1) {
		free(m);
		return NULL;
	}
	m->cap = (unsigned int)off;
	pci_config_wmask(dev)[m->cap + CONTROL + 1] =
	    (CONTROL_ENABLE | CONTROL_MASK) >> 8;
	msix_reset(m);
	return m;
}

void
msix_free(struct msix *m)
{
	if (m == NULL)
		return;
	for (unsigned int i = 0; i < SOURCES_MAX; i++)
		if (m->source[i] != NULL)
			msix_remove(m, m->source[i]);
	free(m);
}
