# asyncrt. `make demo` shows it, `make test` proves it, `make` builds the Lua module in build/lib.
# Sources are found here and named nowhere else; the rockspec calls this file.
BUILD       = build
LUA_VERSION = 5.4
PREFIX      = /usr/local
INST_LIBDIR = $(PREFIX)/lib/lua/$(LUA_VERSION)
INST_LUADIR = $(PREFIX)/share/lua/$(LUA_VERSION)

CC      = gcc
CFLAGS  = -O2 -g
LIBFLAG = -shared
ART_CFLAGS = -std=c11 -D_GNU_SOURCE -fPIC -fno-plt -pthread -fvisibility=hidden -Icsrc \
             -Wall -Wextra -Wshadow -Wmissing-prototypes
LUA_INCDIR  =
LUA_CFLAGS := $(if $(LUA_INCDIR),-I$(LUA_INCDIR),$(shell pkg-config --cflags lua$(LUA_VERSION) 2>/dev/null || \
                echo -I/usr/include/lua$(LUA_VERSION)))
LUA_LIBS   := $(shell pkg-config --libs lua$(LUA_VERSION) 2>/dev/null || echo -llua$(LUA_VERSION))
ASAN = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
TSAN = -O1 -g -fno-omit-frame-pointer -fsanitize=thread

BINDING := $(wildcard csrc/lua/*.c)
CORE    := $(filter-out $(BINDING),$(wildcard csrc/*/*.c))
MODULE   = $(BUILD)/lib/asyncrt/core.so
# $(call programs,FLAVOUR,PATTERN): the test programs made from spec/PATTERN
programs = $(patsubst %.c,$(BUILD)/$(1)/%,$(wildcard spec/$(2)))

all: $(MODULE)
lib: $(BUILD)/libasyncrt.a $(BUILD)/libasyncrt.so

# A flavour is $(call flavour,NAME,COMPILER,FLAGS); it lies in build/NAME and is made again when its flags change.
# Only csrc/lua and the sweep are shown Lua's headers. A pool thread may outlive lua_close: hence nodelete.
define flavour
$(BUILD)/$(1)/csrc/lua/%.o $(BUILD)/$(1)/spec/sweep/%.o: LUA_H = $(LUA_CFLAGS)
$(BUILD)/$(1)/%.o: %.c $(BUILD)/$(1)/flags
	@mkdir -p $$(@D)
	$(2) $(CFLAGS) $(ART_CFLAGS) $(3) $$(LUA_H) -MMD -MP -c -o $$@ $$<
$(BUILD)/$(1)/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$(2) $(CFLAGS) $(ART_CFLAGS) $(3) $(LUA_CFLAGS)' >$$@.new
	@if cmp -s $$@.new $$@; then rm $$@.new; else mv $$@.new $$@; fi
$(BUILD)/$(1)/core.a: $(CORE:%.c=$(BUILD)/$(1)/%.o)
$(BUILD)/$(1)/binding.a: $(BINDING:%.c=$(BUILD)/$(1)/%.o)
$(BUILD)/$(1)/core.a $(BUILD)/$(1)/binding.a:
	@rm -f $$@
	ar rcs $$@ $$^
$(BUILD)/$(1)/lib/asyncrt/core.so: $(CORE:%.c=$(BUILD)/$(1)/%.o) $(BINDING:%.c=$(BUILD)/$(1)/%.o)
	@mkdir -p $$(@D)
	$(2) $(LIBFLAG) $(3) -pthread -Wl,-z,nodelete -o $$@ $$^ -lm
$(BUILD)/$(1)/spec/sweep/%: $(BUILD)/$(1)/spec/sweep/%.o $(BUILD)/$(1)/binding.a $(BUILD)/$(1)/core.a
	$(2) $(3) -pthread -o $$@ $$^ $(LUA_LIBS) -lm
$(BUILD)/$(1)/spec/%: $(BUILD)/$(1)/spec/%.o $(BUILD)/$(1)/core.a
	$(2) $(3) -pthread -o $$@ $$^ -lcmocka
