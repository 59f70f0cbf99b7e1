#!/usr/bin/env python3
"""Glassbox beside the best programs for the same work, on this machine: makes the environments, the networks and the
pictures, runs row by row, and writes docs/performance.md.

    cargo build --release --bin glassbox
    python3 benches/peers/run.py --work FOLDER                       # everything
    python3 benches/peers/run.py --work FOLDER --only vgg16-forward,resnet18-forward
    python3 benches/peers/run.py --work FOLDER --growth              # how cost grows
    python3 benches/peers/run.py --work FOLDER --page                # the page alone, from the figures that are there

FOLDER keeps environments (about 8 GB), weights and pictures; a second call reuses them. Figures are kept beside the page
(docs/performance/figures.json), row by row: a row measured again replaces the former.

In a row all programs hold the same weights, read the same picture, and run on the same number of threads. They are held
in memory and run by turns, one at a time, with a pause in between, so that a change of the machine's pace meets all of
them. Before anything is timed, what they give is compared; a row whose programs disagree is not measured. What else used
the processor meanwhile is written down.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIGURES = ROOT / "docs" / "performance" / "figures.json"

#: Between two runs, so that the threads of the former have gone to sleep.
PAUSE_S = 0.25


class Row:
    """One line of the page."""

    def __init__(self, title, work, peers, goal, runs=7, costly=False, **more):
        self.title, self.work, self.peers, self.goal, self.runs, self.costly = title, work, peers, goal, runs, costly
        self.settings, self.layer = more.get("settings", []), more.get("layer")
        #: What Glassbox's card says of large dense layers, and the row whose peers these are, if it is not this one.
        self.dense, self.like = more.get("dense"), more.get("like")


FORWARD = ["PyTorch", "ONNX Runtime"]
SMOOTH, OCCLUDE, LIME = (["smoothgrad.samples=25", "smoothgrad.level=0.15"],
                         ["occlusion.window=32", "occlusion.stride=8", "occlusion.baseline=zero"],
                         ["lime.samples=1000"])

#: NETWORK-WORK -> row, in the page's order. Where a peer takes minutes, three runs are what there is.
ROWS = {
    "vgg16-forward": Row("VGG16, one image of 224²", "forward", [*FORWARD, "TensorFlow"], 0.45),
    "vgg16-forward-f16": Row("The same, large dense layers in 16 bits by the card", "forward", [*FORWARD, "TensorFlow"], 0.45,
                             dense="f16", like="vgg16-forward"),
    "mrnet-forward": Row("AlexNet over 24 slices of 256² (MRNet, one plane)", "forward", FORWARD, 0.45),
    "resnet18-forward": Row("ResNet18, one image of 224²", "forward", FORWARD, 0.65),
    "resnet50-forward": Row("ResNet50, one image of 224²", "forward", FORWARD, 0.8),
    "squeezenet1_1-forward": Row("SqueezeNet 1.1, one image of 224²", "forward", FORWARD, 1.0),
    "densenet121-forward": Row("DenseNet121, one image of 224²", "forward", FORWARD, 0.9),
    "vgg16-gradcam": Row("Grad-CAM, VGG16", "gradcam", ["pytorch-grad-cam"], 0.1, layer="features.29"),
    "vgg16-gradient": Row("Vanilla gradient, VGG16", "gradient", ["PyTorch", "Captum"], 0.2),
    "vgg16-flipout": Row("Flipout, 100 passes, VGG16 with a dense Flipout layer", "passes",
                         ["TensorFlow Probability", "the same with its trunk run once by hand"], 0.006),
    "resnet18-smoothgrad": Row("SmoothGrad, 25 copies, ResNet18", "smoothgrad", ["Captum"], 0.3, settings=SMOOTH),
    "vgg16-smoothgrad": Row("SmoothGrad, 25 copies, VGG16", "smoothgrad", ["Captum"], 0.3, settings=SMOOTH, costly=True),
    "resnet18-occlusion": Row("Occlusion, window 32, stride 8, ResNet18", "occlusion", ["Captum"], 0.15,
                              settings=OCCLUDE, costly=True),
    "vgg16-occlusion": Row("Occlusion, window 32, stride 8, VGG16", "occlusion", ["Captum"], 0.15, runs=3,
                           settings=OCCLUDE, costly=True),
    "resnet18-lime": Row("LIME, 1000 samples, ResNet18", "lime", ["LIME"], 0.3, settings=LIME, costly=True),
    "vgg16-lime": Row("LIME, 1000 samples, VGG16", "lime", ["LIME"], 0.3, runs=3, settings=LIME, costly=True),
}

#: By which peer's name its script and environment are found.
TENSORFLOW = ("TensorFlow", "TensorFlow Probability", "the same with its trunk run once by hand")


def environment(folder, name, given):
    """The Python of an environment; made unless one is given or there."""
    if given:
        return pathlib.Path(given) / "bin" / "python"
    python = folder / f"venv-{name}" / "bin" / "python"
    wanted = (HERE / f"requirements-{name}.txt").read_text()
    stamp = folder / f"venv-{name}" / "made-from.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making the environment {python.parents[1]}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / f"requirements-{name}.txt"], check=True)
        stamp.write_text(wanted)
    return python


def ticks(pids):
    """Busy ticks of the machine, all its ticks, and those of the given processes; None where the system does not say."""
    try:
        numbers = [int(n) for n in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        own = 0
        for pid in pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            own += int(fields[11]) + int(fields[12])
    except (OSError, ValueError, IndexError):
        return None
    return sum(numbers) - numbers[3] - numbers[4], sum(numbers), own


class Program:
    """A program that runs its work once for each line it is sent."""

    def __init__(self, command, threads, log):
        self.log = log
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        with log.open("w") as said:
            # Libraries warn of much; it is there to be read if something goes wrong.
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=said, text=True,
                                            env={**os.environ, **limits, "PYTHONPATH": str(HERE)})
        self.ready = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text().strip().splitlines()[-1:] or ["nothing said"]
            raise SystemExit(f"{self.process.args[0]} ended with {self.process.wait()} ({said[0]}; see {self.log})")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class Bench:
    """Everything one call works with."""

    def __init__(self, given):
        self.given, self.folder = given, given.work.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = given.program.resolve()
        self.figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"rows": {}, "growth": {}}

    def torch(self):
        return environment(self.folder, "torch", self.given.venv_torch)

    def tensorflow(self):
        return environment(self.folder, "tensorflow", self.given.venv_tensorflow)

    def keep(self):
        FIGURES.parent.mkdir(parents=True, exist_ok=True)
        unfinished = FIGURES.with_suffix(".part")
        unfinished.write_text(json.dumps(self.figures, indent=1, ensure_ascii=False) + "\n")
        unfinished.replace(FIGURES)

    def make(self, key, row):
        """Weights, card and pictures of a row; where they are and what Glassbox is told."""
        network = key.partition("-")[0]
        if row.work == "passes":
            folder = self.folder / "flipout"
            folder.mkdir(exist_ok=True)
            if not (folder / "vgg16.png").exists():
                subprocess.run([self.tensorflow(), HERE / "on_tensorflow.py", "make", folder, "2", "0"], check=True,
                               stdout=subprocess.DEVNULL)
            return folder, ["--model", folder / "vgg16.toml", "--image", folder / "vgg16.png", "--passes", "100"]
        if not (self.folder / f"{network}.safetensors").exists():
            print(f"making {network}", flush=True)
            subprocess.run([self.torch(), HERE / "networks.py", self.folder, network], check=True,
                           stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(HERE)})
        card = self.folder / f"{network}.toml"
        if row.dense:
            text = f'dense_weights = "{row.dense}"\n{card.read_text()}'
            card = self.folder / f"{network}-{row.dense}.toml"
            card.write_text(text)
        arguments = ["--model", card, "--image", self.folder / network]
        return self.folder, arguments

    def peer(self, name, key, folder, target):
        script, python = ("on_tensorflow.py", self.tensorflow()) if name in TENSORFLOW else ("on_torch.py", self.torch())
        command = [python, HERE / script, key, folder, self.given.threads, target, name]
        return Program(command, self.given.threads, self.folder / f"{key}-{name.replace(' ', '-')}.log")

    def measure(self, key, row):
        folder, arguments = self.make(key, row)
        result = self.folder / f"{key}.npy"
        command = [self.program, "bench", *arguments, "--work", row.work, "--on-demand", "--result", result,
                   "--threads", self.given.threads, *self.given.glassbox]
        for setting in row.settings:
            command += ["--set", setting]
        if row.layer:
            command += ["--layer", row.layer]
        ours = Program(command, self.given.threads, self.folder / f"{key}-glassbox.log")
        programs = {"Glassbox": ours}
        try:
            for name in row.peers:
                programs[name] = self.peer(name, row.like or key, folder, ours.ready["class"])
            return self.by_turns(key, row, programs, result)
        finally:
            for program in programs.values():
                program.close()

    def by_turns(self, key, row, programs, result):
        runs = self.given.runs or row.runs
        pids = [program.process.pid for program in programs.values()] + [os.getpid()]
        times = {name: [] for name in programs}
        before = ticks(pids)
        found = {}
        for turn in range(runs + (0 if row.costly else 1)):
            for name, program in programs.items():
                time.sleep(PAUSE_S)
                times[name].append(program.ask(f"run {name}")["milliseconds"])
                if turn == 0 and name != "Glassbox":
                    answer = program.ask(f"check {result}")
                    found.update(answer["found"])
                    # 16 bits are promised to 1e-3.
                    rounded = row.dense and answer["found"].get(name, {}).get("greatest difference", 1) < 1e-3
                    if not (answer["agrees"] or rounded):
                        raise SystemExit(f"{key}: Glassbox and {name} do not give the same: {answer['found']}")
            if turn == 0 and not row.costly:
                # The first round is for comparing and warming up; costly work is compared on a round that counts.
                times = {name: [] for name in programs}
                before = ticks(pids)
        after = ticks(pids)
        median = {name: statistics.median(values) for name, values in times.items()}
        comparable = [name for name in row.peers if "by hand" not in name]
        best = min(comparable, key=median.get)
        versions = {}
        for program in programs.values():
            versions.update(program.ready.get("versions", {}))
        return {
            "title": row.title, "goal": row.goal, "runs": runs, "threads": self.given.threads,
            "milliseconds": {name: [round(value, 3) for value in values] for name, values in times.items()},
            "median": {name: round(value, 3) for name, value in median.items()},
            "best": best, "ratio": round(median["Glassbox"] / median[best], 4),
            "agreement": found, "versions": versions, "machine": machine(), "glassbox": self.version(),
            "date": time.strftime("%Y-%m-%d"), "others": others(before, after), "options": self.given.glassbox,
        }

    def version(self):
        found = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        return found.stdout.split()[-1]


def others(before, after):
    """Cores that other programs kept busy on average between two readings."""
    if not before or not after or after[1] <= before[1]:
        return None
    busy, total, own = (b - a for a, b in zip(before, after))
    return round(max(0, busy - own) / total * (os.cpu_count() or 1), 3)


def machine():
    processor = platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system()}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = arguments.add_argument
    add("--work", type=pathlib.Path, required=True, help="folder for environments, weights and pictures")
    add("--program", type=pathlib.Path, default=ROOT / "target" / "release" / "glassbox")
    add("--only", help="rows, separated by commas: " + ", ".join(ROWS))
    add("--threads", type=int, default=2)
    add("--runs", type=int, help="measured runs of each program; the row's own number unless given")
    add("--venv-torch", help="an environment that has what requirements-torch.txt names")
    add("--venv-tensorflow", help="an environment that has what requirements-tensorflow.txt names")
    add("--glassbox", nargs=argparse.REMAINDER, default=[], help="further options of glassbox bench; comes last")
    add("--growth", action="store_true", help="measure how cost grows instead of the rows")
    add("--page", action="store_true", help="write the page from the figures that are there, and nothing else")
    given = arguments.parse_args()
    bench = Bench(given)

    wrong = []
    if given.growth:
        import growth

        growth.measure(bench)
    elif not given.page:
        for key in given.only.split(",") if given.only else ROWS:
            if key not in ROWS:
                raise SystemExit(f"no row is called {key}; known are {', '.join(ROWS)}")
            try:
                figures = bench.measure(key, ROWS[key])
            except SystemExit as stopped:
                # One row that can't be had is no reason to throw the others away.
                print(f"{key}: {stopped}", file=sys.stderr, flush=True)
                wrong.append(key)
                continue
            bench.figures["rows"][key] = figures
            bench.keep()
            medians = ", ".join(f"{name} {value:.1f} ms" for name, value in figures["median"].items())
            print(f"{key}: {medians}; {figures['ratio']:.3f} x {figures['best']} (goal {figures['goal']}), "
                  f"others {figures['others']} cores", flush=True)
    subprocess.run([bench.torch(), HERE / "page.py", FIGURES, ",".join(ROWS)], check=True)
    if wrong:
        raise SystemExit(f"not measured: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
