/* SPDX-License-Identifier: ISC */
/*
 * VFIO's descriptions with capabilities behind them: asked for twice, since
 * only the first answer says how long they are, and read as if a stranger had
 * written them.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "pptdev.h"

#define INFO_MAX (64U * 1024)

/* What all these structures begin with. */
struct info_head {
	uint32_t argsz, flags;
};

void *
vfio_info(const struct vfio *v, int fd, unsigned long request,
    const void *question, uint32_t size)
{
	uint32_t len = size;
	struct info_head *head;
	int round, err;

	for (round = 0;; round++) {
		head = calloc(1, len);
		if (head == NULL)
			return NULL;
		memcpy(head, question, size);
		head->argsz = len;
		if (v->ops->control(v->arg, fd, request, head) == -1) {
			err = errno;
			free(head);
			errno = err;
			return NULL;
		}
		if (round > 0 || head->argsz <= len || head->argsz > INFO_MAX)
			break;
		len = head->argsz;
		free(head);
	}
	/* From here on: how much is there. */
	head->argsz = len;
	return head;
}

struct vfio_info_cap_header *
vfio_find_cap(void *info, uint32_t size, uint32_t first, uint16_t id)
{
	struct vfio_info_cap_header *cap;
	uint32_t off = first, last = 0;

	/* Forward only, so that a chain without an end has one. */
	while (off > last && size >= sizeof(*cap) &&
	    off <= size - sizeof(*cap) && off % 4 == 0) {
		cap = (void *)((uint8_t *)info + off);
		if (cap->id == id)
			return cap;
		last = off;
		off = cap->next;
	}
	return NULL;
}
