# Tests.  A unit test is regress/unit/t_NAME.c, a guest test regress/guest/g_NAME.c
# (with NAME.S as its guest where it has one), a sandbox test
# regress/sandbox/s_NAME.c: each a program that prints one line per check in
# the form regress/lib/check.h gives it; regress/run counts.  A fuzz target is
# regress/fuzz/fuzz_NAME.c with its seeds in regress/fuzz/corpus/NAME.
# Scripts are regress/GROUP/*.sh, one behaviour per file.

programs = $(patsubst %.c,$(O)/%,$(wildcard $(1)))
UNIT = $(call programs,regress/unit/t_*.c)
GUEST = $(filter-out $(O)/regress/guest/g_fault,$(call programs,regress/guest/g_*.c)) $(FAULTY)
# In a build of its own, where libvmm can be told to fail.
FAULTY = $(O)/$(if $(FAULT),,fault/)regress/guest/g_fault
SANDBOX = $(call programs,regress/sandbox/s_*.c)
REPLAY = $(patsubst regress/fuzz/fuzz_%.c,$(O)/regress/fuzz/replay_%,$(wildcard regress/fuzz/fuzz_*.c))
BENCH = $(call programs,regress/bench/bench_*.c)
TOOLS = $(call programs,regress/lib/*.c)
CONFCHECK = $(O)/regress/config/confcheck
LINK_TEST = $(Q)$(CC) $(CPPFLAGS_ALL) -Iregress/lib $(CFLAGS_ALL) $(LDFLAGS_ALL)

$(O)/regress/unit/t_%: regress/unit/t_%.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $< $(VMD_LINK)

# What gdb is tried on keeps its symbols: two sections at the top of the
# address space, and the same flat.
$(O)/gen/guest_gdb.elf: regress/guest/gdb.S
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) -nostdlib -static -g -Wl,-Ttext=0xffffffff80001000 \
	    -Wl,-Tdata=0xffffffff80003000 -Wl,--build-id=none \
	    -Wl,-z,noexecstack -o $@ $<
$(O)/gen/guest_gdb.bin: $(O)/gen/guest_gdb.elf
	$(Q)objcopy -O binary $< $@

# A guest of ours: linked flat at 0x1000, carried in its test as the array guest_NAME.
GUEST_HEADERS = $(patsubst regress/guest/%.S,$(O)/gen/guest_%.h,$(wildcard regress/guest/*.S))
$(O)/gen/guest_%.bin: regress/guest/%.S regress/guest/chips.inc
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) -nostdlib -static -Wl,-Ttext=0x1000 -Wl,--build-id=none \
	    -Wl,--oformat=binary -Wl,-z,noexecstack -o $@ $<
$(O)/gen/guest_%.h: $(O)/gen/guest_%.bin
	$(Q)(echo "static const unsigned char guest_$*[] = {"; \
	    od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo "};") >$@

$(O)/regress/guest/g_%: regress/guest/g_%.c $(LIBS) | $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $< $(VMD_LINK)

$(O)/regress/guest/g_fault: regress/guest/g_fault.c $(call archive,libvmm) | $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $< $(call archive,libvmm) -lpthread
ifeq ($(FAULT),)
$(FAULTY): faulty
	@$(MAKE) --no-print-directory FAULT=1 SAN= O=$(O)/fault $@
endif

$(O)/regress/sandbox/s_%: regress/sandbox/s_%.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -Iregress/sandbox -o $@ $< $(VMD_LINK)

$(O)/regress/bench/bench_%: regress/bench/bench_%.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $< $(VMD_LINK)

# libvmm as a program elsewhere sees it: installed, found by pkg-config, shared.
STAGE = $(abspath $(O))/stage
$(STAGE)/lib/pkgconfig/libvmm.pc: $(LIBVMM_SO) $(call archive,libvmm) $(HEADERS) $(MAN3) libvmm/libvmm.pc.in
	$(call say,STAGE,$(STAGE))
	$(Q)$(MAKE) --no-print-directory -s install-libvmm DESTDIR= PREFIX=$(STAGE) \
	    LIBDIR=$(STAGE)/lib MANDIR=$(STAGE)/share/man
USE_STAGE = $$(PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig pkg-config
LIBVMM_EXAMPLES = $(call programs,libvmm/examples/*.c)
$(LIBVMM_EXAMPLES): $(O)/%: %.c $(STAGE)/lib/pkgconfig/libvmm.pc
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -D_GNU_SOURCE $(CFLAGS_ALL) $(USE_STAGE) --cflags libvmm) \
	    $(LDFLAGS_ALL) -o $@ $< $(USE_STAGE) --libs libvmm) -Wl,-rpath,$(STAGE)/lib

# What scripts need; no part of vmd is in it.
$(O)/regress/lib/%: regress/lib/%.c
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $<

# But for these: they ask libvmm.
$(O)/regress/lib/kvmspeed $(O)/regress/lib/gdbguest: $(O)/regress/lib/%: regress/lib/%.c $(call archive,libvmm) | $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $^ -lpthread

# And this one, which is vmd with some of its functions led astray.
$(O)/regress/lib/badvmd: regress/lib/badvmd.c $(O)/vmd/main.o $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -Wl,--wrap=child_send,--wrap=jail_spawn,--wrap=boot_load -o $@ $< \
	    $(O)/vmd/main.o $(VMD_LINK)

# What wrote the streams in regress/state.
$(O)/regress/state/%: regress/state/%.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $< $(VMD_LINK)

$(CONFCHECK): regress/config/confcheck.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -o $@ $< $(VMD_LINK)

# The harness and its driver are one program; its .d names both.
$(O)/regress/fuzz/replay_%: regress/fuzz/fuzz_%.c regress/fuzz/replay.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -Wno-missing-prototypes -Wno-missing-declarations \
	    -DFUZZ_NAME='"$*"' -MF $@.d -o $@ $< regress/fuzz/replay.c $(VMD_LINK)

$(O)/regress/fuzz/fuzz_%: regress/fuzz/fuzz_%.c $(LIBS)
	@mkdir -p $(@D)
	$(LINK_TEST) -Wno-missing-prototypes -Wno-missing-declarations \
	    -fsanitize=fuzzer -o $@ $< $(VMD_LINK)

# --- what tests boot -------------------------------------------------------
KERNELS = $(O)/kernels
$(KERNELS)/cloud/version:
	regress/host/kernels $(KERNELS)
GUEST_PROGRAMS = $(KERNELS)/randread $(KERNELS)/busy
$(GUEST_PROGRAMS): $(KERNELS)/%: regress/guest-image/%.c regress/lib/record.h $(KERNELS)/cloud/version
	$(CC) -std=c11 -O2 $(WARN) -static -o $@ $<
$(KERNELS)/guest.cpio: $(KERNELS)/cloud/version $(GUEST_PROGRAMS) $(wildcard regress/guest-image/*)
	regress/guest-image/mkinitrd $(KERNELS)/cloud $@
$(KERNELS)/lean.cpio: $(KERNELS)/cloud/version $(wildcard regress/guest-image/*)
	regress/guest-image/mkinitrd -n $(KERNELS)/cloud $@ regress/guest-image/lean
assets: $(KERNELS)/guest.cpio $(KERNELS)/lean.cpio

# --- targets ---------------------------------------------------------------
unit: $(UNIT) ## the unit tests only
	regress/run $(UNIT)
guest: $(GUEST) ## the tests with guests of our own, on this machine's /dev/kvm
	regress/run $(GUEST)
library: all $(LIBVMM_EXAMPLES) ## libvmm as others get it: what it shows, pkg-config, the examples
	@regress/suite library
unit-programs: $(UNIT) $(REPLAY) $(CONFCHECK)
# What has threads, for ThreadSanitizer.
TSAN = $(addprefix $(O)/regress/,unit/t_blk unit/t_closer unit/t_state_write unit/t_virtq unit/t_guestmem unit/t_device_log unit/t_disk_log unit/t_board_log unit/t_virtio_flush guest/g_blk guest/g_cancel \
	guest/g_cpuset guest/g_deadline guest/g_debugger guest/g_gdb guest/g_irq \
	guest/g_lazy guest/g_notify guest/g_receive guest/g_send guest/g_smp guest/g_stats guest/g_vcpus)
tsan-programs: $(TSAN)

# vm.conf: every pass-*.conf and fail-*.conf with its exact messages.
config: $(CONFCHECK) ## the tests of vm.conf only
	regress/config/config.sh $<
update-ok: $(CONFCHECK) ## take what the parser says now as what it should say
	regress/config/config.sh -u $<

# As many jobs as processors, if make was not told.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
# A second make, because what is installed decides how the first one read this.
test: ## all tests (or ONLY="unit guest ..."); the last line is 'N passed, N failed, N skipped'
	regress/deps build test
	@regress/host/kernels $(KERNELS) || \
	    echo "There are no kernels for guests: the tests that boot one are skipped."
	@$(MAKE) --no-print-directory $(JOBS) suite
suite: all $(UNIT) $(GUEST) $(LIBVMM_EXAMPLES) $(SANDBOX) $(REPLAY) $(TOOLS) $(CONFCHECK) \
    $(if $(wildcard $(KERNELS)/cloud/version),assets)
	@MAKE="$(MAKE_COMMAND)" UNIT="$(UNIT)" GUEST="$(GUEST)" SANDBOX="$(SANDBOX)" \
	    REPLAY="$(REPLAY)" TSAN="$(TSAN)" VMD="$(VMD)" VMCTL="$(VMCTL)" regress/suite $(ONLY)

demo: ## the main job, shown: two guests from a vm.conf, from start to stop
	@regress/deps build test
	@regress/host/kernels $(KERNELS)
	@$(MAKE) --no-print-directory demo-built
demo-built: all assets $(TOOLS)
	@VMD="$(VMD)" VMCTL="$(VMCTL)" regress/demo

lint: ## form, scripts, manual pages, headers, limits
	@regress/deps build lint
	@$(MAKE) --no-print-directory lint-checks
# Headers are compiled alone, and some include what is made.
lint-checks: $(if $(wildcard vmd/conf/parse.y),$(O)/gen/parse.c) $(GUEST_HEADERS)
	@CPPFLAGS_ALL='$(subst ','\'',$(CPPFLAGS_ALL))' regress/lint/run

bench: ## speed and size against the peers; ROW=name for one row
	@regress/deps build test
	@regress/host/kernels $(KERNELS)
	@$(MAKE) --no-print-directory bench-built
bench-built: all assets $(TOOLS) $(BENCH)
	@VMD="$(VMD)" VMCTL="$(VMCTL)" regress/bench/run $(ROW)

check-crash: ## crash(8) on dumps of Debian's kernel; fetches 280 MB of debug symbols once
	@regress/deps build test crash
	@regress/host/kernels $(KERNELS)
	@regress/crash/symbols $(KERNELS)
	@$(MAKE) --no-print-directory check-crash-built
check-crash-built: all assets $(TOOLS)
	@VMD="$(VMD)" VMCTL="$(VMCTL)" regress/run -t 900 regress/crash/crash.sh

docs: ## writes the parts of README.md and PROTOCOL.md that are made from the source
	@regress/docs/generate -w

SECONDS = 60
fuzz: ## TARGET=name SECONDS=n: libFuzzer on one target
	@test -e regress/fuzz/fuzz_$(TARGET).c || \
	    { echo "TARGET is one of:" $(patsubst regress/fuzz/fuzz_%.c,%,$(wildcard regress/fuzz/fuzz_*.c)) >&2; exit 1; }
	@$(MAKE) --no-print-directory CC=$(CLANG) SAN=fuzz O=$(O)/fuzz \
	    $(O)/fuzz/regress/fuzz/fuzz_$(TARGET)
	@mkdir -p $(O)/fuzz/found/$(TARGET) regress/fuzz/corpus/$(TARGET)
	$(O)/fuzz/regress/fuzz/fuzz_$(TARGET) -max_total_time=$(SECONDS) \
	    -artifact_prefix=$(O)/fuzz/ -print_final_stats=1 \
	    $(O)/fuzz/found/$(TARGET) regress/fuzz/corpus/$(TARGET)

.PHONY: faulty docs unit config update-ok guest library unit-programs tsan-programs assets \
	test suite demo demo-built lint \
	lint-checks bench bench-built check-crash check-crash-built fuzz
