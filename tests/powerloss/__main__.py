"""Take the power away at many points, and run the stages to their end from each.

python -m tests.powerloss [POINTS]
"""

import sys
import tempfile
from pathlib import Path

from tests.powerloss.losses import Recording
from tests.powerloss.trace import SYNCS


def main() -> int:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(Path(folder) / "run")
        recording.record()
        count = failed = 0
        for point in recording.points(wanted):
            count += 1
            problems = recording.problems_at(point)
            if not problems:
                try:
                    recording.finish(point)
                except AssertionError as error:
                    problems = [str(error)]
            failed += bool(problems)
            for problem in problems:
                print(f"{point}: {problem}", flush=True)
            if count % 20 == 0:
                print(f"{count} losses of power, after {failed} of them something is wrong", flush=True)
        syncs = sum(call.name in SYNCS and not call.is_begin for call in recording.calls)
        calls = f"{len(recording.calls):,} calls, {syncs} of them syncs"
        print(f"{calls}; {count} losses of power, after {failed} of them something is wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
