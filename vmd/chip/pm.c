/* SPDX-License-Identifier: ISC */
/*
 * See pm.h.  Runs in the VM process with the machine lock held.  There is no
 * SMI command port, so the machine is in ACPI mode from the start (SCI_EN reads
 * as 1).  The timer is computed from the VM's clock; a machine timer runs only
 * while the guest has asked for its overflow interrupt.
 */
#include "chip/pm.h"

#include <stdint.h>
#include <stdlib.h>

#include "boot/layout.h"
#include "pci/bus.h"
#include "pci/machine.h"
#include "pci/state.h"

/* PM1 status and enable. */
#define PM1_TIMER 0x0001
#define PM1_GLOBAL 0x0020
#define PM1_POWER_BUTTON 0x0100
#define PM1_SLEEP_BUTTON 0x0200
#define PM1_RTC 0x0400
#define PM1_ENABLES \
	(PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC)

/* PM1 control. */
#define CONTROL_SCI_EN 0x0001
#define CONTROL_KEPT 0x1C02 /* BM_RLD and SLP_TYP */
#define CONTROL_SLP_EN 0x2000
#define CONTROL_SLP_TYP(control) ((control) >> 10 & 7)

#define PM_TIMER_HZ 3579545
#define PM_TIMER_HALF 31 /* the bit whose changes are TMR_STS */

#define NS 1000000000

struct pm {
	struct machine *machine;
	struct machine_timer timer;
	uint16_t status, enable, control;
	uint8_t gpe_status, gpe_enable; /* a bit per event */
	uint32_t seen_halves; /* of the timer, up to which TMR_STS is right */
	bool irq;
};

static uint64_t
pm_ticks(const struct pm *pm)
{
	return (
	    uint64_t)((unsigned __int128)pm->machine->now(pm->machine->arg) *
	    PM_TIMER_HZ / NS);
}

static void
pm_update(struct pm *pm)
{
	struct machine *machine = pm->machine;
	uint32_t halves = (uint32_t)(pm_ticks(pm) >> PM_TIMER_HALF);
	bool level;
	uint64_t at = 0;

	if (halves != pm->seen_halves)
		pm->status |= PM1_TIMER;
	pm->seen_halves = halves;
	level = (pm->status & pm->enable & PM1_ENABLES) != 0 ||
	    (pm->gpe_status & pm->gpe_enable) != 0;
	if (level != pm->irq) {
		pm->irq = level;
		machine->irq(machine->arg, LAYOUT_SCI_IRQ, level);
	}
	if (pm->enable & PM1_TIMER && !(pm->status & PM1_TIMER))
		at = (uint64_t)(((unsigned __int128)(halves + 1ULL)
				    << PM_TIMER_HALF) *
			 NS / PM_TIMER_HZ) +
		    1;
	machine->timer(machine->arg, &pm->timer, at);
}

static void
pm_fire(void *arg)
{
	pm_update(arg);
}

bool
pm_power_button(struct pm *pm)
{
	pm->status |= PM1_POWER_BUTTON;
	pm_update(pm);
	return pm->enable & PM1_POWER_BUTTON;
}

void
pm_event(struct pm *pm, unsigned int event)
{
	pm->gpe_status |= (uint8_t)(1U << event);
	pm_update(pm);
}

static uint8_t
pm_read_byte(const struct pm *pm, uint64_t offset, uint32_t ticks)
{
	const uint16_t word[] = { pm->status, pm->enable,
		pm->control | CONTROL_SCI_EN };

	if (offset < LAYOUT_PM_CONTROL + 2)
		return (uint8_t)(word[offset / 2] >> offset % 2 * 8);
	if (offset >= LAYOUT_PM_TIMER && offset < LAYOUT_PM_TIMER + 4)
		return (uint8_t)(ticks >> (offset - LAYOUT_PM_TIMER) * 8);
	if (offset == LAYOUT_PM_GPE)
		return pm->gpe_status;
	if (offset == LAYOUT_PM_GPE + 1)
		return pm->gpe_enable;
	return 0;
}

