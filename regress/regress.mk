# Tests.  A unit test is regress/unit/t_NAME.c, a guest test regress/guest/g_NAME.c
# (with NAME.S as its guest where it has one): each a program that prints one
# line per check in the form regress/lib/check.h gives it; regress/run counts.

UNIT = $(patsubst %.c,$(O)/%,$(wildcard regress/unit/t_*.c))
SANDBOX = $(patsubst %.c,$(O)/%,$(wildcard regress/sandbox/s_*.c))
GUEST = $(patsubst %.c,$(O)/%,$(wildcard regress/guest/g_*.c))

$(O)/regress/unit/t_%: regress/unit/t_%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Iregress/lib $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

$(O)/regress/sandbox/s_%: regress/sandbox/s_%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Iregress/lib -Iregress/sandbox $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

$(O)/regress/guest/g_%: regress/guest/g_%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -Iregress/lib -I$(O)/gen $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(VMD_LINK)

unit: $(UNIT)
	regress/run $(UNIT)
sandbox: $(SANDBOX)
	regress/run $(SANDBOX)
guest: $(GUEST)
	regress/run $(GUEST)

.PHONY: unit sandbox guest
