# vmd: one GNU Makefile for everything.  `make help` lists the targets.
#
#	O=dir		build folder (default build, build-san with SAN=1)
#	SAN=1		AddressSanitizer and UBSan;  SAN=thread: ThreadSanitizer
#	FAULT=1		libvmm in which the Nth system call fails, for tests
#	CC=clang	gcc and clang both build without a warning
#	PREFIX, DESTDIR	where `make install` puts things

VERSION = 0.1
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
SAN ?=
FAULT ?=
O ?= build$(if $(SAN),-san$(if $(filter thread,$(SAN)),-thread))$(if $(FAULT),-fault)
CC = gcc
CLANG = clang
BISON = bison
IASL = iasl
PKGS = libevent libbsd-overlay libseccomp libmnl liburing jansson zlib

.DEFAULT_GOAL = all
export O SAN CC
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# V=1 shows the commands.
Q = $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-6s %s\n' $(1) $(2))

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wmissing-declarations -Wold-style-definition -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum \
	-Wimplicit-fallthrough -Wconversion -Wno-sign-conversion \
	-Wredundant-decls -Wnested-externs -Werror
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fno-common \
	-fstack-clash-protection -fcf-protection -fPIE \
	-ftrivial-auto-var-init=$(if $(findstring clang,$(CC)),pattern,zero)
LDHARDEN = -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
ifeq ($(SAN),thread)
SANFLAGS = -fsanitize=thread
else ifeq ($(SAN),fuzz)
SANFLAGS = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
else ifneq ($(SAN),)
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
ifneq ($(SAN),)
HARDEN = -fno-common -fPIE -fno-omit-frame-pointer
LDHARDEN = -pie
endif

