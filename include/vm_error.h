/* SPDX-License-Identifier: ISC */
/*
 * What a request to the daemon can end in.  These codes travel in messages;
 * they never share a variable with errno, which has its own field.
 */
#ifndef VM_ERROR_H
#define VM_ERROR_H

/*
 * A row: name, whether the text is about a file of the VM (the reader adds
 * which one), text.  Texts are sentences for users; an errno, where there is
 * one, and the daemon's detail are added by the reader.
 */
#define VM_ERRORS(X)                                                          \
	X(OK, 0, "done")                                                      \
	X(FAILED, 0, "failed")                                                \
	X(PERMISSION, 0, "permission denied: not the owner of this VM")       \
	X(NEEDS_ROOT, 0,                                                      \
	    "permission denied: only root or the daemon's own "               \
	    "user may do this")                                               \
	X(NOT_FOUND, 0, "vm not found")                                       \
	X(EXISTS, 0, "a VM of this name exists already")                      \
	X(NOT_RUNNING, 0, "vm is not running")                                \
	X(RUNNING, 0, "vm is running already")                                \
	X(STOPPING, 0, "vm is being stopped already")                         \
	X(PAUSED, 0, "vm is paused already")                                  \
	X(NOT_PAUSED, 0, "vm is not paused")                                  \
	X(ALREADY_DEFINED, 0,                                                 \
	    "vm is defined in vm.conf: start it without "                     \
	    "options, or with -b, -I, -A, -g only")                           \
	X(INVALID, 0, "invalid request")                                      \
	X(PROTOCOL, 0, "the client speaks another version of the protocol")   \
	X(TOO_MANY, 0, "too many VMs")                                        \
	X(NOTHING_TO_BOOT, 0, "no kernel and no disk given: nothing to boot") \
	X(NO_KVM, 0, "no usable /dev/kvm")                                    \
	X(NO_MEMORY, 0, "not enough memory on the host")                      \
	X(FILE_OPEN, 1, "cannot be opened")                                   \
	X(FILE_TYPE, 1, "is not a regular file or block device")              \
	X(FILE_MODE, 1, "is not open for reading and writing")                \
	X(FILE_BUSY, 1, "is in use by another VM")                            \
	X(FILE_EMPTY, 1, "is empty")                                          \
	X(FILE_READ, 1, "cannot be read")                                     \
	X(FILE_TRUNCATED, 1, "is truncated")                                  \
	X(FILE_FORMAT, 1, "is of no known format")                            \
	X(FILE_CORRUPT, 1, "is damaged")                                      \
	X(FILE_TOO_BIG, 1, "does not fit into the VM's memory")               \
	X(FIRMWARE_MISSING, 1, "is missing: install the package seabios")     \
	X(FILE_WRITE, 1, "cannot be written")                                 \
	X(FILE_OWNER, 1, "belongs to neither root nor the owner of the VM")   \
	X(FILE_UNNAMED, 1,                                                    \
	    "is on a file system that has no files without a name")           \
	X(DUMPING, 0, "a dump of this VM is being written already")           \
	X(NO_SEND, 0,                                                         \
	    "permission denied: vm.conf has no \"allow send\" for this VM")   \
	X(SENDING, 0, "this VM is being sent already")                        \
	X(STATE_BAD, 0, "the state cannot be taken")                          \
	X(STATE_OTHER, 0, "the state is that of another VM than this")        \
	X(SEND_FAILED, 0, "cannot send the VM, which goes on here")           \
	X(SEND_DOUBT, 0,                                                      \
	    "the receiver may have the VM: it is paused here; stop it if it " \
	    "runs there, else unpause it")                                    \
	X(RECEIVE_DOUBT, 0,                                                   \
	    "the sender may have the VM: it is paused here; stop it if it "   \
	    "runs there, else unpause it")                                    \
	X(DISK_SIZE, 1, "is not of the size it was when the VM was saved")    \
	X(DISK_CHANGED, 1, "has been written to since the VM was saved")      \
	X(CANCELLED, 0, "cancelled")                                          \
	X(TAP_BUSY, 0, "tap interface is in use")                             \
	X(TAP_FAILED, 0, "cannot make the tap interface")                     \
	X(TAP_NEEDS_ROOT, 0,                                                  \
	    "tap interfaces need root's daemon: use an "                      \
	    "interface of type user")                                         \
	X(TTY_FAILED, 0, "cannot make the console's terminal")                \
	X(GDB_FAILED, 0, "cannot make the debugger's socket")                 \
	X(NO_GDB, 0,                                                          \
	    "this VM has no debugger: put \"debug { gdb }\" into "            \
	    "vm.conf, or start it with -g run")                               \
	X(DEVICE_FAILED, 0, "a device process did not come up")               \
	X(SPAWN_FAILED, 0, "cannot start the VM's processes")                 \
	X(TOO_FAST, 0, "vm restarted too quickly")                            \
	X(DIED, 0, "the VM process died")                                     \
	X(CONFIG, 0, "the configuration has errors")                          \
	X(TIMEOUT, 0, "no answer in time")                                    \
	X(SHUTDOWN, 0, "the daemon is shutting down")

#define VM_ERROR_ENUM(name, file, text) VM_ERROR_##name,
enum vm_error { VM_ERRORS(VM_ERROR_ENUM) VM_ERROR__COUNT };

/* The files a VM is made of: what a descriptor is, what an error is about. */
#define VM_FILES(X)                             \
	X(NONE, "")                             \
	X(KERNEL, "kernel")                     \
	X(INITRD, "initrd")                     \
	X(FIRMWARE, "firmware")                 \
	X(DISK, "disk")                         \
	X(TAP, "network interface")             \
	X(TTY, "console terminal")              \
	X(TTY_WATCH, "console watch")           \
	X(RING, "console ring")                 \
	X(GDB, "debugger's socket")             \
	X(KVM, "/dev/kvm")                      \
	X(DUMP, "dump")                         \
	X(CRASH, "crash dump folder")           \
	X(STATE, "state")                       \
	X(STATE_HEAD, "beginning of the state") \
	X(STATE_ACK, "way back to the sender")  \
	X(FAULTS, "/dev/userfaultfd")

#define VM_FILE_ENUM(name, text) VM_FILE_##name,
enum vm_file { VM_FILES(VM_FILE_ENUM) VM_FILE__COUNT };

/* The sentence of a code; "unknown error" for a number that is none.
 * Returns a constant string. */
const char *vm_error_text(unsigned int code);
/* Whether the sentence has a file as its subject. */
int vm_error_is_file(unsigned int code);
/* "kernel", "disk", ...; "file" for a number that is none. */
const char *vm_file_text(unsigned int file);

#endif /* VM_ERROR_H */
