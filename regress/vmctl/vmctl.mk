# vmctl's own tests: unit tests that link its modules, a daemon that answers as
# it is told, and a driver for the console on a terminal.

VMCTL_MODULES = $(filter-out $(O)/vmctl/main.o,$(VMCTL_OBJS))
VMCTL_TEST = $(CC) $(CPPFLAGS_ALL) -Iregress/lib -Ivmctl $(CFLAGS_ALL) $(LDFLAGS_ALL)
VMCTL_SCRIPTS = $(filter-out %/lib.sh,$(wildcard regress/vmctl/*.sh))
VMCTL_TOOLS = $(patsubst %.c,$(O)/%,$(wildcard regress/vmctl/*.c))

$(O)/regress/unit/t_vmctl%: regress/unit/t_vmctl%.c $(VMCTL_MODULES)
	@mkdir -p $(@D)
	$(VMCTL_TEST) -o $@ $< $(VMCTL_MODULES) $(VMCTL_LIBS)

$(O)/regress/vmctl/%: regress/vmctl/%.c $(call archive,vmd/image) $(call archive,compat)
	@mkdir -p $(@D)
	$(VMCTL_TEST) -o $@ $< $(call archive,vmd/image) $(call archive,compat) $(VMCTL_LIBS)

# Fuzz targets of vmctl, as those of the daemon in regress.mk.
$(O)/regress/fuzz/replay_vmctl%: regress/fuzz/fuzz_vmctl%.c regress/fuzz/replay.c $(VMCTL_MODULES)
	@mkdir -p $(@D)
	$(VMCTL_TEST) -Wno-missing-prototypes -Wno-missing-declarations \
	    -DFUZZ_NAME='"vmctl$*"' -MF $@.d -o $@ $< regress/fuzz/replay.c \
	    $(VMCTL_MODULES) $(VMCTL_LIBS)
$(O)/regress/fuzz/fuzz_vmctl%: regress/fuzz/fuzz_vmctl%.c $(VMCTL_MODULES)
	@mkdir -p $(@D)
	$(VMCTL_TEST) -Wno-missing-prototypes -Wno-missing-declarations \
	    -fsanitize=fuzzer -o $@ $< $(VMCTL_MODULES) $(VMCTL_LIBS)

suite: $(VMCTL_TOOLS)

vmctl-test: $(O)/vmctl-bin/vmctl $(VMCTL_TOOLS) ## vmctl against a daemon that answers as told
	O=$(O) regress/run $(VMCTL_SCRIPTS) $(O)/regress/vmctl/console

.PHONY: vmctl-test
