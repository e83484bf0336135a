#!/usr/bin/env bash
# Grades what a pull request hands in, on any CI: fetches the two ends of it as objects and runs `grader ci grade`.
#
#   KIT_URL       the repository, as git fetch takes it
#   KIT_BASE      the ref that the pull request goes to, such as refs/heads/main
#   KIT_HEAD      the ref of the pull request: refs/merge-requests/7/head, refs/pull/7/head, refs/heads/topic
#   KIT_COMMIT    the commit that the CI reports on; if the ref has moved on, nothing is graded (optional)
#   KIT_TEAM      whose pull request it is (optional where KIT_HAND_INS has {team})
#   KIT_HAND_INS  where hand-ins lie, such as hand-ins/{team}/{file} (optional)
#   KIT_REQUIRE   passed, no-worse, or score>=N (default: passed)
#   KIT_OUT       the folder for the report (default: report)
#
# All arguments go on to `grader ci grade`. Its exit code is that of the script; also 2 where a variable is missing, 3
# where the ref has moved, and 4 where the ends cannot be fetched, or git refuses their objects.
# This file has to come from the trusted side, as the grader does: from the kit's own clone, never from the pull request.
set -euo pipefail

fault() {
  echo "$1" >&2
  exit 4
}

out=${KIT_OUT:-report}
# An earlier run's report must not be taken for that of this one, also where this one gets no further than here.
rm -f -- "$out/summary.md" "$out/report.json" "$out/junit.xml" "$out/ctrf.json" ||
  fault "The earlier report in $out cannot be removed."
if [ -f "$out/scores/.made-by-grader-ci" ]; then
  while IFS= read -r record; do
    case "/$record" in */../*) ;; *.json) rm -f -- "$out/scores/$record" ;; esac
  done < "$out/scores/.made-by-grader-ci"
  rm -f -- "$out/scores/.made-by-grader-ci"
fi

for name in KIT_URL KIT_BASE KIT_HEAD; do
  if [ -z "${!name:-}" ]; then
    echo "$name is not set. The beginning of $0 says what it is." >&2
    exit 2
  fi
done

command -v grader >/dev/null || fault "grader is not installed."
objects=$(mktemp -d) || fault "No folder for the objects could be made."
trap 'rm -rf "$objects"' EXIT
# Bare, without hooks and templates; a tree that no checkout could have is refused by git itself.
git init --quiet --bare --template= "$objects" || fault "git is not to be had."
git -C "$objects" -c fetch.fsckObjects=true fetch --quiet --no-tags --end-of-options "$KIT_URL" \
  "+$KIT_BASE:refs/kit/base" "+$KIT_HEAD:refs/kit/head" ||
  fault "The two ends of the pull request could not be fetched, so nothing was graded."
base=$(git -C "$objects" rev-parse --verify 'refs/kit/base^{commit}') || fault "$KIT_BASE is no commit."
head=$(git -C "$objects" rev-parse --verify 'refs/kit/head^{commit}') || fault "$KIT_HEAD is no commit."

if [ -n "${KIT_COMMIT:-}" ] && [ "$KIT_COMMIT" != "$head" ]; then
  echo "The head of the pull request has moved from $KIT_COMMIT to $head: the check of the later push grades it." >&2
  exit 3
fi

arguments=(--repo "$objects" --base "$base" --head "$head")
arguments+=(--require "${KIT_REQUIRE:-passed}" --out "$out")
[ -z "${KIT_TEAM:-}" ] || arguments+=(--team "$KIT_TEAM")
[ -z "${KIT_HAND_INS:-}" ] || arguments+=(--hand-ins "$KIT_HAND_INS")
grader ci grade "${arguments[@]}" "$@"
