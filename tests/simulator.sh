#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# simulator.sh: every scenario holds with one seed, 24 hours among them; what makes no sense is refused.
set -u
cd "$(dirname "$0")/.." || exit 1
sim=${UNISONO_BUILD:-build}/unisono-sim
renice -n 19 $$ > /dev/null # virtual time can wait for those that cannot
failures=0

"$sim" --seeds 1 tests/sim/scenarios/*.sim || failures=1

refused() { # WHAT STATUS REASON COMMAND...
    local what=$1 status=$2 reason=$3 said
    shift 3
    said=$("$@" 2>&1)
    if [ $? != "$status" ] || [[ $said != *"$reason"* ]]; then
        echo "$what is not refused as it should be; said: $said"
        failures=1
    fi
}
refused 'no scenario' 2 'no scenario was named' "$sim"
refused 'a scenario that is not there' 2 'No such file' "$sim" tests/sim/scenarios/none.sim
refused 'half a seed' 2 '--seed 0.5: a whole number' "$sim" --seed 0.5 tests/sim/scenarios/ordinary.sim
refused 'two runs in one table' 2 '--csv x: takes one scenario' "$sim" --csv x --seeds 2 tests/sim/scenarios/ordinary.sim
refused 'a table without a folder' 1 '/nowhere/x: No such file' "$sim" --csv /nowhere/x tests/sim/scenarios/stop.sim
exit $failures
