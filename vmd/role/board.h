/* SPDX-License-Identifier: ISC */
/*
 * The board of a VM: chips, PCI and the glue that ties them to libvmm and to
 * the event loop of the VM process.
 *
 * Runs in the VM process.  Everything here wants the machine lock, which is
 * board.lock.
 */
#ifndef BOARD_H
#define BOARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/log.h"
#include "pci/machine.h"
#include "pci/pci.h"
#include "pci/virtio_pci.h"
#include "role/board_flush.h"
#include "role/board_log.h"
#include "role/disklog.h"
#include "role/terminal.h"
#include "role/watch.h"
#include "vm_error.h"
#include "vmd_msg.h"

struct lazy;
struct lazy_setup;
struct state_buf;
struct vm;
struct vmspec;

#define BOARD_TIMERS_MAX 16
#define BOARD_DEVICES_MAX (VMD_DEVICES_MAX + 1) /* and rng */

struct board {
	pthread_mutex_t lock;
	struct vm *vm; /* owned: libvmm's */
	struct machine machine;
	struct watches *watches;
	struct pci_host pci_host;
	struct pci *pci;
	struct pm *pm;
	struct genid *genid;
	struct rtc *rtc;
	struct fwcfg *fwcfg;
	struct legacy *legacy;
	struct vmcoreinfo *vmcoreinfo;
	struct uart *uart;
	struct terminal terminal;
	struct virtio_memory memory;
	struct board_log log;
	struct board_flush flush;
	struct disklog disk[VMD_DISKS_MAX];
	uint32_t disks;
	struct lazy *lazy; /* owned; NULL: memory is not on demand */
	struct virtio_events events;
	struct virtio_device *device[BOARD_DEVICES_MAX];
	/* A driver can break its device as often as it resets it. */
	struct log_limit broken[BOARD_DEVICES_MAX];
	unsigned int devices;

	/* The guest wants to be switched off or reset; set once, by a vCPU
	 * thread or the main thread. */
	void (*power)(void *arg, enum machine_power);
	void (*device_ready)(void *arg);
	void (*device_stopped)(void *arg);
	void *arg;
	bool power_called;

	/* The VM's clock and the timers on it. */
	int timer_fd;
	bool clock_stopped;
	uint64_t clock_stopped_at; /* host time, while stopped */
	uint64_t clock_behind; /* ns spent stopped so far */
	struct {
		struct machine_timer *timer; /* NULL: free */
		uint64_t at;
	} timers[BOARD_TIMERS_MAX];
	struct board_watch {
		struct board *board;
		struct watch *watch;
		void (*ready)(void *cb_arg);
		void *cb_arg;
	} watch[WATCH_MAX];
};

/*
 * Builds the board of spec around vm (taken), in the caller's zeroed memory;
 * callbacks and arg are set by the caller before.  VM_ERROR_OK or why not: the
 * process then ends.
 */
enum vm_error board_init(struct board *, struct vm *vm, struct vmspec *spec);

/* Adds a device to the bus; in the order of slots. */
enum vm_error board_add_device(
    struct board *, enum device_kind kind, unsigned int index);
/* Gives a device its process; takes fd.  false: no such device. */
bool board_attach(
    struct board *, enum device_kind kind, unsigned int index, int fd);
/* All devices' processes have said hello. */
bool board_is_ready(const struct board *);
/* The machine has come from elsewhere: its networks are told. */
void board_announce(struct board *);

/*
 * Has the RAM, which nobody has touched yet, come from a state file as it is
 * touched: see role/lazy.h.  After board_init(), and before the main loop hears
 * of devices.  Takes device, file and index of the setup in every case and sets
 * its devices; -1 with errno.
 */
int board_fill_on_demand(struct board *, struct lazy_setup *);

/* Stops the VM's clock and its timers, and starts them again. */
void board_clock_stop(struct board *);
void board_clock_start(struct board *);
/* Makes it show ns more, while it is stopped. */
void board_clock_advance(struct board *, uint64_t ns);

/*
 * The state of all chips and devices as one part of a VM's: see pci/state.h.
 * The clock is stopped and every device is (virtio_stop() and its answer), else
 * errno EBUSY.  It is saved before the state of interrupt controllers and
 * vCPUs, because what is due raises its line, and loaded before it, because
 * KVM then takes lines that are high for old.  A load fits only a board of the
 * same devices that no guest has touched.  Whatever can be wrong with the bytes
 * is found before anything has changed; buf then says which part and field.
 */
int board_save(struct board *, struct state_buf *);
int board_load(struct board *, struct state_buf *);

#endif /* BOARD_H */