INCLUDES = -Iinclude -Icompat -Ivmd -I$(O)/gen
# Headers of libraries are taken as system headers: their warnings are theirs.
PKG_CFLAGS := $(subst -I/,-isystem /,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CPPFLAGS_ALL = -D_GNU_SOURCE -DVMD_VERSION='"$(VERSION)"' \
	$(INCLUDES) $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS ?= -O2 -g
CFLAGS_ALL = -std=c11 $(CFLAGS) $(WARN) $(HARDEN) $(SANFLAGS) -MMD -MP
LDFLAGS_ALL = $(LDHARDEN) $(SANFLAGS) $(LDFLAGS)

# --- the floors, lowest first: a folder is an archive ----------------------
FLOORS = compat libvmm vmd/net vmd/image vmd/jail vmd/ipc vmd/pci vmd/boot \
	vmd/chip vmd/dev vmd/conf vmd/role
srcs = $(wildcard $(1)/*.c) $(if $(filter libvmm,$(1)),$(wildcard $(addsuffix /*.c,$(LIBVMM_PARTS))))
LIBVMM_PARTS = libvmm/kvm libvmm/gdb libvmm/vfio $(if $(FAULT),libvmm/fault)
objs = $(patsubst %.c,$(O)/%.o,$(call srcs,$(1)))
archive = $(O)/$(subst /,-,$(1)).a
LIBS = $(foreach f,$(FLOORS),$(call archive,$(f)))
VMD_LINK = -Wl,--start-group $(LIBS) -Wl,--end-group $(PKG_LIBS) -lpthread

# Every file of libvmm but the one that makes the faults.
ifneq ($(FAULT),)
LIBVMM_FAULTY = $(filter-out libvmm/fault/%,$(call srcs,libvmm))
$(patsubst %.c,$(O)/%.o,$(LIBVMM_FAULTY)): CPPFLAGS_ALL += -DFAULT_INJECT -include libvmm/fault/fault.h
endif

define floor
$$(call archive,$(1)): $$(call objs,$(1)) $$(if $$(filter vmd/conf,$(1)),$$(O)/gen/parse.o)
	@rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach f,$(FLOORS),$(eval $(call floor,$(f))))

# --- libvmm as a shared library: objects of its own, position-independent ---
SOVERSION = 0
LIBVMM_SO = $(O)/libvmm.so.$(SOVERSION)
LIBVMM_MAP = libvmm/libvmm.map
HEADERS = $(wildcard include/vmm.h include/vmm_*.h)
MAN3 = $(wildcard man/*.3)
$(O)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fPIC -c -o $@ $<
# A sanitizer's own symbols come with the program.
$(LIBVMM_SO): $(patsubst %.c,$(O)/pic/%.o,$(call srcs,libvmm)) $(LIBVMM_MAP)
	$(CC) -shared $(filter-out -pie,$(LDFLAGS_ALL)) $(if $(SAN),,-Wl,-z,defs) \
	    -Wl,-soname,$(@F) -Wl,--version-script=$(LIBVMM_MAP) \
	    -o $@ $(filter %.o,$^) -lpthread

VMD = $(O)/vmd-bin/vmd
VMCTL = $(O)/vmctl-bin/vmctl

all: $(VMD) $(VMCTL) $(LIBVMM_SO) ## builds vmd, vmctl and libvmm

# Without pkg-config or a library's development files nothing below compiles:
# one sentence instead of a page of errors.
ifeq ($(PKG_LIBS),)
all: | missing-packages
$(LIBS): | missing-packages
missing-packages:
	@echo "Development packages are missing; 'make deps' as root installs them." >&2
	@exit 1
.PHONY: missing-packages
endif

$(O)/vmd-bin/vmd: $(O)/vmd/main.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

# vmctl needs few libraries, and its users load no others.
VMCTL_LIBS := $(shell pkg-config --libs libbsd-overlay jansson 2>/dev/null)
VMCTL_OBJS = $(patsubst %.c,$(O)/%.o,$(wildcard vmctl/*.c)) $(call archive,vmd/image) $(call archive,compat)
$(O)/vmctl-bin/vmctl: $(VMCTL_OBJS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(VMCTL_LIBS)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

# bison's skeleton is not ours to keep free of conversions.
$(O)/gen/parse.c: vmd/conf/parse.y
	@mkdir -p $(@D)
	$(call say,YACC,$@)
	$(Q)$(BISON) -Wall -Werror -d -o $@ $<
$(O)/gen/parse.o: $(O)/gen/parse.c
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wno-conversion -Wno-switch-enum \
	    -Wno-redundant-decls -Wno-missing-declarations -c -o $@ $<

$(call objs,vmd/conf): | $(O)/gen/parse.c

# ACPI: ASL compiled by iasl, carried in the binary as an array.
$(O)/gen/%.aml: vmd/boot/%.asl
	@mkdir -p $(@D)
	$(call say,IASL,$@)
	$(Q)$(IASL) -we -p $(basename $@) $< >$@.log 2>&1 || { cat $@.log >&2; exit 1; }
$(O)/gen/%_aml.h: $(O)/gen/%.aml
	$(Q)(echo "static const unsigned char $*_aml[] = {"; \
	    od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo "};") >$@
ASL_HEADERS = $(patsubst vmd/boot/%.asl,$(O)/gen/%_aml.h,$(wildcard vmd/boot/*.asl))
$(call objs,vmd/boot): | $(ASL_HEADERS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
include regress/regress.mk
include regress/vmctl/vmctl.mk

# --- packages, installation ------------------------------------------------
deps: ## installs the Debian packages for build and tests, fetches test kernels
	regress/deps
	regress/host/kernels $(O)/kernels

MAN5 = $(wildcard man/*.5)
MAN8 = $(wildcard man/*.8)
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
PKGCONFIGDIR = $(LIBDIR)/pkgconfig
MANDIR ?= $(PREFIX)/share/man
EXAMPLES = $(PREFIX)/share/examples/vmd
at = $(DESTDIR)$(1)
# Files that say where vmd is are written for PREFIX.
fill = sed -e "s|@BINDIR@|$(PREFIX)/bin|g" -e 's|@SBINDIR@|$(PREFIX)/sbin|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
	-e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@VERSION@|$(VERSION)|g'

# libvmm alone: for programs that use it.
install-libvmm: $(LIBVMM_SO) $(call archive,libvmm) ## installs only libvmm: libraries, headers, libvmm.pc, vmm(3)
	install -d $(addprefix $(DESTDIR),$(LIBDIR) $(PKGCONFIGDIR) $(INCLUDEDIR) $(MANDIR)/man3)
	install -m 644 $(call archive,libvmm) $(call at,$(LIBDIR)/libvmm.a)
	install -m 644 $(LIBVMM_SO) $(call at,$(LIBDIR)/)
	ln -sf $(notdir $(LIBVMM_SO)) $(call at,$(LIBDIR)/libvmm.so)
	install -m 644 $(HEADERS) $(call at,$(INCLUDEDIR)/)
	$(fill) libvmm/libvmm.pc.in >$(call at,$(PKGCONFIGDIR)/libvmm.pc)
	chmod 644 $(call at,$(PKGCONFIGDIR)/libvmm.pc)
	$(if $(MAN3),install -m 644 $(MAN3) $(call at,$(MANDIR)/man3/))

install: all install-libvmm ## installs below PREFIX (and DESTDIR)
	install -d $(addprefix $(DESTDIR),$(PREFIX)/sbin $(PREFIX)/bin \
	    $(MANDIR)/man5 $(MANDIR)/man8 \
	    $(UNITDIR) $(SYSUSERSDIR) $(EXAMPLES) $(SYSCONFDIR)/init.d)
	install -m 755 $(VMD) $(call at,$(PREFIX)/sbin/vmd)
	install -m 755 $(VMCTL) $(call at,$(PREFIX)/bin/vmctl)
	$(if $(MAN5),install -m 644 $(MAN5) $(call at,$(MANDIR)/man5/))
	$(if $(MAN8),install -m 644 $(MAN8) $(call at,$(MANDIR)/man8/))
	install -m 644 etc/vm.conf $(call at,$(EXAMPLES)/vm.conf)
	install -m 644 etc/vmd.sysusers $(call at,$(SYSUSERSDIR)/vmd.conf)
	$(fill) etc/vmd.service >$(call at,$(UNITDIR)/vmd.service)
	$(fill) etc/vmd.rc >$(call at,$(SYSCONFDIR)/init.d/vmd)
	chmod 644 $(call at,$(UNITDIR)/vmd.service)
	chmod 755 $(call at,$(SYSCONFDIR)/init.d/vmd)
	$(if $(DESTDIR),,-ldconfig)
	$(if $(DESTDIR),,@getent passwd _vmd >/dev/null || \
	    systemd-sysusers $(SYSUSERSDIR)/vmd.conf 2>/dev/null || \
	    useradd -r -M -d /nonexistent -s /usr/sbin/nologin _vmd || \
	    echo "Make a user _vmd: vmd's processes run as it.")

uninstall: ## removes what install put there; vm.conf and disks stay
	rm -f $(addprefix $(DESTDIR),$(PREFIX)/sbin/vmd $(PREFIX)/bin/vmctl \
	    $(addprefix $(LIBDIR)/,libvmm.a libvmm.so $(notdir $(LIBVMM_SO))) \
	    $(PKGCONFIGDIR)/libvmm.pc \
	    $(addprefix $(INCLUDEDIR)/,$(notdir $(HEADERS))) \
	    $(addprefix $(MANDIR)/man3/,$(notdir $(MAN3))) \
	    $(addprefix $(MANDIR)/man5/,$(notdir $(MAN5))) \
	    $(addprefix $(MANDIR)/man8/,$(notdir $(MAN8))) \
	    $(EXAMPLES)/vm.conf $(SYSUSERSDIR)/vmd.conf $(UNITDIR)/vmd.service \
	    $(SYSCONFDIR)/init.d/vmd)
	-rmdir $(call at,$(EXAMPLES)) 2>/dev/null

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
	    while IFS='	' read -r t d; do printf '%-12s %s\n' "$$t" "$$d"; done

clean: ## removes the build folder
	rm -rf $(O)

# What is made on the way stays: nothing is removed behind the user's back.
.SECONDARY:

.PHONY: all deps install install-libvmm uninstall help clean
