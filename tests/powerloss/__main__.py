"""Take the power away at each point, and run the stages to their end from each.

python -m tests.powerloss [POINTS]
"""

import sys
import tempfile
from pathlib import Path

from tests.powerloss.losses import Recording, problems_at


def main() -> int:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(Path(folder) / "run")
        recording.record()
        count = failed = 0
        for point in recording.points(wanted):
            count += 1
            problems = problems_at(point)
            if not problems:
                try:
                    recording.finish(point)
                except AssertionError as error:
                    problems = [str(error)]
            failed += bool(problems)
            for problem in problems:
                print(f"after {point.number} calls, seed {point.seed}: {problem}", flush=True)
            if count % 20 == 0:
                print(f"{count} points, {failed} of them lost something", flush=True)
        print(f"{count} points, {len(recording.calls):,} calls, {failed} of them lost something")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
