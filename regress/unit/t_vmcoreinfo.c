/* SPDX-License-Identifier: ISC */
/* etc/vmcoreinfo: the note of a guest's kernel, and what a liar gives instead.
 */
#include "chip/vmcoreinfo.h"

#include <elf.h>
#include <endian.h>

#include "boot/le.h"
#include "check.h"
#include "chip/fwcfg.h"
#include "pc.h"
#include "vmm_dump.h"

#define SELECT 0x510
#define DATA 0x511
#define DMA 0x514
#define DMA_ERROR 1
#define DMA_WRITE_SELECT (16 | 8)
#define RAM (16ULL << 20)
#define NOTE 0x123001 /* where it is: notes need no alignment */
#define TEXT "OSRELEASE=6.1.0\nNUMBER(phys_base)=0\n"

static struct pc pc;
static struct fwcfg *fwcfg;
static struct vmcoreinfo *vmcoreinfo;
static uint16_t key;
static uint8_t note[VM_DUMP_VMCOREINFO_MAX];

/* The key of the file, by the directory; 0: there is none. */
static uint16_t
find_key(void)
{
	uint8_t entry[64], count[4];
	unsigned int i, j;

	pc_outw(&pc, SELECT, 0x19);
	for (i = 0; i < 4; i++)
		count[i] = pc_inb(&pc, DATA);
	for (i = 0; i < count[3]; i++) {
		for (j = 0; j < sizeof(entry); j++)
			entry[j] = pc_inb(&pc, DATA);
		if (strcmp((char *)entry + 8, "etc/vmcoreinfo") == 0)
			return (uint16_t)(entry[4] << 8 | entry[5]);
	}
	return 0;
}

static void
setup(void)
{
	pc_init(&pc, RAM, 1);
	fwcfg = fwcfg_new(&pc.machine);
	vmcoreinfo = vmcoreinfo_new(&pc.machine, fwcfg);
	key = find_key();
	memset(note, 0xee, sizeof(note));
}

static void
teardown(void)
{
	fwcfg_free(fwcfg);
	vmcoreinfo_free(vmcoreinfo);
	pc_fini(&pc);
}

/* Writes the first len bytes of the file; the control of the request. */
static uint32_t
tell(uint16_t format, uint32_t size, uint64_t address, uint32_t len)
{
	uint8_t *at = pc.ram + 0x2000;
	uint32_t be32[2] = { htobe32((uint32_t)key << 16 | DMA_WRITE_SELECT),
		htobe32(len) };
	uint64_t be64 = htobe64(0x2000);

	memset(at, 0, 16);
	at[2] = (uint8_t)format;
	at[3] = (uint8_t)(format >> 8);
	le32_put(at + 4, size);
	le64_put(at + 8, address);
	memcpy(pc.ram + 0x1000, be32, 8);
	memcpy(pc.ram + 0x1008, &be64, 8);
	bus_write(pc.machine.bus, BUS_PIO, DMA, 8, htobe64(0x1000));
	memcpy(be32, pc.ram + 0x1000, 4);
	return be32toh(be32[0]);
}

/* A note at gpa; returns its length. */
static uint32_t
put_note(uint64_t gpa, const char *name, uint32_t namesz, uint32_t descsz)
{
	const Elf64_Nhdr head = { .n_namesz = namesz, .n_descsz = descsz };

	memset(pc.ram + gpa, 0, 128);
	memcpy(pc.ram + gpa, &head, sizeof(head));
	strcpy((char *)pc.ram + gpa + 12, name);
	strcpy((char *)pc.ram + gpa + 24, TEXT);
	return 24 + ((descsz + 3) & ~3U);
}

static uint32_t
put_good(uint64_t gpa)
{
	return put_note(gpa, "VMCOREINFO", 11, sizeof(TEXT));
}

/* The errno of a copy that gives nothing, 0 if it gives something. */
static int
refused(void)
{
	errno = 0;
	return vmcoreinfo_copy(vmcoreinfo, note, sizeof(note)) == 0 ? errno : 0;
}

