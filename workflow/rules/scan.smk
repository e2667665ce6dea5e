"""Stages 3 to 5 of a scan in one job, with `scan_jobs: whole`; convert.smk, preprocess.smk and fit.smk have them apart."""

# One rule for scans that make the same files: of a sequence, with or without a session and a water reference.
for whole in jobs.whole_scans():

    rule:
        name:
            whole.name
        input:
            unpack(whole.inputs),
        output:
            **whole.water_files(),
            **whole.fit_files(),
            **{
                f"{analysis}_picture": report(
                    f"<results>/fit/builtin/{whole.folder}/{analysis}/fit.png",
                    category="Fits",
                    labels={"engine": "builtin", "scan": whole.folder, "analysis": analysis},
                )
                for analysis in whole.analyses
            },
            data=f"{whole.converted}_svs.nii.gz",
            sidecar=f"{whole.converted}_svs.json",
            clean=f"{whole.cleaned}_svs.nii.gz",
            averages=f"{whole.cleaned}_averages.nii.gz",
            qc=f"{whole.cleaned}_qc.json",
            picture=report(
                f"{whole.cleaned}_preproc.png",
                category="Preprocessing",
                labels={"scan": whole.scan},
            ),
        log:
            f"<logs>/scans/{whole.folder}/{whole.scan}.log",
        benchmark:
            f"<benchmarks>/scans/{whole.folder}/{whole.scan}.tsv"
        wildcard_constraints:
            subject="[A-Za-z0-9]+",
            session="[A-Za-z0-9]+",
        group:
            "scan"
        conda:
            f"../../envs/{CLEANING}.yaml"
        params:
            code=code_of("analyse_scan"),
            work=whole.work,
            convert=plain(study.convert),
            preprocess=plain(study.preprocess),
        script:
            "../scripts/analyse_scan.py"
