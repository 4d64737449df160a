# vmd: one GNU Makefile for everything.  `make help` lists the targets.
#
#	O=dir		build folder (default build, build-san with SAN=1)
#	SAN=1		AddressSanitizer and UBSan;  SAN=thread: ThreadSanitizer
#	CC=clang	gcc and clang both build without a warning
#	PREFIX, DESTDIR	where `make install` puts things

VERSION = 0.1
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
SAN ?=
O ?= build$(if $(SAN),-san$(if $(filter thread,$(SAN)),-thread))
CC = gcc
CLANG = clang
BISON = bison
IASL = iasl
PKGS = libevent libevent_pthreads libbsd-overlay libseccomp libmnl liburing slirp jansson

.DEFAULT_GOAL = all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wmissing-declarations -Wold-style-definition -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum \
	-Wimplicit-fallthrough -Wconversion -Wno-sign-conversion \
	-Wredundant-decls -Wnested-externs -Werror
HARDEN = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fno-common \
	-fstack-clash-protection -fcf-protection -fPIE -ftrivial-auto-var-init=zero
LDHARDEN = -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack
ifeq ($(SAN),thread)
SANFLAGS = -fsanitize=thread
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
	-DSYSCONFDIR='"$(SYSCONFDIR)"' $(INCLUDES) $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS ?= -O2 -g
CFLAGS_ALL = -std=c11 $(CFLAGS) $(WARN) $(HARDEN) $(SANFLAGS) -MMD -MP
LDFLAGS_ALL = $(LDHARDEN) $(SANFLAGS) $(LDFLAGS)

# --- the floors, lowest first: a folder is an archive ----------------------
FLOORS = compat libvmm vmd/net vmd/image vmd/jail vmd/ipc vmd/pci vmd/boot \
	vmd/chip vmd/dev vmd/conf vmd/role
srcs = $(wildcard $(1)/*.c) $(if $(filter libvmm,$(1)),$(wildcard libvmm/kvm/*.c))
objs = $(patsubst %.c,$(O)/%.o,$(call srcs,$(1)))
archive = $(O)/$(subst /,-,$(1)).a
LIBS = $(foreach f,$(FLOORS),$(call archive,$(f)))
VMD_LINK = -Wl,--start-group $(LIBS) -Wl,--end-group $(PKG_LIBS) -lpthread

define floor
$$(call archive,$(1)): $$(call objs,$(1)) $$(if $$(filter vmd/conf,$(1)),$$(O)/gen/parse.o)
	@rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach f,$(FLOORS),$(eval $(call floor,$(f))))

all: $(O)/vmd-bin/vmd $(O)/vmctl-bin/vmctl

$(O)/vmd-bin/vmd: $(O)/vmd/main.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

# vmctl needs few libraries, and its users load no others.
VMCTL_LIBS := $(shell pkg-config --libs libbsd-overlay jansson 2>/dev/null)
VMCTL_OBJS = $(patsubst %.c,$(O)/%.o,$(wildcard vmctl/*.c)) $(call archive,vmd/image) $(call archive,compat)
$(O)/vmctl-bin/vmctl: $(VMCTL_OBJS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(VMCTL_LIBS)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

# bison's skeleton is not ours to keep free of conversions.
$(O)/gen/parse.c: vmd/conf/parse.y
	@mkdir -p $(@D)
	$(BISON) -Wall -Werror -d -o $@ $<
$(O)/gen/parse.o: $(O)/gen/parse.c
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Wno-conversion -Wno-switch-enum \
	    -Wno-redundant-decls -Wno-missing-declarations -c -o $@ $<

$(call objs,vmd/conf): | $(O)/gen/parse.c

# ACPI: ASL compiled by iasl, carried in the binary as an array.
$(O)/gen/%.aml: vmd/boot/%.asl
	@mkdir -p $(@D)
	$(IASL) -we -p $(basename $@) $< >$@.log 2>&1 || { cat $@.log >&2; exit 1; }
$(O)/gen/%_aml.h: $(O)/gen/%.aml
	(echo "static const unsigned char $*_aml[] = {"; \
	    od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo "};") >$@
ASL_HEADERS = $(patsubst vmd/boot/%.asl,$(O)/gen/%_aml.h,$(wildcard vmd/boot/*.asl))
$(call objs,vmd/boot): | $(ASL_HEADERS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
include regress/regress.mk
include regress/vmctl/vmctl.mk

clean:
	rm -rf $(O)

.PHONY: all clean