static void
test_note(void)
{
	uint32_t len;

	setup();
	REQUIRE(key != 0);
	pc_outw(&pc, SELECT, key);
	CHECK_EQ(pc_inb(&pc, DATA), 1); /* ELF is understood */
	CHECK_EQ(refused(), ENOENT);
	len = put_good(NOTE);
	/* As Linux does: the room is larger than the note. */
	CHECK_EQ(tell(1, 4096, NOTE, 16), 0);
	CHECK_EQ(vmcoreinfo_copy(vmcoreinfo, note, sizeof(note)), len);
	CHECK(memcmp(note, pc.ram + NOTE, len) == 0);
	CHECK_EQ(tell(1, len, NOTE, 16), 0);
	CHECK_EQ(vmcoreinfo_copy(vmcoreinfo, note, len), len);
	/* What is there when it is asked for counts. */
	pc.ram[NOTE + 24] = 'X';
	CHECK_EQ(vmcoreinfo_copy(vmcoreinfo, note, sizeof(note)), len);
	CHECK_EQ(note[24], 'X');
	/* The end of memory. */
	put_good(RAM - 128);
	CHECK_EQ(tell(1, 128, RAM - 128, 16), 0);
	CHECK_EQ(vmcoreinfo_copy(vmcoreinfo, note, sizeof(note)), len);
	CHECK_EQ(tell(0, 0, 0, 16), 0);
	CHECK_EQ(refused(), ENOENT);
	teardown();
}

static void
test_file_hostile(void)
{
	setup();
	put_good(NOTE);
	CHECK_EQ(tell(1, 4096, NOTE, 17), DMA_ERROR);
	CHECK_EQ(refused(), ENOENT);
	CHECK_EQ(tell(1, 4096, NOTE, 15), 0); /* not the whole file */
	CHECK_EQ(refused(), ENOENT);
	CHECK_EQ(tell(2, 4096, NOTE, 16), 0);
	CHECK_EQ(refused(), ENOENT);
	CHECK_EQ(tell(0x101, 4096, NOTE, 16), 0);
	CHECK_EQ(refused(), ENOENT);
	CHECK_EQ(tell(1, 0, NOTE, 16), 0);
	CHECK_EQ(refused(), EFAULT);
	CHECK_EQ(tell(1, UINT32_MAX, 0, 16), 0);
	CHECK_EQ(refused(), EFBIG);
	CHECK_EQ(tell(1, VM_DUMP_VMCOREINFO_MAX + 1, NOTE, 16), 0);
	CHECK_EQ(refused(), EFBIG);
	CHECK_EQ(tell(1, 4096, RAM - 4095, 16), 0);
	CHECK_EQ(refused(), EFAULT);
	CHECK_EQ(tell(1, 4096, UINT64_MAX - 100, 16), 0);
	CHECK_EQ(refused(), EFAULT);
	CHECK_EQ(tell(1, 4096, NOTE, 16), 0);
	CHECK_EQ(refused(), 0);
	teardown();
}

static void
test_note_hostile(void)
{
	uint32_t len;

	setup();
	len = put_good(NOTE);
	CHECK_EQ(tell(1, len - 1, NOTE, 16), 0);
	CHECK_EQ(refused(), EINVAL);
	CHECK_EQ(tell(1, 12, NOTE, 16), 0);
	CHECK_EQ(refused(), EINVAL);
	CHECK_EQ(tell(1, 4096, NOTE, 16), 0);
	CHECK_EQ(refused(), 0);
	put_note(NOTE, "VMCOREINFX", 11, sizeof(TEXT));
	CHECK_EQ(refused(), EINVAL);
	put_note(NOTE, "VMCOREINFO", 10, sizeof(TEXT));
	CHECK_EQ(refused(), EINVAL);
	put_note(NOTE, "VMCOREINFO", UINT32_MAX, sizeof(TEXT));
	CHECK_EQ(refused(), EINVAL);
	put_note(NOTE, "VMCOREINFO", 11, 0);
	CHECK_EQ(refused(), EINVAL);
	put_note(NOTE, "VMCOREINFO", 11, 4096 - 24 + 1);
	CHECK_EQ(refused(), EINVAL);
	put_note(NOTE, "VMCOREINFO", 11, UINT32_MAX);
	CHECK_EQ(refused(), EINVAL);
	put_note(NOTE, "VMCOREINFO", 11, 4096 - 24);
	CHECK_EQ(vmcoreinfo_copy(vmcoreinfo, note, sizeof(note)), 4096);
	teardown();
}

int
main(void)
{
	TEST(test_note);
	TEST(test_file_hostile);
	TEST(test_note_hostile);
	return CHECK_EXIT();
}
