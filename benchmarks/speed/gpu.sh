#!/usr/bin/env bash
# What does a machine with a graphics processor bring? All benchmarks that can use one, in their quick forms, in 8 minutes.
#
#     bash benchmarks/speed/gpu.sh [--dry-run] [--list] [--only STEP,STEP] [--minutes 8]
#                                  [--airbench FOLDER [--cifar SET]] [FOLDER]
#
# Every step has a limit of its own and begins only while there is time. One that fails, or takes too long, is written
# down, and the next one follows. FOLDER (else $OUT, else gpu-results) gets results.json with the figures of all steps,
# log.txt with all that they printed, and summary.txt with the table that is printed at the end; all three are written
# anew after every step. Status 1: some step failed.
#
# --dry-run: smallest sizes, on the processor, to see that every command works, each as long as there is time; so it is
# where torch sees no GPU.
# --list: prints the commands and runs none. --airbench: a checkout of https://github.com/KellerJordan/cifar10-airbench,
# whose program then takes turns with `sprint` on SET (cifar10; cifar.py says more).
#
# Fashion-MNIST is read from SADARI_DATA_DIR; steps that need it fail without it. PYTHON: the interpreter, else that of
# .venv, else uv's, else python3; one that lacks sadari, but has all that it needs, gets the sources of this checkout.
set -uo pipefail

usage() { sed -n '2,/^set /p' "$0" | sed -e '/^set /d' -e 's/^# \{0,1\}//'; }

refuse() {
  echo "gpu.sh: $1; --help says what it takes" >&2
  exit 2
}

dry='' list='' only='' minutes=8 airbench='' cifar=cifar10 folder=${OUT:-gpu-results}
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --dry-run) dry=yes ;;
    --list) list=yes ;;
    --only | --minutes | --airbench | --cifar)
      [ $# -ge 2 ] || refuse "$1 takes a value"
      printf -v "${1#--}" %s "$2"
      shift ;;
    -*) refuse "there is no option $1" ;;
    *) folder=$1 ;;
  esac
  shift
done
case $minutes in '' | *[!0-9]* | 0) refuse "--minutes is a whole number from 1 up, not '$minutes'" ;; esac
if [ -n "$airbench" ]; then
  [ -f "$airbench/airbench94_muon.py" ] || refuse "'$airbench' has no airbench94_muon.py"
  airbench=$(realpath "$airbench")
fi
names=(gpu_pays sprint airbench yardstick a0_targets inference devices frozen_speed side_by_side classical)
for wanted in ${only//,/ }; do
  case " ${names[*]} " in *" $wanted "*) ;; *) refuse "--only takes some of ${names[*]}, not '$wanted'" ;; esac
done

given=''
if [ -n "${PYTHON:-}" ]; then
  given=$(command -v "$PYTHON") || refuse "there is no interpreter '$PYTHON'"
  case $given in */*) given=$(realpath --no-symlinks "$given") ;; esac
fi
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
cd "$(dirname "$0")/../.." || exit 1
programs=benchmarks/speed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
began=$SECONDS

if [ -n "$given" ]; then python=("$given")
elif [ -x .venv/bin/python ]; then python=("$PWD/.venv/bin/python")
elif command -v uv > /dev/null; then python=(uv run python)
else python=(python3); fi
gpus=0
if [ -z "$list" ]; then
  mkdir -p "$folder" || exit 1
  if ! "${python[@]}" -c 'import sadari' 2> /dev/null; then
    "${python[@]}" -m venv --system-site-packages "$work/venv" || exit 1
    echo "$PWD/src" > "$(echo "$work"/venv/lib/python*/site-packages)/sadari.pth"
    python=("$work/venv/bin/python")
  fi
  if [ -z "$dry" ]; then
    gpus=$("${python[@]}" -c 'import torch; print(torch.cuda.device_count())') || exit 1
    if [ "$gpus" -eq 0 ]; then
      echo "torch sees no graphics processor here: a dry run on the processor"
      dry=yes
    fi
  fi
fi
[ -z "$dry" ] || export CUDA_VISIBLE_DEVICES=''