endef
HIDDEN = -DART_API= # all but the library of its own export nothing of the C API
$(eval $(call flavour,library,$(CC),))
$(eval $(call flavour,release,$(CC),$(HIDDEN)))
$(eval $(call flavour,gcc-werror,gcc,$(HIDDEN) -Werror))
$(eval $(call flavour,clang-werror,clang,$(HIDDEN) -Werror))
$(eval $(call flavour,asan,gcc,$(HIDDEN) $(ASAN)))
$(eval $(call flavour,tsan,gcc,$(HIDDEN) $(TSAN)))
$(eval $(call flavour,sweep,gcc,$(HIDDEN) $(ASAN) -DART_ALLOC_SITES))

$(MODULE): $(BUILD)/release/lib/asyncrt/core.so
	@mkdir -p $(@D)
	ln -f $< $@
$(BUILD)/libasyncrt.a: $(BUILD)/library/core.a
	ln -f $< $@
$(BUILD)/libasyncrt.so: $(CORE:%.c=$(BUILD)/library/%.o)
	$(CC) -shared -pthread -Wl,-z,defs -Wl,-soname,libasyncrt.so -o $@ $^

# What .ci/test needs of each flavour.
build-library: lib
build-release: all $(call programs,release,core/*_test.c)
build-gcc-werror build-clang-werror: build-%: $(BUILD)/%/lib/asyncrt/core.so
build-gcc-werror: $(addsuffix .o,$(call programs,gcc-werror,core/*.c) $(call programs,gcc-werror,sweep/*.c))
build-clang-werror: $(addsuffix .o,$(call programs,clang-werror,core/*.c) $(call programs,clang-werror,sweep/*.c))
build-asan: $(BUILD)/asan/lib/asyncrt/core.so
build-asan: $(call programs,asan,core/*_test.c) $(call programs,asan,canary/*_asan.c)
build-tsan: $(call programs,tsan,core/*_test.c) $(call programs,tsan,canary/*_tsan.c) $(BUILD)/tsan/spec/sweep/threads
build-sweep: $(call programs,sweep,sweep/*.c)

deps:
	@.ci/deps test
demo:
	@.ci/deps demo
	@$(MAKE) -s -j2 all
	@.ci/lua examples/tour.lua
test:
	@.ci/deps test
	@.ci/test
lint canary sweep asan tsan core spec luaunit rock: # parts of test
	@.ci/deps test
	@.ci/test $@
format:
	clang-format -i $$(find csrc spec bench -name '*.[ch]')
bench:
	@.ci/deps demo
	@$(MAKE) -s -j2 all $(patsubst bench/%.c,$(BUILD)/bench/%.so,$(wildcard bench/*.c))
	@.ci/lua bench/run.lua
$(BUILD)/bench/%.so: bench/%.c # C limits, as Lua modules
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIC -shared $(LUA_CFLAGS) -o $@ $<
clean:
	rm -rf $(BUILD)

install: install-module lib
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib
	install -m 644 csrc/asyncrt*.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(BUILD)/libasyncrt.a $(BUILD)/libasyncrt.so $(DESTDIR)$(PREFIX)/lib
install-module: all
	install -d $(DESTDIR)$(INST_LIBDIR)/asyncrt $(DESTDIR)$(INST_LUADIR)/asyncrt
	install -m 755 $(MODULE) $(DESTDIR)$(INST_LIBDIR)/asyncrt
	install -m 644 lua/asyncrt/*.lua $(DESTDIR)$(INST_LUADIR)/asyncrt

FORCE:
.PHONY: all lib deps demo test lint canary sweep asan tsan core spec luaunit rock format bench clean install \
        install-module FORCE $(addprefix build-,library release gcc-werror clang-werror asan tsan sweep)
.SECONDARY: # keep the objects of test programs
-include $(wildcard $(BUILD)/*/*/*/*.d)