static uint64_t
pm_read(void *arg, uint64_t offset, unsigned int len)
{
	struct pm *pm = arg;
	uint32_t ticks = (uint32_t)pm_ticks(pm);
	uint64_t value = 0;
	unsigned int i;

	/* Linux reads the timer often: nothing else is worth doing then. */
	if (offset == LAYOUT_PM_TIMER && len == 4)
		return ticks;
	if (offset < LAYOUT_PM_EVENT + 2)
		pm_update(pm);
	for (i = 0; i < len; i++)
		value |= (uint64_t)pm_read_byte(pm, offset + i, ticks) << i * 8;
	return value;
}

static void
pm_write_control(struct pm *pm, uint16_t mask, uint16_t value)
{
	struct machine *machine = pm->machine;

	pm->control = (uint16_t)((pm->control & ~mask) | value) & CONTROL_KEPT;
	if (value & CONTROL_SLP_EN &&
	    CONTROL_SLP_TYP(pm->control) == LAYOUT_S5_TYPE)
		machine->power(machine->arg, POWER_OFF);
}

static void
pm_write_byte(struct pm *pm, uint64_t offset, uint8_t byte)
{
	unsigned int shift = offset % 2 * 8;
	uint16_t mask = (uint16_t)(0xff << shift);
	uint16_t value = (uint16_t)(byte << shift);

	switch (offset & ~1ULL) {
	case LAYOUT_PM_EVENT:
		pm->status &= (uint16_t)~value;
		break;
	case LAYOUT_PM_EVENT + 2:
		pm->enable =
		    (uint16_t)((pm->enable & ~mask) | value) & PM1_ENABLES;
		break;
	case LAYOUT_PM_CONTROL:
		pm_write_control(pm, mask, value);
		break;
	case LAYOUT_PM_RESET:
		if (offset == LAYOUT_PM_RESET && byte == LAYOUT_PM_RESET_VALUE)
			pm->machine->power(pm->machine->arg, POWER_RESET);
		break;
	case LAYOUT_PM_GPE:
		if (offset == LAYOUT_PM_GPE)
			pm->gpe_status &= (uint8_t)~byte;
		else
			pm->gpe_enable = byte;
		break;
	default:
		break;
	}
}

static void
pm_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct pm *pm = arg;
	unsigned int i;

	for (i = 0; i < len; i++)
		pm_write_byte(pm, offset + i, (uint8_t)(value >> i * 8));
	pm_update(pm);
}

static const struct bus_ops pm_ops = { pm_read, pm_write };

/* --- state -----------------------------------------------------------------
 */

static const struct state_field pm_fields[] = {
	STATE_BITS(struct pm, status, PM1_ENABLES),
	STATE_BITS(struct pm, enable, PM1_ENABLES),
	STATE_BITS(struct pm, control, CONTROL_KEPT),
	STATE_ANY(struct pm, seen_halves),
	STATE_SINCE(struct pm, gpe_status, 2),
	STATE_SINCE(struct pm, gpe_enable, 2),
};
static const struct state_table pm_table = STATE_TABLE("pm", 2, pm_fields);

int
pm_save(struct pm *pm, struct state_buf *buf)
{
	pm_update(pm);
	return state_save(buf, &pm_table, pm);
}

int
pm_load(struct pm *pm, struct state_buf *buf)
{
	struct pm copy = *pm;

	if (state_load(buf, &pm_table, &copy) == -1)
		return -1;
	if (buf->check)
		return 0;
	*pm = copy;
	/* The line and the timer follow. */
	pm_update(pm);
	return 0;
}

struct pm *
pm_new(struct machine *machine)
{
	struct pm *pm = calloc(1, sizeof(*pm));

	if (pm == NULL)
		return NULL;
	pm->machine = machine;
	pm->timer.fire = pm_fire;
	pm->timer.arg = pm;
	pm->seen_halves = (uint32_t)(pm_ticks(pm) >> PM_TIMER_HALF);
	if (bus_add(machine->bus, BUS_PIO, LAYOUT_PM_PORT, LAYOUT_PM_SIZE, "pm",
		&pm_ops, pm) == -1) {
		free(pm);
		return NULL;
	}
	return pm;
}

void
pm_free(struct pm *pm)
{
	if (pm == NULL)
		return;
	pm->machine->timer(pm->machine->arg, &pm->timer, 0);
	bus_remove(pm->machine->bus, BUS_PIO, LAYOUT_PM_PORT);
	free(pm);
}
