# SPDX-License-Identifier: GPL-3.0-or-later
#
# Unisono. The two commands of a newcomer are `make demo` and `make test`; each installs what it needs.
#
#   make            both programs, in build/
#   make demo       one stream to several receivers with unlike crystals, its alignment measured live
#   make test       the whole suite
#   make sim        every scenario in virtual time; SEEDS=50 for as many worlds; make plot SCENARIO=usb-1ms draws one
#   make fuzz       libFuzzer on everything that reads what others wrote; SECONDS=60 each
#   make bench      Unisono beside GStreamer and Snapcast on the same simulated cards
#   make deps       only the Debian packages that demo and test need
#   make install    PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR=
#   make examples   the example configurations in tools/systemd/, after a change of options
#   make check      a build where every warning is an error, and the formatting
#
# V=1 shows the commands. SAN=address,undefined or SAN=thread builds with sanitizers, in a folder of its own.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR  ?=
ifeq ($(origin CC),default)
CC       := gcc
endif
OPT      ?= -O2 -g
comma    := ,
BUILD    ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
CFLAGS   += -std=c17 $(OPT) $(WARNINGS) -D_GNU_SOURCE -DUNISONO_VERSION='"$(VERSION)"' -DPIC -I. -pthread -fPIC
CFLAGS   += $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) $(if $(filter thread,$(SAN)),-Wno-tsan)
CFLAGS   += $(if $(WERROR),-Werror)
LDFLAGS  += -pthread $(if $(SAN),-fsanitize=$(SAN))

# ---- what each program is made of: the link lines are the picture of the architecture -----------------------

# the pure core that both ends share: no system call, no clock, no allocation once it runs
CORE     := proto/timebase proto/mediaclock proto/observer proto/resample proto/rtp proto/rtcp proto/telemetry proto/rtcptimer proto/roster \
            proto/pcm proto/codec proto/ptpmgmt \
            proto/printable proto/slice proto/sdp proto/sdp_attributes proto/sdpnames proto/sdpwrite proto/sap proto/saptimer proto/directory
# what touches the host
HOST     := proto/options proto/host/clock proto/host/clocksource proto/host/ptp4l proto/host/phc \
            proto/host/timekeeper proto/host/net proto/host/netwatch proto/host/ear proto/host/card \
            proto/host/realtime proto/host/signals proto/host/log proto/host/stats \
            proto/host/service proto/host/waiting proto/host/json proto/host/remote proto/host/places
# what is on the air; for whoever looks for streams
DISCOVERY := proto/host/discovery proto/host/browser
# sessions of libortp over sockets of ours
ORTP     := proto/host/endpoint
# capture > retime > gate > tx > send
TX       := sender/retime sender/gate sender/tx
SENDER   := sender/main sender/send_options sender/report sender/transmit sender/capture sender/send sender/audience sender/muster \
            sender/source sender/feed sender/source_file sender/source_stdin sender/source_tone \
            sender/describe sender/announce sender/publish sender/print_sdp sender/talk sender/booth
# recv > each voice: intake > timeline > head (route > conceal > resample) > level > the mix of all > play
RX       := receiver/rx receiver/voice receiver/intake receiver/decode receiver/stream receiver/reception receiver/timeline \
            receiver/head receiver/route receiver/router receiver/delay receiver/conceal receiver/level receiver/playout receiver/distribution
# recv > take > spool > soundfile
RECORD   := receiver/record receiver/take receiver/spool receiver/soundfile
RECEIVER := receiver/main receiver/recv_options receiver/report receiver/playback receiver/recv receiver/control \
            receiver/vouch receiver/gauge receiver/follow receiver/tuning receiver/list receiver/listener \
            receiver/selection receiver/desk receiver/console $(RECORD)

