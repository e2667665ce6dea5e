#!/usr/bin/env bash
# A stranger's hour: everything that README and docs promise to somebody new, through the commands that they name.
#   tests/stranger_hour.sh [--small] [FOLDER]
# Takes a fresh clone into FOLDER (a temporary one), runs the main job and the example there, then installs the wheel into an
# environment of its own and works elsewhere: the design of the docs, a notebook, scans of two vendors and four kinds in one
# study by default settings (with and without water, one file broken), and the workflow as a module.
# --small: this checkout and its environment instead of a clone, no main job (the tests run it on
# a small study), few steps of the design, and a study of scans without the designs and rivals of the default one. Everything
# else is whole, the fits of the real scans included.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
small=
if [ "${1:-}" = --small ]; then small=yes; shift; fi
work=$(mkdir -p "${1:-/tmp}" && { [ -n "${1:-}" ] && cd "$1" && pwd || mktemp -d; })
cores=${CORES:-2}
step() { printf '\n== %s (after %d s)\n' "$1" "$SECONDS"; }
fail() { echo "stranger's hour: $1" >&2; exit 1; }
holds() { grep -q -- "$2" "$1" || fail "$1 does not say '$2'"; }
# ratio FILE METABOLITE EXPECTED PERCENT: the ratio to creatine in a table of a fit
ratio() {
    awk -F, -v name="$2" -v expected="$3" -v percent="$4" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "/Cr+PCr") column = i }
        $1 == name { found = 1; off = 100 * ($column / expected - 1); printf "%s/tCr %.3f, LCModel %.3f: %+.0f %%\n", name, $column, expected, off
                     exit !(off < percent && off > -percent) }
        END { if (!found) exit 1 }' "$1" || fail "$1: $2 is not within $4 % of $3"
}
# within_sd FILE METABOLITE EXPECTED: the ratio to creatine is within its stated SD, and is not called reliable where that is above 50 %
within_sd() {
    awk -F, -v name="$2" -v expected="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        $1 == name { found = 1; value = $at["/Cr+PCr"]; sd = value * $at["%SD"] / 100
                     printf "%s/tCr %.3f +- %.3f, reliable: %s, LCModel %.3f\n", name, value, sd, $at["reliable"], expected
                     exit !((value - expected) ^ 2 < sd ^ 2 && ($at["%SD"] <= 50 || $at["reliable"] == "no")) }
        END { if (!found) exit 1 }' "$1" || fail "$1: $2 is not within its SD of $3, or called reliable with an SD above 50 %"
}
like_lcmodel() {
    ratio "$1" Glu 1.169 10; ratio "$1" NAA+NAAG 1.333 10; ratio "$1" Ins 0.849 10; within_sd "$1" Gln 0.153
}

step "clone"
clone=$here
if [ -z "$small" ]; then
    clone=$work/clone
    git clone --quiet "$here" "$clone"
fi
cd "$clone"

if [ -z "$small" ]; then
    step "make figures"
    make figures CORES="$cores"
    test -s results/report.html
    ls results/figures/*.png >/dev/null
fi

step "make example"
make example CORES="$cores"
test -s results/philips_press/report.html
like_lcmodel results/philips_press/fit/builtin/sub-02/press35/summary.csv

step "a wheel in an environment of its own"
"$clone/.venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work/wheel" "$clone"
"$clone/.venv/bin/python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$clone/constraints.txt" "$(ls "$work"/wheel/*.whl)[workflow,design]"
export PATH=$work/env/bin:$PATH
mkdir -p "$work/elsewhere"
cd "$work/elsewhere"
spinsculpt --version

step "the design of docs/pulse-design.md"
awk '/^## Another pair/ { inside = 1 } inside && /^```yaml/ { copy = 1; next } copy && /^```/ { exit } copy' \
    "$clone/docs/pulse-design.md" >lac.yaml
if [ -n "$small" ]; then
    printf '    starts: 2\n    iterations: 3\n' >>lac.yaml
fi
spinsculpt design lac.yaml --out designs | tee design.log
test -s designs/lac/pulse.json
grep -qi "use" design.log || fail "the design ended without a verdict"
[ -n "$small" ] || holds design.log "Verdict: use lac"
spinsculpt export designs/lac/pulse.json --out lac.pta

step "a notebook"
press35=$clone/tests/reference/data/philips_press35/sub-01_press
python - "$press35" <<'PYTHON'
import sys
import spinsculpt as ss

scan = ss.read_scan(f"{sys.argv[1]}_act_noID.sdat", water=f"{sys.argv[1]}_ref_noID.sdat")
basis = ss.simulate_basis(ss.press(te=35), ["NAA", "Cr", "GPC", "Glu", "Ins"], central_frequency=scan.data.central_frequency)
result = ss.fit_spectrum(scan, basis, baseline="spline:5")
print(scan, basis, result, sep="\n")
assert result.frame()["mM"].notna().all() and "<img" in scan._repr_html_()
PYTHON

step "one's own scans: two vendors, four kinds, with and without water, one broken"
data=$clone/tests/reference/data
mkdir -p scans/raw/sub-{a,b,c,d,e}
cd scans
for kind in act ref; do
    for suffix in sdat spar; do cp "$data/philips_press35/sub-01_press_${kind}_noID.$suffix" "raw/sub-a/press_$kind.$suffix"; done
done
cp "$data/siemens_exports/SVS_30.rda" raw/sub-b/
cp "$data/siemens_exports/SVS_XA60.dcm" raw/sub-c/
cp "$data"/siemens_twix_phantom/*avg-1.dat raw/sub-d/press30.dat
head -c 9000 "$data/siemens_exports/SVS_30.rda" >raw/sub-e/SVS_30.rda
spinsculpt import raw | tee import.log
settings=()
if [ -n "$small" ]; then
    printf 'compare: {analyses: [press30, press35], rivals: []}\nfigures: {designs: []}\n' >small.yaml
    settings=(--configfile small.yaml)
fi
if spinsculpt run --cores "$cores" --keep-going --config data=raw "${settings[@]}" >run.log 2>&1; then
    fail "a broken file went unnoticed"
fi
tail -n 20 run.log
if grep -q "Traceback (most recent" run.log; then fail "a traceback, see $PWD/run.log"; fi
holds results/report.html "This report is not whole"
holds results/report.html sub-e
for subject in b c d; do test -s "results/fit/builtin/sub-$subject/press30/summary.csv"; done
like_lcmodel results/fit/builtin/sub-a/press35/summary.csv

step "the same without the broken file: only what is new"
rm -r raw/sub-e && spinsculpt import raw --force >/dev/null
spinsculpt run --cores "$cores" --config data=raw "${settings[@]}" >again.log 2>&1 || { tail -n 20 again.log; fail "the sound scans did not go through"; }
if grep -q "not whole" results/report.html; then fail "the report is not whole"; fi
cd ..

step "the workflow as a module of another one"
mkdir -p module
cat >module/Snakefile <<SNAKEFILE
module spinsculpt:
    snakefile: "$(python -c 'from spinsculpt.config import workflow_folder; print(workflow_folder())')/Snakefile"
    config: {"run": "inner", "sequences": {"press40": {"type": "press", "echo_time": 0.040}}}

use rule * from spinsculpt as spinsculpt_*

rule mine:
    default_target: True
    input: "results/inner/sequences/press40.json"
    output: "mine.txt"
    shell: "wc -c < {input} > {output}"
SNAKEFILE
(cd module && snakemake --cores 1 --quiet all)
test -s module/mine.txt

step "done"
[ -n "${1:-}" ] || rm -rf "$work"
