/* SPDX-License-Identifier: ISC */
/* What is taken for a raw image, and what is not. */
#include "image/image.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static struct image image;

static int
file(off_t size)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	return fd == -1 || ftruncate(fd, size) == -1 ? -1 : fd;
}

static void
sizes(void)
{
	int fd = file(1000000);

	REQUIRE(fd != -1);
	CHECK_EQ(image_open_raw(&image, fd, false), 0);
	CHECK_EQ(image.size, 1000000 / 512 * 512);
	CHECK(image.is_file && !image.readonly);
	CHECK_EQ(image.fd, fd);
	CHECK_EQ(ftruncate(fd, 511), 0);
	CHECK_EQ(image_open_raw(&image, fd, false), -1);
	CHECK_EQ(errno, ENODATA);
	CHECK_EQ(ftruncate(fd, 512), 0);
	CHECK_EQ(image_open_raw(&image, fd, true), 0);
	CHECK(image.readonly);
	close(fd);
}

static void
access_modes(void)
{
	char path[] = "/tmp/t_raw.XXXXXX";
	int fd = mkstemp(path), ro, wo;

	REQUIRE(fd != -1);
	CHECK_EQ(ftruncate(fd, 4096), 0);
	ro = open(path, O_RDONLY);
	wo = open(path, O_WRONLY);
	unlink(path);
	CHECK_EQ(image_open_raw(&image, ro, true), 0);
	CHECK_EQ(image_open_raw(&image, ro, false), -1);
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(image_open_raw(&image, wo, false), -1);
	CHECK_EQ(image_open_raw(&image, wo, true), -1);
	CHECK_EQ(image_open_raw(&image, fd, true), 0);
	close(fd);
	close(ro);
	close(wo);
}

static void
other_things(void)
{
	int p[2], dir = open("/tmp", O_RDONLY | O_DIRECTORY),
		  null = open("/dev/null", O_RDWR);

	REQUIRE(pipe(p) == 0 && dir != -1 && null != -1);
	CHECK_EQ(image_open_raw(&image, p[0], true), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(image_open_raw(&image, dir, true), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(image_open_raw(&image, null, false), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(image_open_raw(&image, -1, true), -1);
	CHECK_EQ(errno, EBADF);
	close(p[0]);
	close(p[1]);
	close(dir);
	close(null);
}

int
main(void)
{
	TEST(sizes);
	TEST(access_modes);
	TEST(other_things);
	return CHECK_EXIT();
}
