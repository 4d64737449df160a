# Tests.  A unit test is regress/unit/t_NAME.c, a guest test regress/guest/g_NAME.c
# (with NAME.S as its guest where it has one): each a program that prints one
# line per check in the form regress/lib/check.h gives it; regress/run counts.

UNIT = $(patsubst %.c,$(O)/%,$(wildcard regress/unit/t_*.c))
GUEST = $(patsubst %.c,$(O)/%,$(wildcard regress/guest/g_*.c))

$(O)/regress/unit/t_%: regress/unit/t_%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Iregress/lib $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

# A guest of ours: linked flat at 0x1000, carried in its test as the array guest_NAME.
GUEST_HEADERS = $(patsubst regress/guest/%.S,$(O)/gen/guest_%.h,$(wildcard regress/guest/*.S))
$(O)/gen/guest_%.bin: regress/guest/%.S
	@mkdir -p $(@D)
	$(CC) -nostdlib -static -no-pie -Wl,-Ttext=0x1000 -Wl,--build-id=none \
	    -Wl,--oformat=binary -Wl,-z,noexecstack -o $@ $<
$(O)/gen/guest_%.h: $(O)/gen/guest_%.bin
	(echo "static const unsigned char guest_$*[] = {"; \
	    od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo "};") >$@

$(O)/regress/guest/g_%: regress/guest/g_%.c $(LIBS) | $(GUEST_HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Iregress/lib -I$(O)/gen $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

unit: $(UNIT)
	regress/run $(UNIT)
guest: $(GUEST)
	regress/run $(GUEST)

.PHONY: unit guest

# vm.conf: every pass-*.conf and fail-*.conf with its exact messages.
$(O)/regress/config/confcheck: regress/config/confcheck.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)
config: $(O)/regress/config/confcheck
	regress/config/run $<
update-ok: $(O)/regress/config/confcheck
	regress/config/run -u $<
.PHONY: config update-ok
