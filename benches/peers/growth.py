"""How time and memory grow with slices, image size, classes and passes: each point is one call of `glassbox bench`, so
that its peak of memory is its own."""

import json
import subprocess

#: Name -> (what grows, its option, unit of work for a value, points, further options).
SERIES = {
    "slices": ("slices of a stack (AlexNet trunk, 256²), one run", "--slices", [8, 16, 32, 64, 128, 256, 512],
               ["--network", "mrnet", "--work", "forward"]),
    "slices-maps": ("slices of a stack, a Grad-CAM of each", "--slices", [8, 16, 32, 64, 128, 256, 512],
                    ["--network", "mrnet", "--work", "gradcam"]),
    "size": ("side of the image in pixels (ResNet18), one run", "--size", [128, 192, 256, 384, 512, 768, 1024],
             ["--network", "resnet18", "--work", "forward"]),
    "size-maps": ("side of the image in pixels (ResNet18), Grad-CAM", "--size", [128, 192, 256, 384, 512, 768, 1024],
                  ["--network", "resnet18", "--work", "gradcam"]),
    "classes": ("classes (ResNet18), Grad-CAM of one", "--classes", [2, 10, 100, 1000],
                ["--network", "resnet18", "--work", "gradcam"]),
    "classes-again": ("classes (ResNet18), CAM of one more on a seen slice", "--classes", [2, 10, 100, 1000],
                      ["--network", "resnet18", "--work", "another-class"]),
    "classes-passes": ("classes (ResNet18), 100 passes", "--classes", [2, 10, 100, 1000],
                       ["--network", "resnet18", "--work", "passes"]),
    "passes": ("passes (ResNet18, 7 classes)", "--passes", [100, 1000, 10_000, 100_000],
               ["--network", "resnet18", "--work", "passes", "--classes", "7"]),
}


def measure(bench):
    """Measures every series, or those that --only names, and keeps each."""
    wanted = bench.given.only.split(",") if bench.given.only else SERIES
    for name in wanted:
        title, option, points, arguments = SERIES[name]
        rows, machine, others = [], None, []
        for point in points:
            command = [bench.program, "bench", *arguments, option, str(point), "--threads", str(bench.given.threads),
                       "--json", *bench.given.glassbox]
            if bench.given.runs:
                command += ["--repeat", str(bench.given.runs)]
            found = subprocess.run(command, capture_output=True, text=True)
            if found.returncode:
                raise SystemExit(f"{name} at {point}: {found.stderr.strip()}")
            report = json.loads(found.stdout)
            row, machine = report["rows"][0], report["machine"]
            others.append(report.get("others"))
            rows.append({"at": point, "median": row["median_ms"], "runs": row["runs"],
                         "memory": row.get("peak_memory_bytes")})
            print(f"{name} {point}: {row['median_ms']:.1f} ms, {(row.get('peak_memory_bytes') or 0) / 1e6:.0f} MB",
                  flush=True)
        known = [value for value in others if value is not None]
        bench.figures["growth"][name] = {
            "title": title, "points": rows, "others": round(max(known), 3) if known else None,
            "machine": machine["processor"], "threads": bench.given.threads,
        }
        bench.keep()