# note NAME OUTCOME SECONDS: writes down how a step ended, and all results so far.
note() {
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >> "$work/steps.tsv"
  "${python[@]}" "$programs/race/gathered.py" "$work" "$folder" "${dry:-no}" > "$work/table"
}

# step NAME LIMIT PROGRAM WORD...: runs one program for at most LIMIT seconds.
step() {
  local name=$1 limit=$2 program=$3 left outcome="done" started
  shift 3
  case ,${only:-$name}, in *,"$name",*) ;; *) return ;; esac
  if [ -n "$list" ]; then
    printf '%s: %s %s%s\n' "$name" "${python[*]}" "$programs/$program" "$(printf ' %q' "$@")"
    return
  fi
  left=$((60 * minutes - 10 - (SECONDS - began)))
  if [ "$left" -lt 5 ]; then note "$name" 'no time left' 0; return; fi
  if [ -n "$dry" ] || [ "$limit" -gt "$left" ]; then limit=$left; fi
  echo "$name: at most $limit s"
  started=$SECONDS
  timeout --kill-after=5 "$limit" "${python[@]}" "$programs/$program" "$@" > "$work/$name.log" 2>&1
  case $? in
    0) ;;
    124 | 137) outcome="over $limit s" ;;
    *) outcome=failed; tail -n 3 "$work/$name.log" ;;
  esac
  note "$name" "$outcome" $((SECONDS - started))
}

# pass_over NAME REASON: writes down that a step is not for this machine.
pass_over() {
  case ,${only:-$1}, in *,"$1",*) ;; *) return ;; esac
  if [ -n "$list" ]; then echo "$1: passed over, $2"; else note "$1" "$2" 0; fi
}

if [ -n "$dry" ]; then
  shapes=(--data 'shapes:images=120,size=28')
  pays=(--models mlp --ways 'float32,channels-first,bfloat16' --steps 2 --turns 1 --batch 16)
  race=(--models mlp --peers torch)
  targets=(--models mlp "${shapes[@]}")
  judges=(--models mlp --entrants 'sadari,torch')
  networks=small together='a few shapes' passes=1
else
  shapes=() pays=() race=() targets=(--models 'mlp,cnn,lstm')
  judges=(--models 'cnn,sprint' --entrants 'sadari,sadari-bfloat16,torch,torch-compile')
  networks=mobilenet together=digits passes=2
fi

step gpu_pays 120 gpu_pays.py "${pays[@]}" --out "$work/gpu_pays.json"
step sprint 60 sprint.py --seeds 1 "${shapes[@]}" --out "$work/sprint.json"
if [ -z "$airbench" ]; then pass_over airbench 'needs --airbench'
elif [ -n "$dry" ]; then pass_over airbench 'needs a GPU'
else step airbench 150 cifar.py --airbench "$airbench" --data "$cifar" --arms sprint,airbench --epochs 8 --out "$work/airbench.json"; fi
step yardstick 60 yardstick.py --quick --gpu "${race[@]}" --out "$work/yardstick.json"
step a0_targets 60 a0_targets.py --seeds 1 --no-keras "${targets[@]}" --out "$work/a0_targets.json"
step inference 60 inference.py --installed --gpu --turns 1 "${judges[@]}" --out "$work/inference.json"
if [ -n "$dry" ]; then step devices 60 devices.py --cases mlp:32 --fraction 1 --turns 1 "${shapes[@]}" --out "$work/devices.json"
elif [ "$gpus" -ge 2 ] || [ -n "$list" ]; then step devices 60 devices.py --cases cnn:1024 --turns 1 --out "$work/devices.json"
else pass_over devices 'needs two GPUs'; fi
step frozen_speed 60 frozen_speed.py --networks "$networks" --what head --pairs 1 --no-keras --out "$work/frozen_speed.json"
step side_by_side 60 side_by_side.py comparisons --only "$together" --turns 1 --out "$work/side_by_side.json"
step classical 60 classical.py --turns 1 --passes "$passes" "${shapes[@]}" --out "$work/classical.json"

[ -z "$list" ] || exit 0
cat "$work/table"
echo "in $folder: results.json, log.txt, summary.txt"
! cut -f 2 "$work/steps.tsv" | grep -qE '^(failed|over )'
