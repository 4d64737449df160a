/* SPDX-License-Identifier: ISC */
/*
 * The loops of <sys/queue.h> for cppcheck, which reads no system headers.
 */
#ifndef LINT_QUEUE_H
#define LINT_QUEUE_H

#define TAILQ_FOREACH(var, head, field)                \
	for ((var) = (head)->tqh_first; (var) != NULL; \
	     (var) = (var)->field.tqe_next)
#define TAILQ_FOREACH_SAFE(var, head, field, next)                 \
	for ((var) = (head)->tqh_first;                            \
	     (var) != NULL && ((next) = (var)->field.tqe_next, 1); \
	     (var) = (next))

#endif /* LINT_QUEUE_H */
