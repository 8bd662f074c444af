# SPDX-License-Identifier: GPL-3.0-or-later
#
# Unisono. The two commands of a newcomer are `make demo` and `make test`; each installs what it needs.
#
#   make            both programs, in build/
#   make demo       one stream to several receivers with unlike crystals, its alignment measured live
#   make test       the whole suite
#   make bench      Unisono beside GStreamer and Snapcast on the same simulated cards
#   make deps       only the Debian packages that demo and test need
#   make install    PREFIX=/usr/local DESTDIR=
#   make check      a build where every warning is an error, and the formatting
#
# V=1 shows the commands. SAN=address,undefined or SAN=thread builds with sanitizers, in a folder of its own.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       ?= gcc
OPT      ?= -O2 -g
BUILD    := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))$(if $(filter check,$(MAKECMDGOALS)),/check)
comma    := ,

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
CFLAGS   += -std=c17 $(OPT) $(WARNINGS) -D_GNU_SOURCE -DUNISONO_VERSION='"$(VERSION)"' -DPIC -I. -pthread -fPIC
CFLAGS   += $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer) $(if $(filter thread,$(SAN)),-Wno-tsan)
CFLAGS   += $(if $(WERROR),-Werror)
LDFLAGS  += -pthread $(if $(SAN),-fsanitize=$(SAN))

# ---- what each program is made of: the link lines are the picture of the architecture -----------------------

# the pure core that both ends share: no system call, no clock, no allocation once it runs
CORE     := proto/timebase proto/mediaclock proto/observer proto/resample proto/rtp proto/pcm proto/ptpmgmt
# what touches the host
HOST     := proto/options proto/host/clock proto/host/ptp4l proto/host/timekeeper proto/host/net \
            proto/host/card proto/host/realtime proto/host/log proto/host/stats
# capture > retime > tx > send
TX       := sender/retime sender/tx
SENDER   := sender/main sender/send_options sender/report sender/transmit sender/capture sender/send \
            sender/source sender/source_file sender/source_stdin sender/source_tone
# recv > intake > timeline > conceal > playout > resample > play
RX       := receiver/rx receiver/intake receiver/stream receiver/timeline receiver/conceal receiver/playout
RECEIVER := receiver/main receiver/recv_options receiver/report receiver/playback receiver/recv

objects   = $(addprefix $(BUILD)/,$(addsuffix .o,$(1)))
SEND_LIBS := -lortp -lbctoolbox -lasound -lsamplerate -lsndfile -lm
RECV_LIBS := -lasound -lsamplerate -lm

PROGRAMS := $(BUILD)/unisono-send $(BUILD)/unisono-recv

all: $(PROGRAMS)

$(BUILD)/unisono-send: $(call objects,$(SENDER) $(TX) $(HOST) $(CORE))
	$(link) $(SEND_LIBS)

$(BUILD)/unisono-recv: $(call objects,$(RECEIVER) $(RX) $(HOST) $(CORE))
	$(link) $(RECV_LIBS)

# ---- the simulated sound card and the instruments -----------------------------------------------------------

SIMCARD   := $(BUILD)/libasound_module_pcm_unisono_sim.so
TRUTH     := tests/truth_main tests/truth_report tests/truth_watch tests/truth tests/record
TOOLS     := $(SIMCARD) $(BUILD)/unisono-truth $(BUILD)/stall-witness

$(SIMCARD): $(call objects,tests/simcard tests/simparams tests/record)
	$(quiet_link)$(CC) $(LDFLAGS) -shared -o $@ $^ -lasound -lm

$(BUILD)/unisono-truth: $(call objects,$(TRUTH))
	$(link) -lm

$(BUILD)/stall-witness: $(call objects,tests/witness)
	$(link) -lm

tools: $(TOOLS)

# ---- rules ---------------------------------------------------------------------------------------------------

quiet_cc   = $(if $(V),,@echo "  CC    $<" &&) 
quiet_link = $(if $(V),,@echo "  LINK  $@" &&) 
link       = $(quiet_link)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(quiet_cc)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

clean:
	rm -rf build

.PHONY: all clean tools
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
