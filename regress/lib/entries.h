/* SPDX-License-Identifier: ISC */
/* How many entries a folder has, and so how many descriptors are open. */
#ifndef ENTRIES_H
#define ENTRIES_H

#include <dirent.h>
#include <stddef.h>

/* With "." and ".."; -1: it cannot be read. */
static inline int
entries_below(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

/* More than are open by a fixed number: for comparisons. */
static inline int
entries_fds(void)
{
	return entries_below("/proc/self/fd");
}

#endif /* ENTRIES_H */