# preflight: probe (asks the host) > checks (pure judgement) > findings
DOCTOR   := $(patsubst %.c,%,$(wildcard tools/doctor/*.c))

# a capture, read three times: scan > survey > play, which drives rx > verdict > report
REPLAY   := $(patsubst %.c,%,$(wildcard tools/replay/*.c)) tools/doctor/finding

# how the monitor is looked at: a view > page of lines > terminal; a view > text of metrics > HTTP
VIEWS    := $(addprefix tools/monitor/,view line gauge desk page page_stream page_receiver screen prometheus_text prometheus)

# watch (what comes) or play (a recording) > model > views; what it shares with receivers and replay
MONITOR  := $(filter-out $(VIEWS),$(patsubst %.c,%,$(wildcard tools/monitor/*.c)))
EARS     := receiver/recv receiver/stream \
            $(addprefix tools/replay/,analysis track losses histogram envelope format pcapfile frame)

# a word to a running program: where it listens > ask > print what it answers
CTL      := tools/ctl/main tools/ctl/answer
CTL_PARTS := proto/host/remote proto/host/places proto/host/json proto/host/clock proto/printable

# builds inside other targets use all processors, unless -j was said
PARALLEL  = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

objects   = $(addprefix $(BUILD)/,$(addsuffix .o,$(1)))
SEND_LIBS  = $(ORTP_LIBS) -lasound -lopus -lsamplerate -lsndfile -lsystemd -lm
RECV_LIBS := -lasound -lopus -lsamplerate -lsystemd -lm
ORTP_LIBS := -lortp -lbctoolbox
DISCOVERY_LIBS := -lavahi-client -lavahi-common
REPLAY_LIBS := -lpcap -lsndfile -lopus -lsamplerate -lm
MONITOR_LIBS := -lpcap -lasound -lopus -lsamplerate -lsystemd -lm
VIEW_LIBS := -lncursesw -ltinfo -lmicrohttpd -lm

PROGRAMS := $(BUILD)/unisono-send $(BUILD)/unisono-recv $(BUILD)/unisono-doctor $(BUILD)/unisono-replay
PROGRAMS += $(BUILD)/unisono-monitor $(BUILD)/unisono-ctl

all: $(PROGRAMS)

$(BUILD)/unisono-send: $(call objects,$(SENDER) $(TX) $(ORTP) $(HOST) $(CORE))
	$(link) $(SEND_LIBS) $(DISCOVERY_LIBS)

$(BUILD)/unisono-recv: $(call objects,$(RECEIVER) $(RX) $(ORTP) $(DISCOVERY) $(HOST) $(CORE))
	$(link) $(ORTP_LIBS) $(RECV_LIBS) -lsndfile $(DISCOVERY_LIBS)

$(BUILD)/unisono-doctor: $(call objects,$(DOCTOR) $(HOST) $(CORE))
	$(link) $(RECV_LIBS)

$(BUILD)/unisono-replay: $(call objects,$(REPLAY) $(RX) proto/options proto/host/json $(CORE))
	$(link) $(REPLAY_LIBS)

$(BUILD)/unisono-monitor: $(call objects,$(MONITOR) $(VIEWS) $(EARS) $(DISCOVERY) $(HOST) $(CORE))
	$(link) $(MONITOR_LIBS) $(VIEW_LIBS) $(DISCOVERY_LIBS)

$(BUILD)/unisono-ctl: $(call objects,$(CTL) $(CTL_PARTS))
	$(link) -lm

# ---- the simulated sound card and the instruments -----------------------------------------------------------

SIMCARD   := $(BUILD)/libasound_module_pcm_unisono_sim.so
TRUTH     := tests/truth_main tests/truth_report tests/truth_watch tests/truth tests/record
TOOLS     := $(SIMCARD) $(BUILD)/unisono-truth $(BUILD)/stall-witness $(BUILD)/unisono-sim

$(SIMCARD): $(call objects,tests/simcard tests/simparams tests/record)
	$(quiet_link)$(CC) $(LDFLAGS) -shared -o $@ $^ -lasound -lm

$(BUILD)/unisono-truth: $(call objects,$(TRUTH))
	$(link) -lm

$(BUILD)/stall-witness: $(call objects,tests/witness)
	$(link) -lm

# the simulator: the same core in virtual time; optimized as a whole, for it plays a day in two minutes
SIM       := $(patsubst %.c,%,$(wildcard tests/sim/*.c))
SCENARIOS := $(sort $(wildcard tests/sim/scenarios/*.sim))
SIM_OPT   := -O3 -g -flto=auto

$(BUILD)/unisono-sim: $(addprefix $(BUILD)/whole/,$(addsuffix .o,$(SIM) $(TX) $(RX) $(CORE)))
	$(quiet_link)$(CC) $(LDFLAGS) $(SIM_OPT) -o $@ $^ -lopus -lsamplerate -lm

$(BUILD)/whole/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(quiet_cc)$(CC) $(CFLAGS) $(SIM_OPT) -MMD -MP -c -o $@ $<

# `make sim SEEDS=50` plays each scenario with seeds 1 to 50; FIGURES=1 shows all figures
SEEDS     ?= 1
sim: deps-build $(BUILD)/unisono-sim
	@$(BUILD)/unisono-sim --seeds $(SEEDS) $(if $(FIGURES),--figures) $(SCENARIOS)

# `make plot SCENARIO=usb-1ms SEED=7` plays one again and draws it: build/usb-1ms-7.csv and .svg
SEED      ?= 1
plot: deps-build $(BUILD)/unisono-sim
	@tools/deps.sh gnuplot-nox
	@tests/sim/plot.sh $(BUILD)/unisono-sim tests/sim/scenarios/$(SCENARIO).sim $(SEED) $(BUILD)/$(SCENARIO)-$(SEED)

tools: $(TOOLS)

# ---- tests ---------------------------------------------------------------------------------------------------

# one program a module, tests/test_MODULE.c, with whatever it needs of the tree
LIBRARY   := $(BUILD)/tests/unisono.a
LIB_OBJS  := $(call objects,$(CORE) $(HOST) $(ORTP) $(DISCOVERY) $(TX) $(RX) $(filter-out %/main %/report,$(SENDER) $(RECEIVER) $(DOCTOR) $(REPLAY)) \
             $(filter-out %/main,$(SIM)) tests/truth tests/record tests/simparams)
LIB_OBJS  += $(call objects,$(VIEWS) tests/views tools/ctl/answer)
LIB_OBJS  += $(call objects,$(filter-out %/main,$(MONITOR)))
UNITS     := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/test_*.c)))
UNIT_LIBS := $(SEND_LIBS) $(DISCOVERY_LIBS) $(VIEW_LIBS) -lpcap -lcmocka
SCRIPTS   := tests/purity.sh $(sort $(wildcard tests/e2e/*.sh tests/interop/*.sh))
SCRIPTS   := $(filter-out %/lib.sh,$(SCRIPTS))

$(LIBRARY): $(LIB_OBJS)
	$(if $(V),,@echo "  AR    $@" &&) rm -f $@ && ar qcs $@ $^

$(UNITS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(LIBRARY)
	$(link) $(UNIT_LIBS)

$(BUILD)/garbage: $(call objects,tests/garbage) $(LIBRARY)
	$(link) -lm

$(BUILD)/clicks: $(call objects,tests/clicks) $(LIBRARY)
	$(link) -lm

$(BUILD)/fake-ptp4l: $(call objects,tests/fake_ptp4l)
	$(link) -lm

$(BUILD)/viewer: $(call objects,tests/viewer) $(LIBRARY)
	$(link) $(VIEW_LIBS)

$(BUILD)/crowd: $(call objects,tests/crowd) $(LIBRARY)
	$(link) -lm

$(BUILD)/relay: $(call objects,tests/relay) $(LIBRARY)
	$(link) -lm

$(BUILD)/pester: $(call objects,tests/pester) $(LIBRARY)
	$(link) -lm

$(BUILD)/notified: $(call objects,tests/notified)
	$(link)

$(BUILD)/freeze: $(call objects,tests/freeze)
	$(link)

$(BUILD)/interop-samples: $(call objects,tests/interop/samples)
	$(link) -lsndfile

$(BUILD)/gst-aes67-send: CFLAGS += $(shell pkg-config --cflags gstreamer-1.0 | sed 's/-I/-isystem /g')
$(BUILD)/gst-aes67-send: $(call objects,tests/interop/gst_aes67_send)
	$(link) $(shell pkg-config --libs gstreamer-1.0 gstreamer-net-1.0)

# what the scripts need besides the instruments
PEERS     := $(addprefix $(BUILD)/,garbage pester clicks relay viewer crowd fake-ptp4l notified freeze interop-samples gst-aes67-send)

peers: $(PEERS)

# ---- fuzzing: tests/fuzz/fuzz_TARGET.c is a target; see tests/fuzz/README.md ----------------------------------

FUZZERS   := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# by libFuzzer, which brings its main; and by a plain main over the stored corpus
FUZZ_BINS := $(addprefix $(BUILD)/tests/fuzz/fuzz_,$(FUZZERS))
CORPORA   := $(addprefix $(BUILD)/tests/fuzz/corpus_,$(FUZZERS))
SCRIPTS   += tests/fuzz/corpus.sh
TARGETS   ?= $(FUZZERS)

$(FUZZ_BINS): LDFLAGS += -fsanitize=fuzzer
$(FUZZ_BINS): $(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIBRARY)
	$(link) $(SEND_LIBS)

$(CORPORA): $(BUILD)/tests/fuzz/corpus_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/corpus_main.o $(LIBRARY)
	$(link) $(SEND_LIBS) $(DISCOVERY_LIBS)

%/fuzz_mix %/corpus_mix: LDFLAGS += -Wl$(comma)--wrap=timeline_create
%/fuzz_rx %/corpus_rx: LDFLAGS += $(addprefix -Wl$(comma)--wrap=timeline_,create reset read)

# what costs time and leads nowhere: to follow each comparison of the arithmetic, each loop of a filter, and the harness itself
ifneq ($(findstring fuzzer,$(SAN)),)
$(call objects,$(RX) proto/observer proto/timebase): CFLAGS += -fno-sanitize-coverage=trace-cmp
$(call objects,receiver/conceal proto/pcm): CFLAGS += -fno-sanitize=fuzzer-no-link
$(call objects,tests/fuzz/fuzz_rx): CFLAGS += -fno-sanitize=all
endif

fuzzers: $(FUZZ_BINS)
corpora: $(CORPORA)

# `make fuzz SECONDS=60 TARGETS='rx rtp'`; builds with clang, in a folder of its own
fuzz: deps-build
	@tools/deps.sh clang libclang-rt-14-dev
	+@$(MAKE) --no-print-directory $(PARALLEL) BUILD=$(BUILD)/fuzz CC=clang SAN=fuzzer-no-link,address,undefined fuzzers
	@tests/fuzz/fuzz.sh $(BUILD)/fuzz/tests/fuzz $(if $(filter file,$(origin SECONDS)),60,$(SECONDS)) $(TARGETS)

units: $(UNITS)

SANITIZED := build/san-address-undefined
ALL_UNITS  = $(UNITS) $(UNITS:build/%=$(SANITIZED)/%) build/san-thread/tests/test_snapshot build/san-thread/tests/test_source
# a card whose pointer is held against the clock of the host
TIMED     := %/test_simcard
# the whole suite: unit tests plain and under ASan and UBSan, then everything from outside
test: deps-build deps-test
	+@$(MAKE) --no-print-directory $(PARALLEL) all tools units $(PEERS)
	+@$(MAKE) --no-print-directory $(PARALLEL) SAN=address,undefined all units corpora $(SIMCARD:build/%=$(SANITIZED)/%)
	+@$(MAKE) --no-print-directory $(PARALLEL) SAN=thread all $(SIMCARD:build/%=build/san-thread/%) \
	    build/san-thread/tests/test_snapshot build/san-thread/tests/test_source
	@UNISONO_SIMCARD_SO=$(CURDIR)/$(SIMCARD) tests/run.sh tests/simulator.sh $(filter-out $(TIMED),$(ALL_UNITS)) $(SCRIPTS) \
	    -- $(filter $(TIMED),$(ALL_UNITS))

# warnings are errors, and the formatting is the tree's
check: deps-build deps-test
	+@$(MAKE) --no-print-directory $(PARALLEL) BUILD=build/check WERROR=1 all tools units corpora
	@clang-format --dry-run -Werror $(shell git ls-files '*.c' '*.h') && echo "formatting is clean"

# ---- set-up, demo, benchmark, installation --------------------------------------------------------------------

BUILD_PACKAGES := gcc libc6-dev libortp-dev libasound2-dev libsamplerate0-dev libsndfile1-dev libpcap-dev libncurses-dev libmicrohttpd-dev \
                  libsystemd-dev libavahi-client-dev libopus-dev
TEST_PACKAGES  := libcmocka-dev linuxptp iproute2 procps tshark sox jq clang-format man-db systemd strace \
                  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
                  libgstreamer1.0-dev pkg-config \
                  gstreamer1.0-plugins-bad ffmpeg avahi-daemon avahi-utils dbus-daemon \
                  tmux prometheus curl

deps: deps-build deps-test

deps-build:
	@tools/deps.sh $(BUILD_PACKAGES)

deps-test:
	@tools/deps.sh $(TEST_PACKAGES)

SECONDS ?= 20
# DEVICE=default plays it on a real sound card, too
demo: deps-build
	+@$(MAKE) --no-print-directory $(PARALLEL) all tools
	@tests/demo.sh "$(SECONDS)" "$(DEVICE)"

# `make bench SECONDS=20 PARTS='unisono gstreamer' DAMAGE_SECONDS=60` is shorter; see the head of tools/bench/bench.sh
# `make bench PARTS=stages` needs neither peers nor quiet minutes: what each stage costs
BENCH := $(addprefix $(BUILD)/,bench-delay bench-stamp bench-stages relay)
PARTS ?=
DAMAGE_SECONDS ?= 600
# the parts that measure no peer
OURS  := stages wide packet-sizes
WITH_PEERS = $(if $(PARTS),$(filter-out $(OURS),$(PARTS)),yes)
bench: deps-build
	@$(if $(WITH_PEERS),tools/bench/deps.sh,tools/deps.sh iproute2 sox)
	+@$(MAKE) --no-print-directory $(PARALLEL) all tools $(BENCH) $(if $(WITH_PEERS),$(BUILD)/bench-gstreamer)
	@tools/bench/bench.sh --seconds $(if $(filter file,$(origin SECONDS)),60,$(SECONDS)) \
	    --damage-seconds $(DAMAGE_SECONDS) $(if $(PARTS),--parts '$(PARTS)')

$(BUILD)/bench-gstreamer: CFLAGS += $(shell pkg-config --cflags gstreamer-1.0 2>/dev/null | sed 's/-I/-isystem /g')
$(BUILD)/bench-gstreamer: $(call objects,tools/bench/gst_peer)
	$(link) $(shell pkg-config --libs gstreamer-1.0 gstreamer-net-1.0 2>/dev/null)

$(BUILD)/bench-delay: $(call objects,tools/bench/delay tests/truth tests/record proto/timebase)
	$(link) -lm

$(BUILD)/bench-stamp: $(call objects,tools/bench/stamp)
	$(link)

$(BUILD)/bench-stages: $(call objects,tools/bench/stages $(RX) $(TX) proto/options $(CORE))
	$(link) -lsamplerate -lopus -lm

UNIT_NAMES := send send@ recv recv@

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/doc/unisono
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 sender/unisono-send.1 receiver/unisono-recv.1 tools/doctor/unisono-doctor.1 tools/replay/unisono-replay.1 \
	    $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 tools/monitor/unisono-monitor.1 tools/ctl/unisono-ctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 README.md LICENSE proto/PROTOCOL.md $(wildcard tools/ptp4l-*.conf) $(DESTDIR)$(PREFIX)/share/doc/unisono/
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/udev/rules.d $(DESTDIR)$(PREFIX)/lib/sysctl.d
	for unit in $(UNIT_NAMES); do tools/systemd/unit.sh $$unit $(PREFIX)/bin $(SYSCONFDIR)/unisono > \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/unisono-$$unit.service || exit; done
	install -m 644 tools/systemd/60-unisono.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/
	install -m 644 tools/systemd/60-unisono.conf $(DESTDIR)$(PREFIX)/lib/sysctl.d/
	install -D -m 644 tools/systemd/ptp4l.conf $(DESTDIR)$(PREFIX)/share/doc/unisono/systemd/ptp4l.conf
	install -D -m 644 tools/systemd/send.conf $(DESTDIR)$(SYSCONFDIR)/unisono/send.conf.example
	install -D -m 644 tools/systemd/recv.conf $(DESTDIR)$(SYSCONFDIR)/unisono/recv.conf.example
	sed -e 's,/usr/local,$(PREFIX),; s,/etc/,$(SYSCONFDIR)/,' tools/systemd/unisono-monitor.service > \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/unisono-monitor.service
	install -D -m 644 tools/systemd/monitor.conf $(DESTDIR)$(SYSCONFDIR)/unisono/monitor.conf.example
	install -m 644 tools/monitor/unisono.rules.yml $(DESTDIR)$(PREFIX)/share/doc/unisono/

# configurations that somebody wrote stay
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(PROGRAMS)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man1/,unisono-send.1 unisono-recv.1 unisono-doctor.1 unisono-replay.1 unisono-monitor.1 unisono-ctl.1)
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/unisono
	rm -f $(patsubst %,$(DESTDIR)$(PREFIX)/lib/systemd/system/unisono-%.service,$(UNIT_NAMES))
	rm -f $(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-unisono.rules $(DESTDIR)$(PREFIX)/lib/sysctl.d/60-unisono.conf
	rm -f $(addprefix $(DESTDIR)$(SYSCONFDIR)/unisono/,send.conf.example recv.conf.example)
	rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/unisono-monitor.service $(DESTDIR)$(SYSCONFDIR)/unisono/monitor.conf.example
	-rmdir --ignore-fail-on-non-empty $(DESTDIR)$(SYSCONFDIR)/unisono

# what --print-config says of the defaults, but for what a service wants; tests/e2e/service.sh sees that they are up to date
examples: all
	$(BUILD)/unisono-send --input alsa:default --wait --print-config > tools/systemd/send.conf
	$(BUILD)/unisono-recv --wait --print-config > tools/systemd/recv.conf

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

# ---- rules ---------------------------------------------------------------------------------------------------

quiet_cc   = $(if $(V),,@echo "  CC    $<" &&) 
quiet_link = $(if $(V),,@echo "  LINK  $@" &&) 
link       = $(quiet_link)$(CC) $(LDFLAGS) -o $@ $^

# loops over channels, whose number is not known here: gcc's -O2 makes no vectors of them
$(call objects,receiver/level receiver/router receiver/conceal): CFLAGS += $(if $(filter -O2,$(OPT)),-O3)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(quiet_cc)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

clean:
	rm -rf build

.PHONY: all clean tools peers sim plot units fuzz fuzzers corpora test check deps deps-build deps-test demo bench install uninstall examples format
-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
